// SPDX-License-Identifier: GPL-2.0
//! Merges by git, without a work tree, and describes conflicts as git sees them.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result};
use fs_err as fs;

use toolbox::git::Git;
use toolbox::run;

/// git merge-tree, with options that make it independent of the user's configuration. git does not
/// follow renames of folders: a person must judge those.
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

/// The outcome of a merge.
pub struct Merge {
    /// The merged tree. It has conflict markers if the merge is not clean.
    pub tree: String,
    /// The commit onto which the change was put.
    onto: String,
    /// The stages of each conflicting path: 2 is the tree's file, 3 the patch's.
    conflicts: BTreeMap<String, Vec<char>>,
}

/// Puts the change from commit `from` to commit `to` onto `tree`.
pub fn merge(git: &Git, from: &str, to: &str, tree: &str) -> Result<Merge> {
    // The merge base is `from`, the parent of both commits.
    let onto = git.read(["commit-tree", "-p", from, "-m", "onto", tree])?;
    let cmd = git.cmd(MERGE).args([onto.as_str(), to]);
    let (_, text) = run::read_if(cmd, |status| status <= 1)
        .context("merging three-way, which needs git 2.38 or newer")?;
    let mut fields = text.split('\0');
    let tree = fields.next().unwrap_or_default().to_owned();
    let mut conflicts: BTreeMap<String, Vec<char>> = BTreeMap::new();
    // Each field of a conflict is "MODE OBJECT STAGE\tPATH".
    for (about, path) in fields.filter_map(|field| field.split_once('\t')) {
        let stages = conflicts.entry(path.to_owned()).or_default();
        stages.extend(about.chars().last());
    }
    Ok(Merge {
        tree,
        onto,
        conflicts,
    })
}

/// The list to which every larger series adds an entry: at its alphabetical place, whatever the
/// entries around it are.
const LIST: &str = "MAINTAINERS";

/// Resolves the conflicts of `merge`, which put the change from `from` to `to` onto `tree`, if each
/// of them is one of these:
///
/// - In MAINTAINERS, entries around the patch's own came or went.
/// - A file has another form in `tree`, for which `others` has a diff under the file's path.
///
/// Returns the resolved tree, or None if there is any other conflict.
pub fn settle(
    git: &Git,
    merge: &Merge,
    (from, to): (&str, &str),
    tree: &str,
    others: &Path,
) -> Result<Option<String>> {
    git.read(["read-tree", &merge.tree])?;
    for path in merge.conflicts.keys() {
        let other = others.join(format!("{path}.diff"));
        // The context of an entry: the blank line before it, and the title of the next entry.
        let (diff, context) = match path.as_str() {
            LIST => (git.read(["diff", from, to, "--", LIST])? + "\n", "-C1"),
            _ if other.is_file() => (fs::read_to_string(other)?, "-C3"),
            _ => return Ok(None),
        };
        let theirs = git.read(["ls-tree", "--full-tree", tree, path])?;
        if theirs.is_empty() {
            return Ok(None);
        }
        let update = git.cmd(["update-index", "--index-info"]);
        run::read(update.stdin(theirs + "\n"))?;
        let apply = git.cmd(["apply", "--cached", context]);
        if run::read(apply.stdin(diff)).is_err() {
            return run::check_interrupt().map(|()| None);
        }
    }
    git.read(["write-tree"]).map(Some)
}

impl Merge {
    pub fn is_clean(&self) -> bool {
        self.conflicts.is_empty()
    }

    /// Describes each conflict of putting `to` onto the tree: how the merge would change the file.
    pub fn describe(&self, git: &Git, to: &str) -> Result<String> {
        let mut text = String::new();
        for (path, stages) in &self.conflicts {
            text += &match (stages.contains(&'2'), stages.contains(&'3')) {
                (true, true) => format!("  {path}:\n{}", self.markers(git, path, to)?),
                (false, _) => format!("  {path}: the tree has no such file\n"),
                (true, false) => {
                    format!("  {path}: the patch removes this file, but the tree changed it\n")
                }
            };
        }
        Ok(text)
    }

    fn markers(&self, git: &Git, path: &str, to: &str) -> Result<String> {
        let diff = git.cmd([
            "diff",
            "--no-color",
            "--no-ext-diff",
            "--no-textconv",
            "-U1",
        ]);
        let diff = run::read(diff.args([&self.onto, &self.tree]).args(["--", path]))?;
        let diff = diff
            .replace(&self.onto, "the tree")
            .replace(to, "the patch");
        let hunks = diff.lines().skip_while(|line| !line.starts_with("@@"));
        Ok(hunks.map(|line| format!("    {line}\n")).collect())
    }
}
