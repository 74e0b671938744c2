// SPDX-License-Identifier: GPL-2.0
//! Keeps the reviewers' results for the base. They are the same in each run, and going back to the
//! base only for them would compile much of the kernel again.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use fs_err as fs;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::finding::Inspection;
use super::{Args, Desk, ReviewerName};

#[derive(Serialize, Deserialize)]
struct Kept {
    /// Hash of everything that the result depends on.
    key: String,
    look: Inspection,
}

/// Folders that the findings depend on, besides the source: the reviewers' code and the
/// configurations.
const FOLDERS: [&str; 2] = ["xtask/review/src", "kconfig"];

pub struct Known {
    key: String,
    folder: PathBuf,
}

impl Known {
    pub fn new(desk: &Desk<'_>, args: &Args) -> Result<Known> {
        let subject = &desk.subject;
        let last = subject.commits.last().context("there is the base")?;
        let mut hash = Sha256::new();
        let mut add = |part: &[u8]| {
            hash.update(part);
            hash.update([0]);
        };
        add(subject.commits[0].id.as_bytes());
        add(last.touched_so_far(&[".c", ".h"]).join("\n").as_bytes());
        add(desk.tools.versions.join("\n").as_bytes());
        add(&[u8::from(args.quick || args.self_test)]);
        for folder in FOLDERS {
            let dir = desk.place.root.join(folder);
            for path in files(&dir).with_context(|| format!("reading {}", dir.display()))? {
                add(&fs::read(&path)?);
            }
        }
        Ok(Known {
            key: format!("{:x}", hash.finalize()),
            folder: subject.folder.join("base"),
        })
    }

    pub fn get(&self, name: ReviewerName) -> Option<Inspection> {
        let text = fs::read_to_string(self.path(name)).ok()?;
        let kept: Kept = serde_json::from_str(&text).ok()?;
        (kept.key == self.key).then_some(kept.look)
    }

    pub fn keep(&self, name: ReviewerName, look: &Inspection) -> Result<()> {
        let kept = Kept {
            key: self.key.clone(),
            look: look.clone(),
        };
        fs::create_dir_all(&self.folder)?;
        let path = self.path(name);
        Ok(fs::write(&path, serde_json::to_string_pretty(&kept)?)?)
    }

    fn path(&self, name: ReviewerName) -> PathBuf {
        self.folder.join(format!("{}.json", name.text()))
    }
}

/// Returns all files below a folder, sorted.
fn files(dir: &Path) -> std::io::Result<Vec<PathBuf>> {
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
