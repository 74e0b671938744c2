// SPDX-License-Identifier: GPL-2.0
//! The series as commits, in the review's own work tree. The tree stays from run to run, and its
//! objects with it. It is not the tree of build-kernel: stepping through the patches touches
//! headers that every object includes.

use std::path::PathBuf;

use anyhow::{Result, ensure};

use kernel::build_kernel::KernelVariant;
use kernel::build_kernel::tree;
use kernel::build_kernel::tree::check_out;
use series::spec::Spec;
use source::Source;
use toolbox::git::Git;
use toolbox::place::Place;

/// A state of the source: the base, or the base with the first patches.
#[derive(Clone, Debug)]
pub struct Prefix {
    /// Number of patches in this state; 0 for the base.
    pub number: usize,
    pub id: String,
    /// The patch's name in c-shim/series.toml.
    pub slug: String,
    /// Files that this patch changes.
    pub changes: Vec<Change>,
    /// Files that differ from the base.
    pub since_base: Vec<Change>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    pub path: String,
    pub is_new: bool,
}

/// The series in its work tree.
#[derive(Clone)]
pub struct Subject {
    pub line: &'static str,
    pub git: Git,
    pub src: PathBuf,
    /// Parent folder of the object folders, one for each configuration.
    pub folder: PathBuf,
    pub commits: Vec<Prefix>,
}

impl Subject {
    pub fn lay_out(place: &Place, source: &Source) -> Result<Subject> {
        let plan = tree::plan(place, source, &KernelVariant::default())?;
        let folder = place.cache.join("review").join(source.line.name);
        let (git, tip) = plan.commits(source, &folder)?;
        let spec = Spec::load(&place.root, source.line)?;
        let slugs: Vec<&str> = spec
            .patches
            .iter()
            .map(|patch| patch.slug.as_str())
            .collect();
        let commits = commits(&git, &source.base, &tip, &slugs)?;
        Ok(Subject {
            line: source.line.name,
            src: folder.join("src"),
            git,
            folder,
            commits,
        })
    }

    /// Adds a commit on top of the series that writes these files. A file is a path and its new
    /// text.
    pub fn plant(&mut self, slug: &str, files: &[(String, String)]) -> Result<()> {
        let tip = self.commits.last().expect("there is the base").id.clone();
        check_out(&self.git, &tip)?;
        for (path, text) in files {
            fs_err::write(self.src.join(path), text)?;
            self.git.read(["add", "-f", "--", path])?;
        }
        let message = format!("{slug}: all that can be wrong\n\nA test of the review.\n");
        self.git.read(["commit", "-q", "-m", &message])?;
        let id = self.git.read(["rev-parse", "HEAD"])?;
        add(&self.git, &mut self.commits, &id, slug)
    }

    /// Returns true if no patch comes after this one.
    pub fn is_last(&self, commit: &Prefix) -> bool {
        commit.number + 1 == self.commits.len()
    }

    /// Returns the number of the state that is checked out; 0 if it is none of these.
    pub fn current(&self) -> usize {
        let head = self.git.read(["rev-parse", "HEAD"]).unwrap_or_default();
        let found = self.commits.iter().find(|commit| commit.id == head);
        found.map_or(0, |commit| commit.number)
    }
}

impl Prefix {
    /// Returns the paths that this patch changes and that have one of these endings.
    pub fn touched(&self, endings: &[&str]) -> Vec<&str> {
        paths(&self.changes, endings)
    }

    /// Returns the paths that the patches so far change and that have one of these endings.
    pub fn touched_so_far(&self, endings: &[&str]) -> Vec<&str> {
        paths(&self.since_base, endings)
    }
}

fn paths<'a>(changes: &'a [Change], endings: &[&str]) -> Vec<&'a str> {
    let all = changes.iter().map(|change| change.path.as_str());
    all.filter(|path| endings.iter().any(|ending| path.ends_with(ending)))
        .collect()
}

fn commits(git: &Git, base: &str, tip: &str, slugs: &[&str]) -> Result<Vec<Prefix>> {
    let range = format!("{base}..{tip}");
    let ids = git.read(["rev-list", "--reverse", &range])?;
    let ids: Vec<&str> = ids.lines().collect();
    ensure!(
        ids.len() == slugs.len(),
        "the mails make {} commits, c-shim/series.toml has {} patches",
        ids.len(),
        slugs.len()
    );
    let mut all = Vec::new();
    add(git, &mut all, base, "base")?;
    for (id, slug) in ids.iter().zip(slugs) {
        add(git, &mut all, id, slug)?;
    }
    Ok(all)
}

/// Adds the state of commit `id`, which comes after the last one of `all`.
fn add(git: &Git, all: &mut Vec<Prefix>, id: &str, slug: &str) -> Result<()> {
    let base = all.first().map_or(id, |base| &base.id);
    let parent = all.last().map_or(id, |parent| &parent.id);
    let prefix = Prefix {
        number: all.len(),
        id: id.to_owned(),
        slug: slug.to_owned(),
        changes: changes(git, parent, id)?,
        since_base: changes(git, base, id)?,
    };
    all.push(prefix);
    Ok(())
}

/// Returns the files of `to` that `from` does not have, or has with other contents.
fn changes(git: &Git, from: &str, to: &str) -> Result<Vec<Change>> {
    let args = ["diff", "--name-status", "--no-renames", "--diff-filter=AM"];
    let text = git.read([&args[..], &[from, to]].concat())?;
    Ok(text.lines().filter_map(change).collect())
}

fn change(line: &str) -> Option<Change> {
    let (status, path) = line.split_once('\t')?;
    Some(Change {
        path: path.to_owned(),
        is_new: status == "A",
    })
}

pub fn logs(place: &Place, line: &str) -> PathBuf {
    place.logs().join(format!("review-{line}"))
}
