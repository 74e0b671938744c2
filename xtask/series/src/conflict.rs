// SPDX-License-Identifier: GPL-2.0
//! A merge by git, without a work tree, and what to say of one that conflicts:
//! where in the user's file, what the tree has there and what the patch wants.

use std::collections::BTreeMap;

use anyhow::{Context, Result};

use toolbox::git::Git;
use toolbox::run;

/// How git merges, whatever the user's configuration says. A folder that seems
/// to have moved is for a person to judge.
const MERGE: [&str; 10] = [
    "-c",
    "merge.renames=true",
    "-c",
    "merge.directoryRenames=false",
    "-c",
    "merge.conflictStyle=merge",
    "merge-tree",
    "--write-tree",
    "--no-messages",
    "-z",
];
/// Lines of each side of a conflict that are shown.
const SHOWN: usize = 5;

/// The outcome of a merge.
pub struct Merge {
    /// With conflict markers, if it is not clean.
    pub tree: String,
    /// The stages that each conflicting path has: 2 is the tree's, 3 the patch's.
    conflicts: BTreeMap<String, Vec<char>>,
}

/// Puts what happened from commit `from` to commit `to` onto `tree`.
pub fn merge(git: &Git, from: &str, to: &str, tree: &str) -> Result<Merge> {
    // The merge base is what both have for a parent.
    let onto = git.read(["commit-tree", "-p", from, "-m", "onto", tree])?;
    let cmd = git.cmd(MERGE).args([onto.as_str(), to]);
    let (_, text) = run::read_if(cmd, |status| status <= 1)
        .context("merging three-way, which takes git 2.38 or newer")?;
    let mut fields = text.split('\0');
    let tree = fields.next().unwrap_or_default().to_owned();
    let mut conflicts: BTreeMap<String, Vec<char>> = BTreeMap::new();
    // "MODE OBJECT STAGE\tPATH"
    for (about, path) in fields.filter_map(|field| field.split_once('\t')) {
        let stages = conflicts.entry(path.to_owned()).or_default();
        stages.extend(about.chars().last());
    }
    Ok(Merge { tree, conflicts })
}

/// The one list that every series of size adds to, in the order of the alphabet
/// and whatever stands around.
const LIST: &str = "MAINTAINERS";

/// The tree that the merge, of `from` to `to` onto `tree`, would have been but for
/// entries of MAINTAINERS that came and went around the patch's own; None if
/// there is more to it.
pub fn settle(
    git: &Git,
    merge: &Merge,
    from: &str,
    to: &str,
    tree: &str,
) -> Result<Option<String>> {
    if merge.paths() != [LIST] {
        return Ok(None);
    }
    let diff = git.read([
        "diff",
        "--no-color",
        "--no-ext-diff",
        "--no-renames",
        from,
        to,
        "--",
        LIST,
    ])?;
    git.read(["read-tree", &merge.tree])?;
    let Ok(theirs) = git.read(["rev-parse", "--verify", &format!("{tree}:{LIST}")]) else {
        return Ok(None);
    };
    let entry = format!("100644 {theirs}\t{LIST}\n");
    run::read(git.cmd(["update-index", "--index-info"]).stdin(entry))?;
    // The blank line before an entry, and the title of the next.
    let apply = git.cmd(["apply", "--cached", "-C1"]);
    match run::read(apply.stdin(diff + "\n")) {
        Ok(_) => git.read(["write-tree"]).map(Some),
        Err(_) => run::check_interrupt().map(|()| None),
    }
}

impl Merge {
    pub fn is_clean(&self) -> bool {
        self.conflicts.is_empty()
    }

    pub fn paths(&self) -> Vec<&str> {
        self.conflicts.keys().map(String::as_str).collect()
    }

    /// Each conflict, by the lines of the files in commit `base`.
    pub fn describe(&self, git: &Git, base: &str, from: &str, to: &str) -> Result<String> {
        let mut text = String::new();
        for (path, stages) in &self.conflicts {
            text += &match (stages.contains(&'2'), stages.contains(&'3')) {
                (true, true) => self.contents(git, base, path, [from, to])?,
                (false, _) => format!("  {path}: the tree has no such file\n"),
                (true, false) => {
                    format!("  {path}: the patch takes it away, and the tree changed it\n")
                }
            };
        }
        Ok(text)
    }

    fn contents(&self, git: &Git, base: &str, path: &str, patch: [&str; 2]) -> Result<String> {
        const DIFF: [&str; 5] = [
            "diff",
            "--no-color",
            "--no-ext-diff",
            "--no-textconv",
            "-U0",
        ];
        let merged = git.file(&self.tree, path)?.unwrap_or_default();
        let blobs = [format!("{base}:{path}"), format!("{}:{path}", self.tree)];
        // A file of the series' own is not in the base.
        let known = git.file(base, path)?.is_some();
        let moves = match known {
            true => hunks(&run::read(git.cmd(DIFF).args(blobs))?),
            false => Vec::new(),
        };
        let wanted = git.cmd(["diff", "--no-color", "--no-ext-diff", "--no-renames"]);
        let wanted = hunks(&run::read(wanted.args(patch).args(["--", path]))?);
        let mut text = String::new();
        for region in regions(&merged) {
            let line = place(&moves, region.line).unwrap_or(region.line);
            let hunk = wanted.iter().max_by_key(|hunk| hunk.shares(&region.theirs));
            let header = hunk.map_or("", |hunk| hunk.header.as_str());
            text += &format!("  {path}:{line}: {header}\n");
            text += &side("the tree has", &region.ours);
            text += &side("the patch wants", &region.theirs);
        }
        Ok(text)
    }
}

/// A part of a file between conflict markers.
#[derive(Debug, Default, PartialEq, Eq)]
struct Region {
    /// Of the first marker, from 1.
    line: usize,
    ours: Vec<String>,
    theirs: Vec<String>,
}

fn regions(merged: &str) -> Vec<Region> {
    enum Side {
        Neither,
        Ours,
        Theirs,
    }
    let mut regions: Vec<Region> = Vec::new();
    let mut side = Side::Neither;
    for (line, text) in (1..).zip(merged.lines()) {
        match (&side, regions.last_mut()) {
            (Side::Neither, _) if text.starts_with("<<<<<<< ") => {
                side = Side::Ours;
                regions.push(Region {
                    line,
                    ..Region::default()
                });
            }
            (Side::Ours, _) if text == "=======" => side = Side::Theirs,
            (Side::Theirs, _) if text.starts_with(">>>>>>> ") => side = Side::Neither,
            (Side::Ours, Some(region)) => region.ours.push(text.into()),
            (Side::Theirs, Some(region)) => region.theirs.push(text.into()),
            _ => {}
        }
    }
    regions
}

/// A hunk of a diff.
struct Hunk {
    header: String,
    /// First line and number of lines, before and after.
    old: (usize, usize),
    new: (usize, usize),
    /// The lines that it adds.
    added: Vec<String>,
}

impl Hunk {
    fn shares(&self, lines: &[String]) -> usize {
        let is_added = |line: &&String| self.added.contains(line);
        lines.iter().filter(is_added).count()
    }
}

fn hunks(diff: &str) -> Vec<Hunk> {
    let mut hunks: Vec<Hunk> = Vec::new();
    for line in diff.lines() {
        if let Some((old, new)) = ranges(line) {
            let header = line.to_owned();
            hunks.push(Hunk {
                header,
                old,
                new,
                added: Vec::new(),
            });
        } else if let (Some(added), Some(hunk)) = (line.strip_prefix('+'), hunks.last_mut()) {
            hunk.added.push(added.into());
        }
    }
    hunks
}

/// "@@ -1,2 +3 @@ x" is (1, 2), (3, 1).
fn ranges(header: &str) -> Option<((usize, usize), (usize, usize))> {
    let range = |word: &str| {
        let (start, count) = word.split_once(',').unwrap_or((word, "1"));
        Some((start.parse().ok()?, count.parse().ok()?))
    };
    let (old, rest) = header.strip_prefix("@@ -")?.split_once(" +")?;
    Some((range(old)?, range(rest.split_once(" @@")?.0)?))
}

/// The old line that is where `line` of the new file is.
fn place(hunks: &[Hunk], line: usize) -> Option<usize> {
    let hunk = hunks.iter().find(|hunk| {
        let (start, count) = hunk.new;
        (start..start + count).contains(&line)
    })?;
    let (start, count) = hunk.old;
    // With nothing taken away, git names the line before.
    Some(if count == 0 { start + 1 } else { start })
}

fn side(title: &str, lines: &[String]) -> String {
    if lines.is_empty() {
        return format!("    {title}: nothing\n");
    }
    let shown = lines
        .iter()
        .take(SHOWN)
        .map(|line| format!("      {line}\n"));
    let more = match lines.len().saturating_sub(SHOWN) {
        0 => String::new(),
        more => format!("      and {more} more\n"),
    };
    format!("    {title}:\n{}{more}", shown.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conflict_markers_and_where_they_are() {
        let merged = "a\n<<<<<<< x\nb\n=======\nB\nC\n>>>>>>> y\nd\n";
        let region = Region {
            line: 2,
            ours: vec!["b".into()],
            theirs: vec!["B".into(), "C".into()],
        };
        assert_eq!(regions(merged), [region]);
        let moves = hunks("@@ -1,0 +2 @@ f()\n+<<<<<<< x\n@@ -2,0 +4,4 @@\n");
        assert_eq!(place(&moves, 2), Some(2));
        assert_eq!(place(&moves, 3), None);
    }
}
