// SPDX-License-Identifier: GPL-2.0
//! The folder of results, and what is removed from it after a run.

use std::path::{Path, PathBuf};

use anyhow::Result;
use fs_err as fs;

/// Files that are removed from each folder of logs. They are large, and the initramfs is a copy of
/// the kit's.
const NOT_TO_STAY: [&str; 2] = ["initramfs.cpio", "memory.raw"];

/// The folder of results. Dropping it tidies the folder, however the run ended: logs stay, locks
/// and empty folders go.
pub struct ResultsDir(PathBuf);

impl ResultsDir {
    pub fn make(dir: &Path) -> Result<ResultsDir> {
        fs::create_dir_all(dir)?;
        Ok(ResultsDir(dir.to_owned()))
    }

    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for ResultsDir {
    fn drop(&mut self) {
        // Ignore errors: a file that cannot be removed must not fail a run that has figures.
        let _ = fs::remove_dir_all(self.0.join("lock"));
        let logs = self.0.join("logs");
        for entry in fs::read_dir(&logs).into_iter().flatten().flatten() {
            for name in NOT_TO_STAY {
                let _ = fs::remove_file(entry.path().join(name));
            }
        }
        for empty in [&logs, &self.0] {
            let _ = fs::remove_dir(empty);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_measured_leaves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let out = dir.path().join("results");
        drop(ResultsDir::make(&out).unwrap());
        assert!(!out.exists());
    }
}
