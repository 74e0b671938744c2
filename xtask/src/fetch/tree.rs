// SPDX-License-Identifier: GPL-2.0
//! `--linux DIR`: the user's own git tree as the source. It is read, and its
//! objects are borrowed; nothing here or later writes to it.

use std::path::{Path, PathBuf};

use anyhow::Result;
use xshell::{Shell, cmd};

use super::Source;
use crate::fault;
use crate::git::{self, Git};
use crate::line::Line;
use crate::run;

pub fn source(line: &'static Line, dir: &Path) -> Result<Source> {
    if !dir.is_dir() {
        return Err(fault::usage(format!(
            "--linux {}: no such folder",
            dir.display()
        )));
    }
    let git = Git::bare(repository(dir)?)?;
    let base = head(dir)?;
    let source = Source::check(line, &git, &base, dir)?;
    check_clean(dir)?;
    Ok(source)
}

/// Asks git about the user's tree. Whose it is does not matter: no hook or
/// filter of it runs.
fn ask(dir: &Path, args: &[&str]) -> Result<String> {
    let sh = Shell::new()?;
    run::read(git::unsteered(cmd!(
        sh,
        "git --no-optional-locks -c safe.directory=* -C {dir} {args...}"
    )))
}

/// The repository that work tree `dir` is the top folder of. A linked work
/// tree's is shared with others.
fn repository(dir: &Path) -> Result<PathBuf> {
    let args = [
        "rev-parse",
        "--path-format=absolute",
        "--show-prefix",
        "--git-common-dir",
    ];
    let found = ask(dir, &args).ok();
    match found.as_deref().and_then(|text| text.split_once('\n')) {
        Some(("", git_dir)) => Ok(git_dir.into()),
        _ => Err(fault::usage(format!(
            "--linux {}: not the top folder of a git tree",
            dir.display()
        ))),
    }
}

fn head(dir: &Path) -> Result<String> {
    ask(dir, &["rev-parse", "--verify", "HEAD"])
        .map_err(|_| fault::usage(format!("--linux {}: its HEAD is no commit", dir.display())))
}

/// What is not committed would silently not be in the kernel.
fn check_clean(dir: &Path) -> Result<()> {
    let changes = ask(dir, &["status", "--porcelain"])?;
    if changes.is_empty() {
        return Ok(());
    }
    let some = changes.lines().take(5).map(|line| format!("\n    {line}"));
    Err(fault::usage(format!(
        "--linux {}: it has changes that no commit has; commit or remove them first:{}",
        dir.display(),
        some.collect::<String>()
    )))
}
