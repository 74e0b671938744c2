// SPDX-License-Identifier: GPL-2.0
//! What is in an unpacked kit, and whether all of it is there as it was packed. The one who packs
//! and the runner share this.

use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use toolbox::fault::{self, Kind};

pub const RUNNER: &str = "poll-source-kit";
pub const MANIFEST: &str = "kit.json";
pub const BZIMAGE: &str = "bzImage";
pub const CONFIG: &str = "kernel.config";
pub const INITRAMFS: &str = "initramfs.cpio";
/// The module for stock kernels: a Debian package, and a tarball of the source.
pub const MODULE: &str = "module";
/// The series that the kernel was built with, as mails.
pub const PATCHES: &str = "patches";
pub const LICENCES: &str = "licences";
pub const COPYING: &str = "COPYING";
pub const README: &str = "README.md";
pub const SUMS: &str = "SHA256SUMS";

/// What the runner opens.
const OPENED: [&str; 4] = [MANIFEST, BZIMAGE, CONFIG, INITRAMFS];

const SCHEMA: u32 = 1;

/// kit.json: what the files are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    schema: u32,
    /// "7.3.4"
    pub version: String,
    /// git tree hash of the kernel's source, the series applied.
    pub tree: String,
    /// The guest's programs, by name.
    pub programs: Vec<String>,
    /// "NAME VERSION" of them, and of what built the kernel.
    pub tools: Vec<String>,
}

impl Manifest {
    pub fn new(version: &str, tree: &str, programs: &[&str], tools: &[String]) -> Manifest {
        Manifest {
            schema: SCHEMA,
            version: version.to_owned(),
            tree: tree.to_owned(),
            programs: programs.iter().map(ToString::to_string).collect(),
            tools: tools.to_vec(),
        }
    }

    pub fn write(&self, dir: &Path) -> Result<()> {
        let path = dir.join(MANIFEST);
        let json = serde_json::to_string_pretty(self)? + "\n";
        fs::write(&path, json).with_context(|| format!("writing {}", path.display()))
    }

    /// Of a kit whose sums are right.
    pub fn read(dir: &Path) -> Result<Manifest> {
        let path = dir.join(MANIFEST);
        let text = fs::read(&path).with_context(|| format!("reading {}", path.display()))?;
        let manifest: Manifest = serde_json::from_slice(&text)
            .map_err(|err| damaged(dir, &format!("{MANIFEST} is not understood: {err}")))?;
        match manifest.schema {
            SCHEMA => Ok(manifest),
            other => Err(damaged(dir, &format!("{MANIFEST} has schema {other}"))),
        }
    }
}

/// Writes SHA256SUMS, of all files below `dir` by name.
pub fn write_sums(dir: &Path) -> Result<()> {
    let path = dir.join(SUMS);
    let mut text = String::new();
    for name in files(dir)?.iter().filter(|name| *name != SUMS) {
        let sum = sum(&dir.join(name)).with_context(|| format!("reading {name}"))?;
        text += &format!("{sum}  {name}\n");
    }
    fs::write(&path, text).with_context(|| format!("writing {}", path.display()))
}

/// Fails unless every file is there and is what was packed.
pub fn check(dir: &Path) -> Result<()> {
    let sums = match fs::read_to_string(dir.join(SUMS)) {
        Ok(sums) => sums,
        Err(err) if err.kind() == ErrorKind::NotFound => return Err(missing(dir, SUMS)),
        Err(err) if err.kind() == ErrorKind::InvalidData => {
            return Err(damaged(dir, &format!("{SUMS} is no text")));
        }
        Err(err) => return Err(err).with_context(|| format!("reading {SUMS}")),
    };
    let mut known = Vec::new();
    for line in sums.lines() {
        let Some((wanted, name)) = line.split_once("  ") else {
            return Err(damaged(dir, &format!("{SUMS} has a line '{line}'")));
        };
        let found = match sum(&dir.join(name)) {
            Err(err) if err.kind() == ErrorKind::NotFound => return Err(missing(dir, name)),
            found => found.with_context(|| format!("reading {name}"))?,
        };
        if found != wanted {
            return Err(damaged(dir, &format!("{name} is not what was packed")));
        }
        known.push(name);
    }
    match OPENED.iter().find(|name| !known.contains(name)) {
        Some(name) => Err(damaged(dir, &format!("{SUMS} does not name {name}"))),
        None => Ok(()),
    }
}

fn missing(dir: &Path, name: &str) -> anyhow::Error {
    fault::fault(
        Kind::Incomplete,
        format!(
            "the kit in {} has no {name}: unpack the archive again, and run the program where it \
             was unpacked",
            dir.display()
        ),
    )
}

fn damaged(dir: &Path, what: &str) -> anyhow::Error {
    fault::fault(
        Kind::Damaged,
        format!(
            "the kit in {} is damaged: {what}; unpack the archive again",
            dir.display()
        ),
    )
}

/// All files below `dir`, by their names in it, sorted.
pub fn files(dir: &Path) -> Result<Vec<String>> {
    let mut found = Vec::new();
    let mut folders = vec![PathBuf::new()];
    while let Some(folder) = folders.pop() {
        let listing = || format!("listing {}", dir.join(&folder).display());
        for entry in fs::read_dir(dir.join(&folder)).with_context(listing)? {
            let entry = entry.with_context(listing)?;
            let name = folder.join(entry.file_name());
            match entry.file_type().with_context(listing)?.is_dir() {
                true => folders.push(name),
                false => found.push(name.to_string_lossy().into_owned()),
            }
        }
    }
    found.sort();
    Ok(found)
}

fn sum(path: &Path) -> io::Result<String> {
    let mut hash = Sha256::new();
    io::copy(&mut File::open(path)?, &mut hash)?;
    Ok(format!("{:x}", hash.finalize()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tempfile::TempDir;

    fn unpacked() -> TempDir {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join(MODULE)).unwrap();
        for name in ["bzImage", "kernel.config", "initramfs.cpio", "module/x.deb"] {
            fs::write(dir.path().join(name), name).unwrap();
        }
        let manifest = Manifest::new("7.3.4", "1234", &["fio"], &["fio 3.33".into()]);
        manifest.write(dir.path()).unwrap();
        write_sums(dir.path()).unwrap();
        assert_eq!(Manifest::read(dir.path()).unwrap(), manifest);
        dir
    }

    fn kind(dir: &TempDir) -> Kind {
        fault::kind_of(&check(dir.path()).unwrap_err())
    }

    #[test]
    fn the_sums_are_those_of_sha256sum() {
        let dir = unpacked();
        check(dir.path()).unwrap();
        let mut cmd = std::process::Command::new("sha256sum");
        cmd.args(["--check", "--strict", "--quiet", SUMS])
            .current_dir(dir.path());
        assert!(cmd.status().unwrap().success());
        let text = fs::read_to_string(dir.path().join(SUMS)).unwrap();
        let names: Vec<&str> = text.lines().map(|line| &line[66..]).collect();
        assert_eq!(
            names,
            [
                "bzImage",
                "initramfs.cpio",
                "kernel.config",
                "kit.json",
                "module/x.deb"
            ]
        );
    }

    #[test]
    fn what_is_missing_is_told_from_what_is_damaged() {
        for name in [SUMS, "module/x.deb", INITRAMFS] {
            let dir = unpacked();
            fs::remove_file(dir.path().join(name)).unwrap();
            assert_eq!(kind(&dir), Kind::Incomplete, "{name}");
        }
        for (name, text) in [
            ("bzImage", "bzimage"),
            ("module/x.deb", ""),
            (SUMS, "123\n"),
            (SUMS, ""),
        ] {
            let dir = unpacked();
            fs::write(dir.path().join(name), text).unwrap();
            assert_eq!(kind(&dir), Kind::Damaged, "{name}: {text:?}");
        }
        let dir = unpacked();
        fs::write(dir.path().join(SUMS), [0xff, 0xfe]).unwrap();
        assert_eq!(kind(&dir), Kind::Damaged);
    }

    #[test]
    fn a_kit_of_another_time_is_refused() {
        let dir = unpacked();
        let path = dir.path().join(MANIFEST);
        let text = fs::read_to_string(&path).unwrap();
        for other in [text.replace("\"schema\": 1", "\"schema\": 2"), "{}".into()] {
            fs::write(&path, other).unwrap();
            let err = Manifest::read(dir.path()).unwrap_err();
            assert_eq!(fault::kind_of(&err), Kind::Damaged);
        }
    }
}
