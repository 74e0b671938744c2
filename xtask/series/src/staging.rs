// SPDX-License-Identifier: GPL-2.0
//! A temporary copy of the series' source that can be changed freely. At the end git finds the
//! changes and applies all of them to the checkout, or none.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use tempfile::TempDir;
use xshell::{Shell, cmd};

use toolbox::git::{self, Git};
use toolbox::run;

/// The folders with the source of the series.
pub const FOLDERS: [&str; 2] = ["c-shim", "rust-core"];

pub struct Staging {
    dir: TempDir,
    /// A repository whose work tree is the copy. It has the source as it was copied.
    git: Git,
    before: String,
    /// The checkout.
    root: PathBuf,
}

impl Staging {
    pub fn new(root: &Path) -> Result<Staging> {
        let dir = TempDir::with_prefix("poll-source-").context("creating a scratch folder")?;
        let (sh, to) = (Shell::new()?, dir.path());
        let folders = FOLDERS.map(|name| root.join(name));
        run::read(cmd!(sh, "cp -r --no-dereference {folders...} {to}"))?;
        let git = Git::bare(dir.path().join("git"))?;
        git.init()?;
        let mut staging = Staging {
            git: git.with_work_tree(dir.path()),
            dir,
            before: String::new(),
            root: root.to_owned(),
        };
        staging.before = staging.tree()?;
        Ok(staging)
    }

    /// Returns the folder of the copy, to be used in place of the checkout.
    pub fn root(&self) -> &Path {
        self.dir.path()
    }

    /// Returns the git tree of the copy as it is now.
    fn tree(&self) -> Result<String> {
        let add = ["add", "--all", "--force", "--"];
        self.git.read(add.into_iter().chain(FOLDERS))?;
        self.git.read(["write-tree"])
    }

    fn diff(&self, how: &[&str]) -> Result<String> {
        let args = ["diff", "--no-renames", "--no-color", "--no-ext-diff"];
        let now = self.tree()?;
        self.git.read([&args, how, &[&self.before, &now]].concat())
    }

    /// Returns the paths that were changed since the copy was made.
    pub fn changes(&self) -> Result<Vec<PathBuf>> {
        Ok(self
            .diff(&["--name-only"])?
            .lines()
            .map(PathBuf::from)
            .collect())
    }

    /// Applies the changes to the checkout: all of them, or none.
    pub fn install(&self) -> Result<()> {
        let diff = self.diff(&["--binary"])?;
        if diff.is_empty() {
            return Ok(());
        }
        let sh = Shell::new()?;
        let root = &self.root;
        let apply = git::clean(cmd!(sh, "git -C {root} apply --whitespace=nowarn"));
        let apply = apply.env("GIT_CEILING_DIRECTORIES", root.parent().unwrap_or(root));
        run::read(apply.stdin(diff + "\n"))
            .with_context(|| format!("applying the changes to {}", root.display()))?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn all_changes_or_none() {
        let dir = tempfile::tempdir().unwrap();
        let at = |path: &str| dir.path().join(path);
        for folder in FOLDERS {
            fs::create_dir(at(folder)).unwrap();
            fs::write(at(folder).join("kept"), "").unwrap();
        }
        for name in ["changes", "goes", "stays"] {
            fs::write(at("c-shim").join(name), name).unwrap();
        }
        let staging = Staging::new(dir.path()).unwrap();
        let staged = staging.root().join("c-shim");
        fs::write(staged.join("changes"), "changed").unwrap();
        fs::remove_file(staged.join("goes")).unwrap();
        fs::create_dir(staged.join("new")).unwrap();
        fs::write(staged.join("new/comes"), "new").unwrap();
        let changes = staging.changes().unwrap();
        assert_eq!(
            changes,
            ["c-shim/changes", "c-shim/goes", "c-shim/new/comes"].map(PathBuf::from)
        );

        // Somebody changed a file of the checkout: install() fails and replaces nothing.
        fs::write(at("c-shim/goes"), "other").unwrap();
        staging.install().unwrap_err();
        assert_eq!(fs::read_to_string(at("c-shim/changes")).unwrap(), "changes");
        assert!(!at("c-shim/new").exists());
        fs::write(at("c-shim/goes"), "goes").unwrap();

        staging.install().unwrap();
        assert_eq!(fs::read_to_string(at("c-shim/changes")).unwrap(), "changed");
        assert!(at("c-shim/new/comes").exists() && !at("c-shim/goes").exists());
    }
}
