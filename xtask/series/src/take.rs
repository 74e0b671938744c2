// SPDX-License-Identifier: GPL-2.0
//! Takes commits back into the source. If a patch does not yet make the tree of its commit, the
//! patch's files are updated: for the default line and for a new patch the files that all lines
//! share, else files for that line only. A patch that already makes its commit stays unchanged, to
//! the byte.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use fs_err as fs;

use super::commit::Index;
use super::manifest::{self, PatchEntry, edit_name};
use super::message;
use crate::spec::{Add, Patch, Spec, home};
use toolbox::fault;
use toolbox::git::Git;
use toolbox::line::{self, Line};
use toolbox::run;

/// A commit to take back, with the patch that it belongs to.
pub struct Taken {
    pub slug: String,
    pub tree: String,
    /// The message as c-shim/messages has it.
    pub text: String,
}

/// Updates the source under `root` to match the commits. Returns messages for the user. `git` has
/// the commits; its index and its work tree may be overwritten.
pub fn take(
    git: &Git,
    root: &Path,
    line: &'static Line,
    base_tree: &str,
    commits: &[Taken],
) -> Result<Vec<String>> {
    let spec = Spec::load(root, line)?;
    let mut take = Take {
        git,
        index: Index::new(git),
        root,
        line,
        spec: &spec,
        told: Vec::new(),
    };
    let mut entries = Vec::new();
    let mut parent = base_tree;
    for commit in commits {
        entries.push(take.patch(parent, commit)?);
        parent = &commit.tree;
    }
    take.forget(&entries)?;
    if entries != spec.patches.iter().map(PatchEntry::of).collect::<Vec<_>>() {
        manifest::write(&root.join("c-shim/series.toml"), &entries)?;
    }
    Ok(take.told)
}

struct Take<'a> {
    git: &'a Git,
    index: Index<'a>,
    root: &'a Path,
    line: &'static Line,
    /// The series before the commits are taken.
    spec: &'a Spec,
    told: Vec<String>,
}

impl Take<'_> {
    fn patch(&mut self, parent: &str, commit: &Taken) -> Result<PatchEntry> {
        let spec = self.spec;
        let patch = spec.patches.iter().find(|patch| patch.slug == commit.slug);
        if patch.is_none() {
            self.told
                .push(format!("patch {:?} is new, on all lines", commit.slug));
        }
        self.message(patch, commit)?;
        if let Some(patch) = patch
            && let Ok(tree) = self.index.apply(parent, patch)?
            && tree == commit.tree
        {
            return Ok(PatchEntry::of(patch));
        }
        let adds = match patch {
            Some(patch) if self.line != line::DEFAULT => patch.adds.clone(),
            _ => self.adds(parent, commit, patch)?,
        };
        let with_adds = self.index.add(parent, &adds)?;
        Ok(PatchEntry {
            slug: commit.slug.clone(),
            edits: self.edit(&with_adds, commit, patch)?,
            adds: adds.into_iter().map(|add| add.to).collect(),
        })
    }

    fn message(&mut self, patch: Option<&Patch>, commit: &Taken) -> Result<()> {
        if patch.is_some_and(|patch| self.spec.text_of(&patch.message) == commit.text) {
            return Ok(());
        }
        message::check(&commit.text).map_err(|reason| {
            fault::usage(format!("the message of patch {:?}: {reason}", commit.slug))
        })?;
        let old = patch.map(|patch| &patch.message_file);
        let path = self.place("messages", &format!("{}.txt", commit.slug), old);
        self.write(&path, &commit.text)
    }

    /// Returns the path of a patch's message or edit. `old` is the file that the patch has now.
    fn place(&self, folder: &str, name: &str, old: Option<&PathBuf>) -> PathBuf {
        let folder = self.root.join("c-shim").join(folder);
        match old {
            Some(old) if self.line == line::DEFAULT => old.clone(),
            Some(_) => folder.join(self.line.name).join(name),
            None => folder.join(name),
        }
    }

    /// Returns the new files of a commit, and writes their contents to their places in the source.
    fn adds(&mut self, parent: &str, commit: &Taken, patch: Option<&Patch>) -> Result<Vec<Add>> {
        let new = self.git.read([
            "diff-tree",
            "-r",
            "--no-renames",
            "--diff-filter=A",
            "--name-only",
            parent,
            &commit.tree,
        ])?;
        // A new file may also be part of an edit.
        let edited = self.edited(patch)?;
        let mut paths: Vec<&str> = new.lines().filter(|path| !edited.contains(*path)).collect();
        // The files that the patch already has stay first, in their order.
        let old = patch.map_or(&[][..], |patch| &patch.adds);
        let position = |path: &&str| old.iter().position(|add| add.to == **path);
        paths.sort_by_key(|path| position(path).unwrap_or(old.len()));
        let mut adds = Vec::new();
        for path in paths {
            let from = self.root.join(home(path));
            self.extract(&commit.tree, path, &from)?;
            adds.push(Add {
                from,
                to: path.into(),
            });
        }
        Ok(adds)
    }

    /// Writes a file of a tree to `to`, unchanged. Fails if it is not a plain file.
    fn extract(&mut self, tree: &str, path: &str, to: &Path) -> Result<()> {
        let dir = tempfile::tempdir()?;
        self.index.read(tree)?;
        let prefix = format!("--prefix={}/", dir.path().display());
        self.git.read([
            "checkout-index",
            "--ignore-skip-worktree-bits",
            &prefix,
            "--",
            path,
        ])?;
        let from = dir.path().join(path);
        if !from.symlink_metadata()?.is_file() {
            return Err(fault::usage(format!(
                "{path} is not a regular file: the series cannot add it"
            )));
        }
        fs::create_dir_all(to.parent().context("the path has no folder")?)?;
        fs::copy(&from, to)?;
        Ok(())
    }

    /// Returns the paths that a patch's edits change.
    fn edited(&self, patch: Option<&Patch>) -> Result<BTreeSet<String>> {
        let mut paths = BTreeSet::new();
        for edit in patch.into_iter().flat_map(|patch| &patch.edits) {
            let stat = run::read(self.git.cmd(["apply", "--numstat"]).arg(edit))?;
            let touched = stat.lines().filter_map(|line| line.splitn(3, '\t').nth(2));
            paths.extend(touched.map(str::to_owned));
        }
        Ok(paths)
    }

    /// Writes the difference between `with_adds` and the commit as the patch's edit. Returns the
    /// edit's name, or nothing if there is no difference.
    fn edit(
        &mut self,
        with_adds: &str,
        commit: &Taken,
        patch: Option<&Patch>,
    ) -> Result<Vec<String>> {
        let diff = self.diff(with_adds, &commit.tree)?;
        let is_common = self.line == line::DEFAULT || patch.is_none();
        if diff.is_empty() && is_common {
            return Ok(Vec::new());
        }
        let old = patch.map_or(&[][..], |patch| &patch.edits);
        let name = match old {
            [edit] if !diff.is_empty() => edit_name(edit),
            [] if is_common => commit.slug.clone(),
            [_, _, ..] => {
                return Err(fault::usage(format!(
                    "patch {:?} has several edits in c-shim/series.toml: join them into one",
                    commit.slug
                )));
            }
            _ => {
                return Err(fault::usage(format!(
                    "patch {:?} would edit kernel files on some lines only, which \
                     c-shim/series.toml cannot express: make the change on {}",
                    commit.slug,
                    line::DEFAULT.name
                )));
            }
        };
        let path = self.place("edits", &format!("{name}.diff"), old.first());
        self.write(&path, &diff)?;
        Ok(vec![name])
    }

    /// Returns a diff as c-shim/edits has them.
    fn diff(&self, from: &str, to: &str) -> Result<String> {
        let args = [
            "diff-tree",
            "-p",
            "--no-color",
            "--no-renames",
            "--no-textconv",
            "--no-ext-diff",
            "--diff-algorithm=myers",
            "--indent-heuristic",
            "--src-prefix=a/",
            "--dst-prefix=b/",
            from,
            to,
        ];
        let diff = self.git.read(args)?;
        if diff.is_empty() {
            return Ok(diff);
        }
        // "index" lines are left out: they name objects that only this repository has.
        let lines = diff.split('\n').filter(|line| !line.starts_with("index "));
        Ok(lines.map(|line| format!("{line}\n")).collect())
    }

    /// Writes a text to `path`. Reports to the user a new file that is for this line only.
    fn write(&mut self, path: &Path, text: &str) -> Result<()> {
        let is_own = path
            .parent()
            .is_some_and(|dir| dir.ends_with(self.line.name));
        if is_own && !path.is_file() {
            let path = path.strip_prefix(self.root).unwrap_or(path);
            self.told.push(format!(
                "{} is new, for {} only: say why in the README beside it",
                path.display(),
                self.line.name
            ));
        }
        fs::create_dir_all(path.parent().context("the path has no folder")?)?;
        Ok(fs::write(path, text)?)
    }

    /// Removes the files that no patch has any more, for all lines.
    fn forget(&mut self, entries: &[PatchEntry]) -> Result<()> {
        let shim = self.root.join("c-shim");
        let adds: BTreeSet<&String> = entries.iter().flat_map(|entry| &entry.adds).collect();
        let edits: BTreeSet<&String> = entries.iter().flat_map(|entry| &entry.edits).collect();
        for patch in &self.spec.patches {
            let old = PatchEntry::of(patch);
            for add in patch.adds.iter().filter(|add| !adds.contains(&add.to)) {
                self.remove(&add.from)?;
            }
            for name in old.edits.iter().filter(|name| !edits.contains(name)) {
                self.remove_all(&shim.join("edits"), &format!("{name}.diff"))?;
            }
            if !entries.iter().any(|entry| entry.slug == patch.slug) {
                self.told
                    .push(format!("patch {:?} is dropped, on all lines", patch.slug));
                self.remove_all(&shim.join("messages"), &format!("{}.txt", patch.slug))?;
            }
        }
        Ok(())
    }

    /// Removes a file and the files that replace it on single lines.
    fn remove_all(&self, folder: &Path, name: &str) -> Result<()> {
        let own = line::LINES
            .iter()
            .map(|line| folder.join(line.name).join(name));
        own.chain([folder.join(name)])
            .try_for_each(|path| self.remove(&path))
    }

    fn remove(&self, path: &Path) -> Result<()> {
        if path.exists() {
            fs::remove_file(path)?;
        }
        Ok(())
    }
}
