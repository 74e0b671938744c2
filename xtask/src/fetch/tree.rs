// SPDX-License-Identifier: GPL-2.0
//! `--linux DIR`: the user's own git tree as the source. It is read, and its
//! objects are borrowed; nothing here or later writes to it.

use std::path::{Path, PathBuf};

use anyhow::Result;
use xshell::{Shell, cmd};

use super::Source;
use crate::fault;
use crate::git::Git;
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

/// The repository that work tree `dir` is the top folder of. A linked work
/// tree's is shared with others.
fn repository(dir: &Path) -> Result<PathBuf> {
    let not_a_tree = || {
        fault::usage(format!(
            "--linux {}: not the top folder of a git tree",
            dir.display()
        ))
    };
    let sh = Shell::new()?;
    let found = run::read(cmd!(
        sh,
        "git -c safe.directory=* -C {dir} rev-parse --path-format=absolute --show-prefix --git-common-dir"
    ));
    match found.map_err(|_| not_a_tree())?.split_once('\n') {
        Some(("", git_dir)) => Ok(git_dir.into()),
        _ => Err(not_a_tree()),
    }
}

fn head(dir: &Path) -> Result<String> {
    let sh = Shell::new()?;
    run::read(cmd!(
        sh,
        "git -c safe.directory=* -C {dir} rev-parse --verify HEAD"
    ))
    .map_err(|_| fault::usage(format!("--linux {}: its HEAD is no commit", dir.display())))
}

/// What is not committed would silently not be in the kernel.
fn check_clean(dir: &Path) -> Result<()> {
    let sh = Shell::new()?;
    // Without the option, git status writes what it learns into the index.
    let changes = run::read(cmd!(
        sh,
        "git --no-optional-locks -c safe.directory=* -C {dir} status --porcelain"
    ))?;
    if changes.is_empty() {
        return Ok(());
    }
    let some: String = changes
        .lines()
        .take(5)
        .map(|line| format!("\n    {line}"))
        .collect();
    Err(fault::usage(format!(
        "--linux {}: it has changes that no commit has; commit or remove them first:{some}",
        dir.display()
    )))
}
