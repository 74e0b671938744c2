// SPDX-License-Identifier: GPL-2.0
//! Makes mails of the series, and commits of the mails. git does both; this file has only the
//! options with which git does the same on every machine.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use fs_err as fs;

use crate::spec::Spec;
use source::Source;
use toolbox::fault;
use toolbox::git::Git;
use toolbox::run;

/// git format-patch, with every option that a user's configuration or a newer git could change.
const FORMAT: [&str; 24] = [
    "format-patch",
    "--quiet",
    "--cover-letter",
    "--cover-from-description=subject",
    "--numbered",
    "--no-thread",
    "--no-attach",
    "--no-signature",
    "--no-renames",
    "--no-textconv",
    "--no-ext-diff",
    "--no-notes",
    "--no-color",
    "--no-relative",
    "--encode-email-headers",
    "--zero-commit",
    "--abbrev=12",
    "--unified=3",
    "--inter-hunk-context=0",
    "--diff-algorithm=myers",
    "--indent-heuristic",
    "--src-prefix=a/",
    "--dst-prefix=b/",
    "--filename-max-length=64",
];

/// Makes git range-diff pair all commits that can be paired, however much they differ.
const PAIR_ALL: &str = "--creation-factor=999";

/// Writes the mails of the commits from `source` to `tip` into `dir`. `cover` is the text of the
/// cover letter, below the title.
pub fn write(
    git: &Git,
    source: &Source,
    tip: &str,
    spec: &Spec,
    cover: &str,
    dir: &Path,
) -> Result<()> {
    let branch = "series";
    git.read(["update-ref", &format!("refs/heads/{branch}"), tip])?;
    let description = format!("{}\n\n{cover}", spec.title);
    git.read([
        "config",
        &format!("branch.{branch}.description"),
        &description,
    ])?;

    let date = format!("@{} +0000", spec.date.as_second());
    let mut cmd = git.cmd(FORMAT).arg("-o").arg(dir);
    if source.public {
        cmd = cmd.arg(format!("--base={}", source.base));
    }
    let range = format!("{}..{branch}", source.base);
    run::read(cmd.arg(range).env("GIT_COMMITTER_DATE", date))?;
    check_cover(dir, cover)
}

/// Checks that git's cover letter has the text: how git uses a branch's description has changed
/// before.
fn check_cover(dir: &Path, cover: &str) -> Result<()> {
    let letter = all(dir)?.into_iter().find(|path| is_cover(path));
    let letter = letter.ok_or_else(|| fault::test_failed("git wrote no cover letter"))?;
    let text = fs::read_to_string(&letter)?;
    if !text.contains(&format!("\n\n{cover}\n")) {
        return Err(fault::test_failed(
            "git's cover letter does not have the text of c-shim/messages/cover.txt",
        ));
    }
    Ok(())
}

/// Returns the mails of a folder, in order, including cover letters.
pub fn all(dir: &Path) -> Result<Vec<PathBuf>> {
    let paths = fs::read_dir(dir)?.map(|entry| Ok(entry?.path()));
    let mut paths: Vec<PathBuf> = paths.collect::<Result<_>>()?;
    paths.retain(|path| is_patch(path));
    paths.sort();
    Ok(paths)
}

/// Returns the mails of a folder, in order, without cover letters.
pub fn patches(dir: &Path) -> Result<Vec<PathBuf>> {
    let mut paths = all(dir)?;
    paths.retain(|path| !is_cover(path));
    Ok(paths)
}

pub fn is_patch(path: &Path) -> bool {
    path.extension().is_some_and(|ext| ext == "patch")
}

fn is_cover(path: &Path) -> bool {
    path.file_name()
        .is_some_and(|name| name.to_string_lossy().contains("0000-cover-letter"))
}

/// Applies the mails in `dir` to `base` with `git am`. Returns the last commit. The work tree is
/// sparse: git checks out only the files that the patches touch.
pub fn apply(git: &Git, base: &str, dir: &Path) -> Result<String> {
    let mails = patches(dir)?;
    ensure!(!mails.is_empty(), "{} has no patches", dir.display());
    check_out(git, base)?;
    let am = git.cmd([
        "am",
        "--quiet",
        "--no-3way",
        "--committer-date-is-author-date",
    ]);
    run::read(am.args(mails))
        .with_context(|| format!("applying the mails of {} with git am", dir.display()))?;
    git.read(["rev-parse", "HEAD"])
}

/// Sets HEAD to `base`. The work tree is sparse: only COPYING is checked out.
pub fn check_out(git: &Git, base: &str) -> Result<()> {
    git.read(["config", "core.sparseCheckout", "true"])?;
    let info = git.dir.join("info");
    fs::create_dir_all(&info)?;
    fs::write(info.join("sparse-checkout"), "/COPYING\n")?;
    git.read(["update-ref", "--no-deref", "HEAD", base])?;
    git.read(["read-tree", "--reset", "-u", "HEAD"])?;
    Ok(())
}

/// Checks that the mails in `dir` have everything that the commits up to `tip` have: git am must
/// make exactly the same commits from them, with the same trees, messages, authors and dates.
pub fn round_trip(git: &Git, base: &str, tip: &str, dir: &Path) -> Result<()> {
    let back = apply(git, base, dir)?;
    if back == tip {
        return Ok(());
    }
    let what = match git.tree_of(&back)? == git.tree_of(tip)? {
        true => "other commits",
        false => "another tree",
    };
    let ranges = [format!("{base}..{tip}"), format!("{base}..{back}")];
    let diff = run::read(git.cmd(["range-diff", "--no-color", PAIR_ALL]).args(ranges))?;
    Err(fault::test_failed(format!(
        "git am makes {what} from the mails than the series has; the range-diff (`=`: only \
         white space or dates differ):\n{diff}"
    )))
}
