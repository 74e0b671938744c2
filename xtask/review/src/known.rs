// SPDX-License-Identifier: GPL-2.0
//! Keeps the reviewers' results for the base. They are the same in each run, and going back to the
//! base only for them would compile much of the kernel again.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use fs_err as fs;
use sha2::{Digest, Sha256};

use super::ReviewerName;
use super::finding::Inspection;
use super::subject::Subject;
use toolbox::options::spelled;
use toolbox::place::Place;
use toolbox::tools::Tools;

/// Folders that the findings depend on, besides the source: the reviewers' code and the
/// configurations.
const FOLDERS: [&str; 2] = ["xtask/review/src", "kconfig"];

/// The folder of the results. Its name is a hash of everything that they depend on.
pub struct Known(PathBuf);

impl Known {
    pub fn new(place: &Place, tools: &Tools, subject: &Subject, quick: bool) -> Result<Known> {
        let last = subject.commits.last().context("there is the base")?;
        let mut hash = Sha256::new();
        let mut add = |part: &[u8]| {
            hash.update(part);
            hash.update([0]);
        };
        add(subject.commits[0].id.as_bytes());
        add(last.touched_so_far(&[".c", ".h"]).join("\n").as_bytes());
        add(tools.versions.join("\n").as_bytes());
        add(&[u8::from(quick)]);
        for folder in FOLDERS {
            let dir = place.root.join(folder);
            for path in files(&dir).with_context(|| format!("reading {}", dir.display()))? {
                add(&fs::read(&path)?);
            }
        }
        let all = subject.folder.join("base");
        let folder = all.join(format!("{:x}", hash.finalize()));
        if !folder.is_dir() {
            // The results that are there depend on something else.
            let _ = fs::remove_dir_all(&all);
            fs::create_dir_all(&folder)?;
        }
        Ok(Known(folder))
    }

    pub fn get(&self, name: ReviewerName) -> Option<Inspection> {
        let text = fs::read_to_string(self.path(name)).ok()?;
        serde_json::from_str(&text).ok()
    }

    pub fn keep(&self, name: ReviewerName, look: &Inspection) -> Result<()> {
        let text = serde_json::to_string_pretty(look)?;
        Ok(fs::write(self.path(name), text)?)
    }

    fn path(&self, name: ReviewerName) -> PathBuf {
        self.0.join(format!("{}.json", spelled(name)))
    }
}

/// Returns all files below a folder, sorted.
pub fn files(dir: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        match path.is_dir() {
            true => paths.extend(files(&path)?),
            false => paths.push(path),
        }
    }
    paths.sort();
    Ok(paths)
}
