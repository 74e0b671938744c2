// SPDX-License-Identifier: GPL-2.0
//! The module's source in one folder, as kbuild needs it. In the checkout, some of its files are
//! links to the core and to headers that the series also has; copies that leave the checkout have
//! only files. Modules that the tests load are a separate tree, which no package contains.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use fs_err as fs;

use plants::Plant;
use toolbox::fault;
use toolbox::place::Place;

/// A source file has one of these names, or one of [`SUFFIXES`]. A build in the checkout also
/// leaves other files there.
const NAMES: [&str; 4] = ["Kbuild", "Makefile", "README.md", "dkms.conf"];
const SUFFIXES: [&str; 4] = [".c", ".h", ".rs", ".sh"];
/// The suffix of files that kbuild makes: they are not source.
const MADE: &str = ".mod.c";
/// The suffix of the core's unit tests, which run on the host.
const UNIT_TESTS: &str = "tests.rs";
/// The folder of modules that tests load in guests.
const TESTS: &str = "tests";
/// The folder for dpkg, not for kbuild: see `xtask/kernel/src/module/package.rs`.
pub const PACKAGING: &str = "packaging";

/// The files of a tree: path in the tree, and content.
pub type ModuleFiles = BTreeMap<PathBuf, Vec<u8>>;

pub fn files(place: &Place) -> Result<ModuleFiles> {
    files_in(&dir(place))
}

/// The module's files with a planted bug.
pub fn planted_files(place: &Place, plant: &Plant) -> Result<ModuleFiles> {
    let mut files = files(place)?;
    let home = |file: &str| {
        let full = fs::canonicalize(place.root.join(file))?;
        let leads_there =
            |path: &&PathBuf| fs::canonicalize(dir(place).join(path)).is_ok_and(|it| it == full);
        let home = files.keys().find(leads_there).cloned();
        home.with_context(|| format!("the module has no file {file}"))
    };
    let read = |file: &str| Ok(String::from_utf8(files[&home(file)?].clone())?);
    let planted = plant.planted(read);
    let planted = planted.map_err(|err| fault::usage(format!("{err:#}")))?;
    let planted = planted.into_iter();
    let planted = planted.map(|(file, text)| Ok((home(file)?, text.into_bytes())));
    let planted: ModuleFiles = planted.collect::<Result<_>>()?;
    files.extend(planted);
    Ok(files)
}

/// The files of the modules that a test's guest loads beside the module.
pub fn test_files(place: &Place) -> Result<ModuleFiles> {
    files_in(&dir(place).join(TESTS))
}

fn files_in(root: &Path) -> Result<ModuleFiles> {
    let mut files = ModuleFiles::new();
    collect(root, Path::new(""), &mut files)?;
    Ok(files)
}

pub fn dir(place: &Place) -> PathBuf {
    place.root.join("c-shim/module")
}

fn collect(root: &Path, sub: &Path, files: &mut ModuleFiles) -> Result<()> {
    for entry in fs::read_dir(root.join(sub))? {
        let path = sub.join(entry?.file_name());
        let full = root.join(&path);
        // metadata() follows links.
        if fs::metadata(&full)?.is_dir() {
            if ![PACKAGING, TESTS].map(Path::new).contains(&&*path) {
                collect(root, &path, files)?;
            }
        } else if is_source(&path) {
            files.insert(path, fs::read(&full)?);
        }
    }
    Ok(())
}

fn is_source(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let named = NAMES.contains(&&*name) || SUFFIXES.iter().any(|end| name.ends_with(end));
    named && !name.starts_with('.') && !name.ends_with(MADE) && !name.ends_with(UNIT_TESTS)
}

/// Updates the tree in `dir` to `files`. An unchanged file keeps its time, so make does not build
/// it again. Source files that are not in `files` are removed.
pub fn write(files: &ModuleFiles, dir: &Path) -> Result<()> {
    let mut before = ModuleFiles::new();
    if dir.is_dir() {
        collect(dir, Path::new(""), &mut before)?;
    }
    for path in before.keys().filter(|path| !files.contains_key(*path)) {
        fs::remove_file(dir.join(path))?;
    }
    for (path, bytes) in files {
        if before.get(path) != Some(bytes) {
            let path = dir.join(path);
            fs::create_dir_all(path.parent().expect("a joined path has a parent"))?;
            fs::write(&path, bytes)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn links_become_files_and_objects_stay_behind() {
        let temp = tempfile::tempdir().unwrap();
        let place = Place::of(temp.path().to_owned(), temp.path().to_owned());
        let (module, poll) = (dir(&place), temp.path().join("poll"));
        for dir in [&module.join(PACKAGING), &module.join(TESTS), &poll] {
            fs::create_dir_all(dir).unwrap();
        }
        symlink(&poll, module.join("poll")).unwrap();
        symlink("../kernel/b.h", module.join("b.h")).unwrap();
        fs::create_dir_all(temp.path().join("c-shim/kernel")).unwrap();
        let names = [
            "Kbuild",
            "a.c",
            "a.o",
            "b.h",
            "x.mod.c",
            "packaging/control.sh",
            "tests/Kbuild",
            "tests/b.c",
            "poll/mod.rs",
            "poll/tests.rs",
            "poll/mod_tests.rs",
        ];
        for name in names {
            fs::write(module.join(name), name).unwrap();
        }
        let found = files(&place).unwrap();
        let paths: Vec<&Path> = found.keys().map(PathBuf::as_path).collect();
        assert_eq!(
            paths,
            ["Kbuild", "a.c", "b.h", "poll/mod.rs"].map(Path::new)
        );
        let tests = test_files(&place).unwrap();
        assert!(tests.keys().eq(["Kbuild", "b.c"].map(Path::new)));

        let tree = temp.path().join("tree");
        fs::create_dir(&tree).unwrap();
        for name in ["gone.c", "a.o", "x.mod.c"] {
            fs::write(tree.join(name), "").unwrap();
        }
        write(&found, &tree).unwrap();
        assert!(
            !tree.join("b.h").is_symlink()
                && !tree.join("poll").is_symlink()
                && tree.join("poll/mod.rs").is_file()
        );
        assert!(tree.join("a.o").exists() && tree.join("x.mod.c").exists());
        assert!(!tree.join("gone.c").exists());
        let time = || fs::metadata(tree.join("a.c")).unwrap().modified().unwrap();
        let before = time();
        write(&found, &tree).unwrap();
        assert_eq!(time(), before, "make would build it again");
    }

    #[test]
    fn bugs_are_planted_in_the_module() {
        let place = Place::find().unwrap();
        let plants = plants::load(&place.root).unwrap();
        let clean = files(&place).unwrap();
        let of_module =
            |plant: &&Plant| plant.caught.iter().any(|check| check.of_module().is_some());
        for plant in plants.iter().filter(of_module) {
            let planted = planted_files(&place, plant).unwrap();
            assert!(planted.keys().eq(clean.keys()));
            assert_ne!(planted, clean, "{}", plant.name);
        }
        let of_series = plants.iter().find(|plant| plant.name == "rcu-off").unwrap();
        let err = format!("{:#}", planted_files(&place, of_series).unwrap_err());
        assert!(err.contains("the module has no"), "{err}");
    }
}
