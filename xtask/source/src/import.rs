// SPDX-License-Identifier: GPL-2.0
//! Imports a kernel tarball as one commit. Author and date are fixed: the same tarball gives the
//! same commit.

use std::path::Path;
use std::process::Command;

use anyhow::Result;
use fs_err as fs;

use super::BRANCH;
use toolbox::fault::{self, Kind};
use toolbox::git::Git;
use toolbox::run::Stage;

/// Unpacks `tarball` into `tree` and commits the files. `named` is the file that messages name.
pub fn import(tarball: &Path, named: &Path, git: &Git, tree: &Path, log: &Path) -> Result<()> {
    fs::create_dir(tree)?;
    let stage = Stage::new(format!("unpacking {}", named.display())).fails_as(Kind::Usage);
    let mut tar = Command::new("tar");
    tar.args(["--strip-components=1", "--no-same-owner", "-xf"]);
    tar.arg(tarball).arg("-C").arg(tree).env("LC_ALL", "C");
    if let Err(err) = stage.run(&mut tar, log) {
        return Err(match fault::kind_of(&err) {
            Kind::Usage => err.context(format!(
                "{} is not a complete kernel tarball",
                named.display()
            )),
            _ => err,
        });
    }
    drop(stage);
    let stage = Stage::new(format!("importing {}", named.display()));
    let git = git.with_work_tree(tree);
    // `--force`: no .gitignore hides a file. The threshold makes git treat each file as a big one:
    // all files go into one pack.
    let add = [
        "-c",
        "core.bigFileThreshold=1",
        "add",
        "--all",
        "--force",
        ".",
    ];
    stage.run(&mut git.cmd(add).into(), log)?;
    let file = named.file_name().unwrap_or_default().to_string_lossy();
    let message = format!("Linux, from {file}");
    let commit = ["commit", "-q", "--date=@0 +0000", "-m", &message];
    let commit = git.cmd(commit).env("GIT_COMMITTER_DATE", "@0 +0000");
    stage.run(&mut commit.into(), log)?;
    git.read(["branch", "-M", BRANCH]).map(drop)
}
