// SPDX-License-Identifier: GPL-2.0
//! Whether b4, by which maintainers take a series, takes this one: `b4 am` and
//! `b4 shazam` on the mbox, without a network, have to make the same commits.

use std::ffi::OsStr;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use xshell::{Shell, cmd};

use super::commit::Scratch;
use super::mail;
use source::Source;
use toolbox::fault;
use toolbox::git;
use toolbox::run;

/// Tries `b4`, the program, on `mbox`, which has to make the commit `tip`.
pub fn check(b4: &Path, source: &Source, mbox: &Path, tip: &str) -> Result<()> {
    let ways: [(&str, Way); 2] = [("am", am), ("shazam", shazam)];
    for (name, way) in ways {
        let scratch = Scratch::new(source)?;
        mail::check_out(&scratch.git, &source.base)?;
        let made =
            way(b4, &scratch, source, mbox).with_context(|| format!("trying `b4 {name}`"))?;
        if made != tip {
            let log = ["log", "--format=raw", &made, "--not", &source.base];
            return Err(fault::test_failed(format!(
                "`b4 {name}` makes other commits of the mbox than went in, not {tip} but:\n{}",
                scratch.git.read(log)?
            )));
        }
    }
    Ok(())
}

/// What b4 is asked to do; gives the last commit.
type Way = fn(&Path, &Scratch, &Source, &Path) -> Result<String>;

/// An mbox of b4's making, for git am.
fn am(b4: &Path, scratch: &Scratch, source: &Source, mbox: &Path) -> Result<String> {
    let out = scratch.dir.path().join("am");
    let [am, no_cover, to, from] = ["am", "--no-cover", "-o", "-m"].map(OsStr::new);
    let files = (out.as_os_str(), mbox.as_os_str());
    run_b4(b4, scratch, &[am, no_cover, to, files.0, from, files.1])?;
    let made = fs::read_dir(&out).with_context(|| format!("reading {}", out.display()))?;
    let mails: Vec<_> = made.filter_map(|entry| Some(entry.ok()?.path())).collect();
    mail::apply_mails(&scratch.git, &source.base, &mails)
}

/// b4 runs git am itself.
fn shazam(b4: &Path, scratch: &Scratch, _: &Source, mbox: &Path) -> Result<String> {
    run_b4(
        b4,
        scratch,
        &["shazam".as_ref(), "-m".as_ref(), mbox.as_os_str()],
    )?;
    scratch.git.read(["rev-parse", "HEAD"])
}

const OPTIONS: [&str; 7] = [
    "--no-interactive",
    "--no-stdin",
    "--offline-mode",
    "-c",
    "b4.attestation-policy=off",
    "-c",
    "b4.shazam-am-flags=--committer-date-is-author-date",
];

/// In a network namespace of its own, where there is nobody to ask.
fn run_b4(b4: &Path, scratch: &Scratch, args: &[&OsStr]) -> Result<()> {
    let tree = scratch.dir.path().join("tree");
    // What makes the folder a work tree in the eyes of a plain git.
    let link = format!("gitdir: {}\n", scratch.git.dir.display());
    fs::write(tree.join(".git"), link)?;
    let sh = Shell::new()?;
    sh.change_dir(&tree);
    let cmd = cmd!(
        sh,
        "unshare --map-root-user --net -- {b4} {OPTIONS...} {args...}"
    );
    let mut cmd = git::clean(cmd).env("HOME", scratch.dir.path().join("home"));
    for name in ["DATA", "CACHE", "CONFIG", "STATE"] {
        cmd = cmd.env_remove(format!("XDG_{name}_HOME"));
    }
    run::read(cmd.stdin("")).map(drop)
}
