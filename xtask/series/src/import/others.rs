// SPDX-License-Identifier: GPL-2.0
//! What an import means for the other lines: whether their series can still be generated, and which of
//! their own files stand in for one that changed. Git brings these up: see CONTRIBUTING.md.

use std::path::{Path, PathBuf};

use anyhow::Result;

use super::{Import, generate};
use crate::spec::Spec;
use crate::staging::Staging;
use source::Source;
use toolbox::fault::{self, Kind};
use toolbox::line::{LINES, Line};

/// Gives a line of text for each other line, or more.
pub fn told(import: &Import, staging: &Staging) -> Result<Vec<String>> {
    let mut told = Vec::new();
    let changes = staging.changes()?;
    if changes.is_empty() {
        return Ok(told);
    }
    for line in LINES.iter().filter(|line| **line != *import.source.line) {
        let name = line.name;
        let stale = stale(staging.root(), &changes, line);
        told.extend(stale.iter().map(|path| {
            let path = path.display();
            format!("{name}: look at {path}: what it stands in for has changed")
        }));
        told.push(match source::cached(import.place, line)? {
            None => format!("{name}: not tried, its source is not in the cache"),
            Some(source) => format!("{name}: {}", generated(import, staging, &source)?),
        });
    }
    Ok(told)
}

fn generated(import: &Import, staging: &Staging, source: &Source) -> Result<String> {
    let git = &import.scratch.git;
    git.borrow(&source.git)?;
    let spec = Spec::load(staging.root(), source.line);
    match spec.and_then(|spec| generate(git, source, &spec)) {
        Ok(_) => Ok("its series can still be generated".into()),
        Err(err) if fault::kind_of(&err) == Kind::Usage => {
            Ok(format!("its series can no longer be generated: {err:#}"))
        }
        Err(err) => Err(err),
    }
}

/// Files of the line's own beside a common one that changed.
fn stale(root: &Path, changes: &[PathBuf], line: &Line) -> Vec<PathBuf> {
    let shim = Path::new("c-shim");
    let own = changes.iter().filter_map(|path| {
        let mut parts = path.strip_prefix(shim).ok()?.components();
        let folder = parts.next()?.as_os_str().to_str()?;
        Some(shim.join(folder).join(line.name).join(parts.as_path()))
    });
    own.filter(|path| root.join(path).is_file()).collect()
}
