// SPDX-License-Identifier: GPL-2.0
//! The identity of a module's source: the git tree hash of the files that the module is built from.
//! A file with the hash is beside each packed source and beside each module that xtask builds. So
//! results can name the source of the measured module.

use std::path::Path;

use anyhow::{Context, Result};
use fs_err as fs;

use super::tree::{self, ModuleFiles};
use toolbox::git::Git;

/// The name of the file with the hash.
pub const FILE: &str = "source-tree";
/// The page is not hashed, because it does not change the module.
const PAGE: &str = "README.md";

/// The hash of these files, computed by git.
pub fn of(files: &ModuleFiles) -> Result<String> {
    let scratch = tempfile::tempdir().context("making a scratch folder")?;
    let source = scratch.path().join("source");
    let mut files = files.clone();
    files.remove(Path::new(PAGE));
    tree::write(&files, &source)?;
    let git = Git::bare(scratch.path().join("git"))?;
    git.init()?;
    let git = git.with_work_tree(&source);
    git.read(["add", "--all"])?;
    git.read(["write-tree"])
}

/// Writes the hash of `files` to a file in `dir`.
pub fn write(files: &ModuleFiles, dir: &Path) -> Result<()> {
    Ok(fs::write(dir.join(FILE), of(files)? + "\n")?)
}

/// The hash that the file in `dir` has; None if there is no such file.
pub fn read(dir: &Path) -> Option<String> {
    let text = fs::read_to_string(dir.join(FILE)).ok()?;
    Some(text.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_source_counts_and_no_page() {
        let files = |main: &str| {
            let files = [("README.md", main), ("main.c", main), ("include/x.h", "x")];
            let files = files.map(|(name, text)| (name.into(), text.as_bytes().to_vec()));
            ModuleFiles::from(files)
        };
        let one = files("one");
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(read(dir.path()), None);
        write(&one, dir.path()).unwrap();
        let own = read(dir.path()).unwrap();
        assert_ne!(own, of(&files("two")).unwrap());
        let mut page = one.clone();
        page.insert("README.md".into(), b"two".to_vec());
        assert_eq!(own, of(&page).unwrap());
    }
}
