// SPDX-License-Identifier: GPL-2.0
//! fixup!, squash! and amend! commits go into those that they are for: by `git
//! rebase --autosquash`, in a scratch repository.

use std::fs;

use anyhow::{Context, Result};

use crate::opened::{self, Commit, Opened};
use toolbox::fault;
use toolbox::git::Git;
use toolbox::run;

/// A line of the message of the empty commit in which `b4 prep` keeps the cover letter.
const B4_COVER: &str = "--- b4-submit-tracking ---";

const MARKS: [&str; 3] = ["fixup! ", "squash! ", "amend! "];

/// The commits of the opened tree, each patch one commit.
pub fn squash(opened: &Opened, git: &Git) -> Result<Vec<Commit>> {
    let tip = opened.tip()?;
    opened.lend_notes(git)?;
    let commits = patches(git, opened, &tip)?;
    let is_marked = |commit: &&Commit| MARKS.iter().any(|mark| commit.subject().starts_with(mark));
    if !commits.iter().any(|commit| is_marked(&commit)) {
        return Ok(commits);
    }
    rebase(git, &opened.base, &tip)?;
    let squashed = patches(git, opened, "HEAD")?;
    match squashed.iter().find(is_marked) {
        None => Ok(squashed),
        Some(commit) => Err(fault::usage(format!(
            "commit {} is for none of the series: no subject is what follows its mark",
            commit.name()
        ))),
    }
}

/// The commits that are patches.
fn patches(git: &Git, opened: &Opened, tip: &str) -> Result<Vec<Commit>> {
    let mut commits = opened::commits(git, &opened.base, tip)?;
    commits.retain(|commit| commit.message.lines().all(|line| line != B4_COVER));
    Ok(commits)
}

fn rebase(git: &Git, base: &str, tip: &str) -> Result<()> {
    // git checks out only what conflicts.
    git.read(["config", "core.sparseCheckout", "true"])?;
    let info = git.dir.join("info");
    fs::create_dir_all(&info)?;
    fs::write(info.join("sparse-checkout"), "/COPYING\n")?;
    git.read(["update-ref", "--no-deref", "HEAD", tip])?;
    git.read(["read-tree", "--reset", "-u", "HEAD"])?;
    let rebase = git
        .cmd(["rebase", "--quiet", "--interactive", "--autosquash", base])
        .env("GIT_SEQUENCE_EDITOR", ":")
        .env("GIT_EDITOR", ":");
    let Err(failed) = run::read(rebase) else {
        return Ok(());
    };
    run::check_interrupt()?;
    let stopped_at = git.read(["log", "-1", "--format=%h (\"%s\")", "REBASE_HEAD"]);
    let Ok(commit) = stopped_at else {
        return Err(failed).context("squashing the fixup! commits");
    };
    let files = git.read(["diff", "--name-only", "--diff-filter=U"])?;
    Err(fault::usage(format!(
        "commit {commit} cannot be squashed where it belongs; it conflicts in {}: \
         resolve it with `git rebase -i --autosquash` in the tree itself",
        files.replace('\n', ", ")
    )))
}
