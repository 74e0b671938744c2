// SPDX-License-Identifier: GPL-2.0
//! The series as mails, and back. git writes them and git reads them; here are
//! only the options that make both the same on every machine.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use super::Spec;
use super::commit::Person;
use crate::fault;
use crate::fetch::Source;
use crate::git::Git;
use crate::run;

/// Every option that a user's configuration or a newer git could decide.
const FORMAT: [&str; 20] = [
    "-c",
    "core.quotePath=true",
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
    "--zero-commit",
    "--abbrev=12",
    "--diff-algorithm=myers",
    "--indent-heuristic",
    "--src-prefix=a/",
    "--dst-prefix=b/",
    "--filename-max-length=64",
];

/// Writes the mails of the commits from `source` to `tip` into `dir`.
pub fn write(
    git: &Git,
    source: &Source,
    spec: &Spec,
    tip: &str,
    signoff: Option<&Person>,
    dir: &Path,
) -> Result<()> {
    let branch = "series";
    git.read(["update-ref", &format!("refs/heads/{branch}"), tip])?;
    let cover = format!("{}\n\n{}", spec.title, spec.cover.trim_end());
    git.read(["config", &format!("branch.{branch}.description"), &cover])?;

    let date = format!("@{} +0000", spec.date.as_second());
    let mut cmd = git.cmd(FORMAT).arg("-o").arg(dir);
    if source.public {
        cmd = cmd.arg(format!("--base={}", source.base));
    }
    if let Some(Person { name, mail }) = signoff {
        cmd = cmd
            .env("GIT_COMMITTER_NAME", name)
            .env("GIT_COMMITTER_EMAIL", mail);
    }
    let range = format!("{}..{branch}", source.base);
    run::read(cmd.arg(range).env("GIT_COMMITTER_DATE", date))?;
    Ok(())
}

/// The mails of a folder, in order, without the cover letter.
pub fn patches(dir: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(dir).with_context(|| format!("reading {}", dir.display()))?;
    let mut paths: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .collect();
    paths.retain(|path| is_patch(path) && !is_cover(path));
    paths.sort();
    Ok(paths)
}

pub fn is_patch(path: &Path) -> bool {
    path.extension().is_some_and(|ext| ext == "patch")
}

fn is_cover(path: &Path) -> bool {
    path.file_name()
        .is_some_and(|name| name.to_string_lossy().starts_with("0000-"))
}

/// `git am` of the mails in `dir` on `base`; gives the last commit. The work
/// tree is sparse: git checks out only what the patches touch.
pub fn apply(git: &Git, base: &str, dir: &Path) -> Result<String> {
    let mails = patches(dir)?;
    ensure!(!mails.is_empty(), "{} holds no patches", dir.display());
    git.read(["config", "core.sparseCheckout", "true"])?;
    let info = git.dir.join("info");
    fs::create_dir_all(&info)?;
    fs::write(info.join("sparse-checkout"), "/COPYING\n")?;
    git.read(["update-ref", "--no-deref", "HEAD", base])?;
    git.read(["read-tree", "--reset", "-u", "HEAD"])?;
    let am = git.cmd([
        "am",
        "--quiet",
        "--no-3way",
        "--committer-date-is-author-date",
    ]);
    run::read(am.args(&mails))
        .with_context(|| format!("applying the mails of {} with git am", dir.display()))?;
    git.read(["rev-parse", "HEAD"])
}

/// Checks that the mails in `dir` say all that the commits up to `tip` do.
pub fn round_trip(git: &Git, base: &str, tip: &str, dir: &Path) -> Result<()> {
    let back = apply(git, base, dir)?;
    if git.tree_of(&back)? != git.tree_of(tip)? {
        return Err(fault::test_failed(
            "git am of the mails gives another tree than the commits",
        ));
    }
    let ranges = [format!("{base}..{tip}"), format!("{base}..{back}")];
    let diff = run::read(git.cmd(["range-diff", "--no-color"]).args(ranges))?;
    let differs = diff
        .lines()
        .any(|line| line.split_whitespace().nth(2) != Some("="));
    if differs {
        return Err(fault::test_failed(format!(
            "git am of the mails gives other commits:\n{diff}"
        )));
    }
    Ok(())
}
