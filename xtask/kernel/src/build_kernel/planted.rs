// SPDX-License-Identifier: GPL-2.0
//! Plants bugs in a kernel tree. The manifest names files of the checkout; this file finds
//! their paths in the tree, where the series puts them.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use fs_err as fs;

use plants::Plant;
use series::spec::Spec;
use toolbox::fault;
use toolbox::line::Line;

/// The files of the tree `src` that a planted bug changes, with their changed text.
pub fn files(
    root: &Path,
    line: &Line,
    src: &Path,
    plant: &Plant,
) -> Result<Vec<(PathBuf, String)>> {
    let spec = Spec::load(root, line)?;
    let home = |file: &str| home(&spec, root, file).map(|path| src.join(path));
    let read = |file: &str| {
        let path = home(file)?;
        Ok(fs::read_to_string(&path)?)
    };
    let planted = plant.planted(read);
    let planted = planted.map_err(|err| fault::usage(format!("{err:#}")))?;
    let files = planted.into_iter();
    files.map(|(file, text)| Ok((home(file)?, text))).collect()
}

/// The path in a kernel tree of a file that the manifest names.
fn home(spec: &Spec, root: &Path, file: &str) -> Result<String> {
    if let Some(path) = plants::in_linux(file) {
        return Ok(path.to_owned());
    }
    let from = root.join(file);
    let mut adds = spec.patches.iter().flat_map(|patch| &patch.adds);
    let add = adds.find(|add| add.from == from);
    add.map(|add| add.to.clone())
        .with_context(|| format!("no patch of the series adds {file}"))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use toolbox::line::LINES;
    use toolbox::place::Place;

    #[test]
    fn bugs_of_guests_can_be_planted_on_each_line() {
        let root = Place::find().unwrap().root;
        let mut plants = plants::load(&root).unwrap();
        plants.retain(|plant| plant.caught.iter().any(|check| check.in_guest().is_some()));
        for line in &LINES {
            let spec = Spec::load(&root, line).unwrap();
            let linux = linux(&spec);
            for plant in &plants {
                let read = |file: &str| {
                    let home = home(&spec, &root, file)?;
                    match plants::in_linux(file) {
                        Some(_) => linux.get(&home).cloned().context("no diff shows this file"),
                        None => Ok(fs::read_to_string(root.join(file))?),
                    }
                };
                plant.planted(read).unwrap();
            }
            assert!(home(&spec, &root, "c-shim/module/hit.c").is_err());
        }
    }

    /// Each file of Linux that the series edits: its text after the edits, as far as diffs show it.
    fn linux(spec: &Spec) -> BTreeMap<String, String> {
        let mut files = BTreeMap::<String, String>::new();
        for path in spec.patches.iter().flat_map(|patch| &patch.edits) {
            let mut file = None;
            for line in fs::read_to_string(path).unwrap().lines() {
                if line.starts_with("diff --git ") {
                    file = None;
                } else if let Some(path) = line.strip_prefix("+++ b/") {
                    file = Some(path.to_owned());
                } else if let (Some(file), Some(line)) = (&file, line.strip_prefix([' ', '+'])) {
                    *files.entry(file.clone()).or_default() += &format!("{line}\n");
                }
            }
        }
        files
    }
}
