// SPDX-License-Identifier: GPL-2.0
//! Makes commits of the series. They are made only in a git index, without a work tree, in a
//! scratch repository that borrows the kernel's objects.

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

/// A repository and an empty work tree. Dropping the value removes both.
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
        // The index of a kernel is large and is written many times.
        git.read(["config", "index.version", "4"])?;
        git.read(["config", "index.skipHash", "true"])?;
        Ok(Scratch { git, dir })
    }
}

/// Commits the series on `source`. Returns the commits, the base first. Fails if an edit does not
/// apply as it is.
pub fn commit(git: &Git, source: &Source, spec: &Spec) -> Result<Vec<String>> {
    let mut series = Series::start(git, source, spec)?;
    for patch in &spec.patches {
        let tree = series.apply(patch)?;
        let tree = tree.map_err(|refused| refused.fault(source))?;
        series.push(patch, tree)?;
    }
    Ok(series.commits)
}

/// A series that is being committed, patch by patch.
pub struct Series<'a> {
    index: Index<'a>,
    /// Date of the next patch, in seconds since 1970.
    seconds: i64,
    /// The base, then the commits that were pushed.
    pub commits: Vec<String>,
    /// The tree of the last commit.
    pub tree: String,
}

/// An edit that does not apply.
pub struct Refused {
    slug: String,
    edit: PathBuf,
    /// The error of git apply.
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

    /// Tries to apply the patch to the tree of the last commit. Returns the tree with the patch.
    pub fn apply(&mut self, patch: &Patch) -> Result<Result<String, Refused>> {
        self.index.apply(&self.tree, patch)
    }

    /// Commits the patch. `tree` is the tree of the series with the patch. Fails if the patch
    /// changes nothing.
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

/// The index of a repository, in which trees are made.
pub struct Index<'a> {
    git: &'a Git,
    /// The tree that the index holds; None if it may hold anything else.
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

    /// Returns `tree` with new files.
    pub fn add(&mut self, tree: &str, adds: &[Add]) -> Result<String> {
        self.read(tree)?;
        self.tree = None;
        add_files(self.git, adds)?;
        self.write()
    }

    /// Tries to apply the patch to `tree`. Returns the tree with the patch.
    pub fn apply(&mut self, tree: &str, patch: &Patch) -> Result<Result<String, Refused>> {
        self.read(tree)?;
        self.tree = None;
        // Files are added first: an edit for one line may change a file that is added on all lines.
        add_files(self.git, &patch.adds)?;
        for edit in &patch.edits {
            let apply = self
                .git
                .cmd(["apply", "--cached", "--whitespace=error-all"]);
            if let Err(reason) = run::read(apply.arg(edit)) {
                run::check_interrupt()?;
                return Ok(Err(Refused {
                    slug: patch.slug.clone(),
                    edit: edit.clone(),
                    reason: reason.to_string(),
                }));
            }
        }
        self.write().map(Ok)
    }

    fn write(&mut self) -> Result<String> {
        let tree = self.git.read(["write-tree"])?;
        self.tree = Some(tree.clone());
        Ok(tree)
    }
}

/// Fails if the base already has a file that the series adds: it would be lost silently.
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
        "Linux {} already has a file that c-shim/series.toml adds; use an edit to \
         change it: {existing}",
        source.version
    )))
}

/// Adds the files to the index.
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
