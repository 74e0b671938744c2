// SPDX-License-Identifier: GPL-2.0
//! Checks the entry that the series adds to MAINTAINERS. It must be where the tree's own script
//! puts it. At the end of the series, its patterns must match existing files and cover all files
//! that the series adds.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context, Result};
use fs_err as fs;

use super::Desk;
use super::checkpatch::script;
use super::finding::{Finding, Inspection};
use super::subject::Prefix;
use toolbox::git::Git;
use toolbox::run;

const FILE: &str = "MAINTAINERS";

pub fn look(desk: &Desk<'_>, commit: &Prefix) -> Result<Option<Inspection>> {
    let touched = commit.changes.iter().any(|change| change.path == FILE);
    if !touched && !desk.subject.is_last(commit) {
        return Ok(None);
    }
    let git = &desk.subject.git;
    let dir = tempfile::tempdir().context("creating a scratch folder")?;
    let mut files = Vec::new();
    for (name, state) in [("base", &desk.subject.commits[0]), ("now", commit)] {
        let path = dir.path().join(name);
        let text = desk.file(state, FILE)?.unwrap_or_default();
        fs::write(&path, text + "\n")?;
        sort(desk, commit, &path)?;
        files.push(path);
    }
    let change = change(git, &files[0], &files[1])?;
    let sorted = |at: usize| files[at].with_extension("sorted");
    let mut findings = Vec::new();
    if change != self::change(git, &sorted(0), &sorted(1))? {
        findings.push(Finding::new(
            FILE,
            "ORDER",
            "parse-maintainers.pl would put the entry elsewhere",
        ));
    }
    if desk.subject.is_last(commit) {
        let lines = change.iter().filter_map(|line| line.strip_prefix("+F:"));
        let patterns: Vec<&str> = lines.map(str::trim).collect();
        findings.extend(coverage(git, commit, &patterns)?);
    }
    Ok(Some(Inspection {
        tool: "parse-maintainers, git ls-files".into(),
        done: change.iter().filter(|line| line.starts_with('+')).count(),
        unit: "new lines",
        findings,
    }))
}

/// Runs parse-maintainers.pl on the file. Its output goes next to the file, with the extension
/// `sorted`.
fn sort(desk: &Desk<'_>, commit: &Prefix, path: &Path) -> Result<()> {
    let log = desk.log(commit, "maintainers");
    let mut cmd = script(&desk.subject.src, "scripts/parse-maintainers.pl");
    cmd.arg("--order").arg("--input").arg(path);
    cmd.arg("--output").arg(path.with_extension("sorted"));
    desk.ask("parse-maintainers.pl", &mut cmd, &log).map(drop)
}

/// Returns the changed lines with their context. An entry in another place has other context.
fn change(git: &Git, from: &Path, to: &Path) -> Result<Vec<String>> {
    let diff = git.cmd(["diff", "--no-index", "--no-color", "--no-ext-diff", "-U2"]);
    let (_, diff) = run::read_if(diff.arg(from).arg(to), |status| status <= 1)?;
    // Skips the file names at the top, and the positions of the hunks.
    let lines = diff.lines().skip_while(|line| !line.starts_with("@@"));
    let lines = lines.filter(|line| !line.starts_with("@@"));
    Ok(lines.map(str::to_owned).collect())
}

/// Returns findings for new files that no pattern names, and for patterns that match no file of the
/// checked-out state. get_maintainer's own check of this is not used: it needs a repository in the
/// tree itself, and then takes minutes for all sections.
fn coverage(git: &Git, commit: &Prefix, patterns: &[&str]) -> Result<Vec<Finding>> {
    let mut covered = BTreeSet::new();
    let mut findings = Vec::new();
    for pattern in patterns {
        let files = git.read(["ls-files", "--", &format!(":(glob){pattern}")])?;
        if files.is_empty() {
            let text = format!("{pattern} matches no file");
            findings.push(Finding::new(FILE, "PATTERN", text));
        }
        covered.extend(files.lines().map(str::to_owned));
    }
    let added = commit.since_base.iter().filter(|change| change.is_new);
    let missed = added.filter(|change| !covered.contains(&change.path));
    findings.extend(missed.map(|change| {
        let text = "no MAINTAINERS entry of the series names it";
        Finding::new(&change.path, "COVERED", text)
    }));
    Ok(findings)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_in_another_place_or_order_is_another_change() {
        let dir = tempfile::tempdir().unwrap();
        let git = Git::bare(dir.path().join("git")).unwrap();
        git.init().unwrap();
        let (from, to) = (dir.path().join("from"), dir.path().join("to"));
        let change_to = |text: &str| {
            fs::write(&from, "A\nM:\ta\n\nC\nM:\tc\n\nE\nM:\te\n").unwrap();
            fs::write(&to, text).unwrap();
            change(&git, &from, &to).unwrap()
        };
        let right = change_to("A\nM:\ta\n\nB\nM:\tb\nF:\tb\n\nC\nM:\tc\n\nE\nM:\te\n");
        assert!(right.contains(&"+F:\tb".into()), "{right:?}");
        for other in [
            "A\nM:\ta\n\nC\nM:\tc\n\nB\nM:\tb\nF:\tb\n\nE\nM:\te\n",
            "A\nM:\ta\n\nB\nF:\tb\nM:\tb\n\nC\nM:\tc\n\nE\nM:\te\n",
        ] {
            assert_ne!(change_to(other), right);
        }
    }
}
