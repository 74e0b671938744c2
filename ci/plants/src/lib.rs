// SPDX-License-Identifier: GPL-2.0
//! Planted bugs. The manifest `ci/planted/*.toml` has each bug once: what is wrong, the edits that
//! plant it, and the checks that must catch it ([`check`]). A check that passes on a planted bug
//! checks nothing.
//!
//! [`Plant::planted`] returns the files with the bug. `tests/host` in this crate builds them for
//! the tests on the host, and `xtask/kernel` for kernels and for the module.

pub mod check;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

pub use check::Check;

/// The folder of the manifest, relative to the top folder.
const FOLDER: &str = "ci/planted";

/// One planted bug.
#[derive(Clone, Debug)]
pub struct Plant {
    pub name: String,
    /// What is wrong, in one sentence.
    pub wrong: String,
    /// The checks that must catch the bug, each on its own.
    pub caught: Vec<Check>,
    pub edits: Vec<Edit>,
}

/// One piece of text, and the text that replaces it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Edit {
    /// The file, relative to the top folder. `linux/PATH` is a file of Linux that the series edits.
    #[serde(default)]
    pub file: String,
    /// The text to replace. It must occur exactly once.
    pub from: String,
    pub to: String,
}

/// One file of the manifest: the bugs of one source file, by name.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Toml {
    file: String,
    plant: BTreeMap<String, Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    wrong: String,
    from: String,
    to: String,
    caught: Vec<Check>,
    #[serde(default)]
    /// Further edits, possibly of other files.
    also: Vec<Edit>,
}

/// Returns the path in a kernel tree if [`Edit::file`] is a file of Linux.
pub fn in_linux(file: &str) -> Option<&str> {
    file.strip_prefix("linux/")
}

impl Edit {
    fn apply(&self, text: &str) -> Result<String> {
        let Edit { file, from, to } = self;
        let places = text.matches(from).count();
        ensure!(
            places == 1,
            "{file} must have this text once, but has it {places} times:\n{from}"
        );
        Ok(text.replacen(from, to, 1))
    }
}

impl Plant {
    /// Returns the files that the edits change, by [`Edit::file`], with the bug in them. `read`
    /// returns a file without the bug. Fails unless each replaced text occurs exactly once.
    pub fn planted(&self, read: impl Fn(&str) -> Result<String>) -> Result<BTreeMap<&str, String>> {
        let mut files = BTreeMap::new();
        for edit in &self.edits {
            let file = edit.file.as_str();
            let text = files.remove(file).map_or_else(|| read(file), Ok);
            let text = text
                .and_then(|text| edit.apply(&text))
                .with_context(|| format!("{} cannot be planted", self.name))?;
            files.insert(file, text);
        }
        Ok(files)
    }

    /// Rejects what looks like a check but is none.
    fn check(&self) -> Result<()> {
        let name = &self.name;
        ensure!(!self.caught.is_empty(), "no check catches {name}");
        for Edit { file, from, to } in &self.edits {
            ensure!(from != to, "{name} changes nothing in {file}");
        }
        for check in &self.caught {
            ensure!(
                check.says_something(),
                "{name}: the expected text of a check is empty"
            );
        }
        Ok(())
    }
}

/// Loads all bugs, ordered by file of the manifest, then by name. Fails if two bugs have the same
/// name.
pub fn load(root: &Path) -> Result<Vec<Plant>> {
    let folder = root.join(FOLDER);
    let reading = || format!("reading {}", folder.display());
    let mut paths = Vec::new();
    for entry in fs::read_dir(&folder).with_context(reading)? {
        paths.push(entry.with_context(reading)?.path());
    }
    paths.sort();
    let mut plants = Vec::new();
    for path in paths {
        let parsed = fs::read_to_string(&path)
            .map_err(Into::into)
            .and_then(|text| parse(&text));
        plants.extend(parsed.with_context(|| path.display().to_string())?);
    }
    let mut names = BTreeSet::new();
    for Plant { name, .. } in &plants {
        ensure!(names.insert(name), "{FOLDER} has two bugs called {name}");
    }
    Ok(plants)
}

fn parse(text: &str) -> Result<Vec<Plant>> {
    let Toml { file, plant } = toml::from_str(text)?;
    let plants = plant.into_iter().map(|(name, entry)| {
        let mut edits = vec![Edit {
            file: file.clone(),
            from: entry.from,
            to: entry.to,
        }];
        edits.extend(entry.also);
        for edit in edits.iter_mut().filter(|edit| edit.file.is_empty()) {
            edit.file.clone_from(&file);
        }
        let plant = Plant {
            name,
            wrong: entry.wrong,
            caught: entry.caught,
            edits,
        };
        plant.check()?;
        Ok(plant)
    });
    plants.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    const GOOD: &str = "
        file = 'a.c'
        [plant.one]
        wrong = 'w'
        from = 'x = 1'
        to = 'x = 2'
        caught = [{ by = 'poll-core', run = '--lib', says = 's' }]
        [[plant.one.also]]
        from = 'x = 2;'
        to = 'x = 3;'
    ";

    fn one() -> Plant {
        parse(GOOD).unwrap().remove(0)
    }

    fn all() -> (PathBuf, Vec<Plant>) {
        let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let plants = load(&top).unwrap();
        (top, plants)
    }

    /// `xtask/kernel`, which knows the kernel lines, tests the bugs in files of Linux.
    #[test]
    fn every_bug_can_be_planted_in_the_source_as_it_is() {
        let (top, plants) = all();
        let is_ours = |edit: &Edit| in_linux(&edit.file).is_none();
        for plant in plants.iter().filter(|it| it.edits.iter().all(is_ours)) {
            let read = |file: &str| Ok(fs::read_to_string(top.join(file))?);
            plant.planted(read).unwrap();
        }
    }

    /// Each runner filters the manifest for its own checks. A filter that finds nothing would pass.
    #[test]
    fn everybody_who_checks_has_bugs_to_find() {
        let (_, plants) = all();
        let checks: Vec<&Check> = plants.iter().flat_map(|plant| &plant.caught).collect();
        let on_host = checks.iter().filter_map(|check| check.on_host());
        let packages: BTreeSet<&str> = on_host.map(|(package, _)| package).collect();
        let known = ["poll-core", "poll-core-module", "shim-harness"];
        assert!(packages.into_iter().eq(known));
        assert!(checks.iter().any(|check| check.in_guest().is_some()));
        assert!(checks.iter().any(|check| check.of_module().is_some()));
    }

    #[test]
    fn edits_of_a_file_follow_each_other() {
        let one = one();
        let files = one.planted(|_| Ok("int x = 1;".into())).unwrap();
        assert_eq!(files, BTreeMap::from([("a.c", "int x = 3;".into())]));
    }

    #[test]
    fn a_text_that_is_not_there_once_is_refused() {
        for (text, times) in [("x = 4;", "0 times"), ("x = 1; x = 1;", "2 times")] {
            let err = format!("{:#}", one().planted(|_| Ok(text.into())).unwrap_err());
            assert!(err.contains("one cannot be planted"), "{err}");
            assert!(err.contains(times), "{err}");
        }
    }

    #[test]
    fn a_faulty_manifest_is_refused() {
        let checks = "{ by = 'poll-core', run = '--lib', says = 's' }";
        for (right, wrong, complaint) in [
            ("wrong = 'w'", "wrong = 'w'\nwrnog = ''", "unknown field"),
            ("says = 's'", "says = ''", "expected text"),
            (checks, "", "no check catches"),
            ("to = 'x = 2'\n", "to = 'x = 1'\n", "changes nothing"),
        ] {
            assert!(GOOD.contains(right), "{right}");
            let err = format!("{:#}", parse(&GOOD.replace(right, wrong)).unwrap_err());
            assert!(err.contains(complaint), "{wrong}: {err}");
        }
    }

    #[test]
    fn a_name_is_used_once() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join(FOLDER);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("a.toml"), GOOD).unwrap();
        assert_eq!(load(root.path()).unwrap().len(), 1);
        fs::write(folder.join("b.toml"), GOOD).unwrap();
        let err = load(root.path()).unwrap_err().to_string();
        assert!(err.contains("two bugs called one"), "{err}");
    }
}
