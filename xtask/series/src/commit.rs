// SPDX-License-Identifier: GPL-2.0
//! The series as commits. They are made in an index alone, without a work
//! tree, in a scratch repository that borrows the kernel's objects.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use anyhow::{Context, Result};
use fs_err as fs;
use tempfile::TempDir;

use crate::spec::{Add, Patch, Spec};
use source::Source;
use toolbox::fault;
use toolbox::git::Git;
use toolbox::run;

/// A repository and an empty work tree that go away with it.
pub struct Scratch {
    pub git: Git,
    pub dir: TempDir,
}

impl Scratch {
    pub fn new(source: &Source) -> Result<Scratch> {
        let dir = TempDir::with_prefix("poll-source-").context("creating a scratch folder")?;
        let work_tree = dir.path().join("tree");
        fs::create_dir(&work_tree)?;
        let git = Git::bare(dir.path().join("git"))?.with_work_tree(work_tree);
        git.borrow(&source.git)?;
        // The index of a kernel is large, and written again and again.
        git.read(["config", "index.version", "4"])?;
        git.read(["config", "index.skipHash", "true"])?;
        Ok(Scratch { git, dir })
    }
}

/// Commits the series on `source`, which takes every edit as it is; gives the
/// commits, the base first.
pub fn commit(git: &Git, source: &Source, spec: &Spec) -> Result<Vec<String>> {
    let mut series = Series::start(git, source, spec)?;
    for patch in &spec.patches {
        match series.apply(patch)? {
            Applied::Tree(tree) => series.push(patch, tree)?,
            Applied::Refused(refused) => return Err(refused.fault(source)),
        }
    }
    Ok(series.commits)
}

/// A series in the making.
pub struct Series<'a> {
    index: Index<'a>,
    /// Seconds of the next patch's date.
    seconds: i64,
    /// The base and what was pushed.
    pub commits: Vec<String>,
    /// The tree of the last of them.
    pub tree: String,
}

/// What became of applying a patch.
pub enum Applied {
    /// The tree with it.
    Tree(String),
    Refused(Refused),
}

/// An edit that does not apply.
pub struct Refused {
    slug: String,
    edit: PathBuf,
    /// git's words.
    reason: String,
}

impl Refused {
    pub fn fault(&self, source: &Source) -> anyhow::Error {
        fault::usage(format!(
            "patch {:?}: {} does not apply to Linux {}: fix the edit, or give this line its own as \
             c-shim/edits/{}/{}\n{}",
            self.slug,
            self.edit.display(),
            source.version,
            source.line.name,
            self.edit.file_name().unwrap_or_default().display(),
            self.reason
        ))
    }
}

impl<'a> Series<'a> {
    pub fn start(git: &'a Git, source: &Source, spec: &Spec) -> Result<Series<'a>> {
        refuse_existing(git, source, spec)?;
        Ok(Series {
            index: Index::new(git),
            seconds: spec.date.as_second(),
            commits: vec![source.base.clone()],
            tree: git.tree_of(&source.base)?,
        })
    }

    /// Tries the patch on the series so far.
    pub fn apply(&mut self, patch: &Patch) -> Result<Applied> {
        self.index.apply(&self.tree, patch)
    }

    /// Commits the patch: the series is `tree` with it.
    pub fn push(&mut self, patch: &Patch, tree: String) -> Result<()> {
        if tree == self.tree {
            let slug = &patch.slug;
            return Err(fault::usage(format!(
                "patch {slug:?} of c-shim/series.toml changes nothing"
            )));
        }
        let parent = self.commits.last().expect("the base is there");
        let git = self.index.git;
        let commit = commit_tree(git, &tree, parent, &patch.message, self.seconds)?;
        self.commits.push(commit);
        self.tree = tree;
        self.seconds += 1;
        Ok(())
    }
}

/// A repository's index, in which trees are made.
pub struct Index<'a> {
    git: &'a Git,
    /// The tree that is in it, if it is one.
    tree: Option<String>,
}

impl<'a> Index<'a> {
    pub fn new(git: &'a Git) -> Index<'a> {
        Index { git, tree: None }
    }

    pub fn read(&mut self, tree: &str) -> Result<()> {
        if self.tree.as_deref() != Some(tree) {
            self.git.read(["read-tree", tree])?;
            self.tree = Some(tree.to_owned());
        }
        Ok(())
    }

    /// The tree with new files.
    pub fn add(&mut self, tree: &str, adds: &[Add]) -> Result<String> {
        self.read(tree)?;
        self.tree = None;
        add_files(self.git, adds)?;
        self.write()
    }

    /// Tries the patch on a tree.
    pub fn apply(&mut self, tree: &str, patch: &Patch) -> Result<Applied> {
        self.read(tree)?;
        self.tree = None;
        // A line's own edit may change what was added for all lines.
        add_files(self.git, &patch.adds)?;
        for edit in &patch.edits {
            let apply = self
                .git
                .cmd(["apply", "--cached", "--whitespace=error-all"]);
            if let Err(reason) = run::read(apply.arg(edit)) {
                run::check_interrupt()?;
                return Ok(Applied::Refused(Refused {
                    slug: patch.slug.clone(),
                    edit: edit.clone(),
                    reason: reason.to_string(),
                }));
            }
        }
        self.write().map(Applied::Tree)
    }

    fn write(&mut self) -> Result<String> {
        let tree = self.git.read(["write-tree"])?;
        self.tree = Some(tree.clone());
        Ok(tree)
    }
}

/// A new file that the base has already would be lost without a word.
fn refuse_existing(git: &Git, source: &Source, spec: &Spec) -> Result<()> {
    let adds = spec.patches.iter().flat_map(|patch| &patch.adds);
    let mut args = vec!["ls-tree", "-r", "--name-only", &source.base, "--"];
    args.extend(adds.map(|add| add.to.as_str()));
    if args.last() == Some(&"--") {
        return Ok(());
    }
    let existing = git.read(args)?;
    if existing.is_empty() {
        return Ok(());
    }
    Err(fault::usage(format!(
        "Linux {} has a file that c-shim/series.toml adds; make it an edit: {existing}",
        source.version
    )))
}

/// Puts the files into the index.
fn add_files(git: &Git, adds: &[Add]) -> Result<()> {
    if adds.is_empty() {
        return Ok(());
    }
    let paths = adds.iter().map(|add| add.from.as_os_str());
    let blobs = run::read(
        git.cmd(["hash-object", "-w", "--no-filters", "--"])
            .args(paths),
    )?;
    let mut lines = String::new();
    for (add, blob) in adds.iter().zip(blobs.lines()) {
        let mode = fs::metadata(&add.from)?.permissions().mode();
        let mode = if mode & 0o100 == 0 {
            "100644"
        } else {
            "100755"
        };
        lines += &format!("{mode} {blob}\t{}\n", add.to);
    }
    run::read(
        git.cmd(["update-index", "--add", "--index-info"])
            .stdin(lines),
    )?;
    Ok(())
}

fn commit_tree(git: &Git, tree: &str, parent: &str, message: &str, seconds: i64) -> Result<String> {
    let date = format!("@{seconds} +0000");
    let cmd = git.cmd(["commit-tree", "-p", parent, tree]);
    let cmd = cmd
        .env("GIT_AUTHOR_DATE", &date)
        .env("GIT_COMMITTER_DATE", &date);
    run::read(cmd.stdin(message))
}
