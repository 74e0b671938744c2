// SPDX-License-Identifier: GPL-2.0
//! Temporary folders in which an entry of the cache is made before it is moved into the cache, and
//! links that select the current entry.

use std::os::unix::fs::symlink;
use std::path::Path;

use anyhow::{Context, Result};
use fs_err as fs;
use tempfile::TempDir;

use crate::place::Place;

const PREFIX: &str = ".fetch-";

/// Creates a folder in `folder` that is deleted when it is dropped. First deletes the folders that
/// killed runs left there: the caller holds the lock on `folder`. Fails if less than `bytes` is
/// free.
pub fn dir(place: &Place, folder: &Path, bytes: u64) -> Result<TempDir> {
    fs::create_dir_all(folder)?;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with(PREFIX) {
            fs::remove_dir_all(entry.path())?;
        }
    }
    place.need_space(bytes)?;
    TempDir::with_prefix_in(PREFIX, folder)
        .with_context(|| format!("creating a folder in {}", folder.display()))
}

/// Creates or replaces the link `name` in `folder`. It points to `key` in the same folder.
pub fn point(folder: &Path, name: &str, key: &str) -> Result<()> {
    let new = folder.join(format!(".{name}.new"));
    let _ = fs::remove_file(&new);
    symlink(key, &new)
        .and_then(|()| fs::rename(&new, folder.join(name)))
        .with_context(|| format!("linking {name} in {} to {key}", folder.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_killed_run_left_is_removed_and_nothing_else() {
        let cache = tempfile::tempdir().unwrap();
        let place = Place::of(cache.path().to_owned(), cache.path().to_owned());
        let folder = cache.path().join("x");
        for name in [".fetch-old", "whole"] {
            fs::create_dir_all(folder.join(name)).unwrap();
        }
        let made = dir(&place, &folder, 0).unwrap();
        assert!(made.path().is_dir() && folder.join("whole").is_dir());
        assert!(!folder.join(".fetch-old").exists());
        drop(made);
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
    }
}
