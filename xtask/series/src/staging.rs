// SPDX-License-Identifier: GPL-2.0
//! A copy of the series' source to change at leisure. The checkout gets all of
//! the changes at the end, or none.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use tempfile::TempDir;

/// The folders that the series is made of.
pub const FOLDERS: [&str; 2] = ["c-shim", "rust-core"];

pub struct Staging {
    dir: TempDir,
    /// The checkout.
    root: PathBuf,
}

impl Staging {
    pub fn new(root: &Path) -> Result<Staging> {
        let dir = TempDir::with_prefix("poll-source-").context("creating a scratch folder")?;
        for path in files(root)? {
            copy(&root.join(&path), &dir.path().join(&path))?;
        }
        let root = root.to_owned();
        Ok(Staging { dir, root })
    }

    /// What stands for the checkout.
    pub fn root(&self) -> &Path {
        self.dir.path()
    }

    /// Paths that differ from the checkout's.
    pub fn changes(&self) -> Result<Vec<PathBuf>> {
        let all: BTreeSet<PathBuf> = [files(self.root())?, files(&self.root)?]
            .concat()
            .into_iter()
            .collect();
        let content = |root: &Path, path: &Path| {
            let path = root.join(path);
            let mode = path.metadata().ok()?.permissions().mode();
            Some((fs::read(path).ok()?, mode))
        };
        let differs = |path: &PathBuf| content(self.root(), path) != content(&self.root, path);
        Ok(all.into_iter().filter(differs).collect())
    }

    /// Puts the changes into the checkout. What could fail, for want of room or
    /// of rights, comes before the first file is replaced.
    pub fn install(&self) -> Result<()> {
        let (new, gone): (Vec<PathBuf>, Vec<PathBuf>) = self
            .changes()?
            .into_iter()
            .partition(|path| self.root().join(path).exists());
        let beside = |path: &Path| {
            let name = format!(".{}.import", path.file_name().unwrap_or_default().display());
            self.root.join(path).with_file_name(name)
        };
        let written = new
            .iter()
            .try_for_each(|path| copy(&self.root().join(path), &beside(path)));
        if written.is_err() {
            for path in &new {
                let _ = fs::remove_file(beside(path));
            }
            return written;
        }
        for path in &new {
            let to = self.root.join(path);
            fs::rename(beside(path), &to).with_context(|| format!("replacing {}", to.display()))?;
        }
        for path in &gone {
            let path = self.root.join(path);
            fs::remove_file(&path).with_context(|| format!("removing {}", path.display()))?;
        }
        Ok(())
    }
}

/// The files under a checkout's folders of source. A link to a folder is not
/// followed: what it shows is there by itself.
fn files(root: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders: Vec<PathBuf> = FOLDERS.iter().map(PathBuf::from).collect();
    while let Some(folder) = folders.pop() {
        let path = root.join(&folder);
        let entries = fs::read_dir(&path).with_context(|| format!("reading {}", path.display()))?;
        for entry in entries {
            let entry = entry?;
            let path = folder.join(entry.file_name());
            let kind = entry.file_type()?;
            if kind.is_dir() {
                folders.push(path);
            } else if kind.is_file() {
                found.push(path);
            }
        }
    }
    Ok(found)
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to.parent().expect("the path was joined"))
        .and_then(|()| fs::copy(from, to))
        .with_context(|| format!("copying {} to {}", from.display(), to.display()))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

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

        // A file where the new folder would be: nothing is replaced.
        fs::write(at("c-shim/new"), "in the way").unwrap();
        staging.install().unwrap_err();
        assert_eq!(fs::read_to_string(at("c-shim/changes")).unwrap(), "changes");
        fs::remove_file(at("c-shim/new")).unwrap();

        staging.install().unwrap();
        assert!(staging.changes().unwrap().is_empty());
        assert!(!at("c-shim/goes").exists());
    }
}
