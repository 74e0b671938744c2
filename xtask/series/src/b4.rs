// SPDX-License-Identifier: GPL-2.0
//! Checks that b4, with which maintainers apply a series, can apply this one: `b4 shazam` gets the
//! mails as one thread, runs without a network, and must make the same commits.

use std::path::Path;

use anyhow::{Context, Result};
use fs_err as fs;
use xshell::{Shell, cmd};

use super::commit::Scratch;
use super::mail;
use source::Source;
use toolbox::fault;
use toolbox::git;
use toolbox::run;

const OPTIONS: [&str; 7] = [
    "--no-interactive",
    "--no-stdin",
    "--offline-mode",
    "-c",
    "b4.attestation-policy=off",
    "-c",
    "b4.shazam-am-flags=--committer-date-is-author-date",
];

/// Runs the program `b4` on the folder `mails`. Fails unless it makes the commit `tip`.
pub fn check(b4: &Path, source: &Source, mails: &Path, tip: &str) -> Result<()> {
    let scratch = Scratch::new(source)?;
    mail::check_out(&scratch.git, &source.base)?;
    let mbox = scratch.dir.path().join("series.mbx");
    fs::write(&mbox, thread(mails)?)?;
    shazam(b4, &scratch, &mbox)?;
    let made = scratch.git.read(["rev-parse", "HEAD"])?;
    if made == tip {
        return Ok(());
    }
    let log = ["log", "--format=raw", &made, "--not", &source.base];
    Err(fault::test_failed(format!(
        "b4 makes other commits from the mails than the series has: not {tip}, but\n{}",
        scratch.git.read(log)?
    )))
}

/// Runs `b4 shazam` in a network namespace of its own, where it cannot reach any server.
fn shazam(b4: &Path, scratch: &Scratch, mbox: &Path) -> Result<()> {
    let tree = scratch.dir.path().join("tree");
    // b4 calls git without our options. This file makes the folder a work tree for that git.
    let link = format!("gitdir: {}\n", scratch.git.dir.display());
    fs::write(tree.join(".git"), link)?;
    let sh = Shell::new()?;
    sh.change_dir(&tree);
    let cmd = cmd!(
        sh,
        "unshare --map-root-user --net -- {b4} {OPTIONS...} shazam -m {mbox}"
    );
    let mut cmd = git::clean(cmd).env("HOME", scratch.dir.path().join("home"));
    for name in ["DATA", "CACHE", "CONFIG", "STATE"] {
        cmd = cmd.env_remove(format!("XDG_{name}_HOME"));
    }
    run::read(cmd.stdin(""))
        .map(drop)
        .context("running b4 shazam")
}

/// Returns the mails as git made them, cover letter first, with headers that make them a thread.
fn thread(mails: &Path) -> Result<String> {
    let mut mbox = String::new();
    for (number, path) in mail::all(mails)?.iter().enumerate() {
        let mail = fs::read_to_string(path)?;
        let (from, rest) = mail
            .split_once('\n')
            .with_context(|| format!("{} is not a mail", path.display()))?;
        mbox += &format!("{from}\nMessage-ID: <poll-source-{number}@localhost>\n");
        if number > 0 {
            mbox += "In-Reply-To: <poll-source-0@localhost>\n";
        }
        mbox += &format!("{}\n\n", rest.trim_end_matches('\n'));
    }
    Ok(mbox)
}
