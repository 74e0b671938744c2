// SPDX-License-Identifier: GPL-2.0
//! What the reviewers found on the base, kept: it is the same each time, and to go
//! back to the base only for that would compile much of the kernel again.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::finding::{Finding, Inspection};
use super::{Args, Desk, ReviewerName};

#[derive(Serialize, Deserialize)]
struct Kept {
    /// Of all that it depends on.
    key: String,
    tool: String,
    done: usize,
    findings: Vec<Finding>,
}

/// How the findings come about. A reviewer that compares with the base is one of these.
const REVIEWERS: [&str; 7] = [
    include_str!("builds.rs"),
    include_str!("finding.rs"),
    include_str!("kernel_doc.rs"),
    include_str!("recipe.rs"),
    include_str!("sparse.rs"),
    include_str!("tools_virtio.rs"),
    include_str!("tools_virtio/6.12.h"),
];

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
        for text in REVIEWERS {
            add(text.as_bytes());
        }
        let dir = desk.place.root.join("kconfig");
        let mut fragments: Vec<PathBuf> = fs::read_dir(&dir)
            .and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect())
            .with_context(|| format!("reading {}", dir.display()))?;
        fragments.sort();
        for path in fragments {
            add(&fs::read(&path).with_context(|| format!("reading {}", path.display()))?);
        }
        Ok(Known {
            key: format!("{:x}", hash.finalize()),
            folder: subject.folder.join("base"),
        })
    }

    pub fn get(&self, name: ReviewerName) -> Option<Inspection> {
        let text = fs::read_to_string(self.path(name)).ok()?;
        let kept: Kept = serde_json::from_str(&text).ok()?;
        (kept.key == self.key).then_some(Inspection {
            tool: kept.tool,
            done: kept.done,
            unit: "",
            findings: kept.findings,
        })
    }

    pub fn keep(&self, name: ReviewerName, look: &Inspection) -> Result<()> {
        let kept = Kept {
            key: self.key.clone(),
            tool: look.tool.clone(),
            done: look.done,
            findings: look.findings.clone(),
        };
        fs::create_dir_all(&self.folder)?;
        let path = self.path(name);
        fs::write(&path, serde_json::to_string_pretty(&kept)?)
            .with_context(|| format!("writing {}", path.display()))
    }

    fn path(&self, name: ReviewerName) -> PathBuf {
        self.folder.join(format!("{}.json", name.text()))
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use clap::ValueEnum;

    use super::*;

    #[test]
    fn whoever_compares_with_the_base_is_in_the_key() {
        let compares = |name: &&ReviewerName| name.compares();
        let names = ReviewerName::value_variants().iter().filter(compares);
        let mut seen = 0;
        for name in names {
            let file = name.text().replace('-', "_") + ".rs";
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(file);
            let text = fs::read_to_string(&path).unwrap();
            assert!(REVIEWERS.contains(&text.as_str()), "{}", path.display());
            seen += 1;
        }
        assert!(seen > 0);
    }
}
