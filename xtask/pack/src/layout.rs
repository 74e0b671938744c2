// SPDX-License-Identifier: GPL-2.0
//! The files of an unpacked kit, for the packer and the runner. Nothing here checks that they are
//! as they were packed: `sha256sum -c SHA256SUMS` does.

use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use fs_err::{self as fs, File};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

pub const RUNNER: &str = "poll-source-kit";
pub const MANIFEST: &str = "kit.json";
pub const BZIMAGE: &str = "bzImage";
pub const CONFIG: &str = "kernel.config";
pub const INITRAMFS: &str = "initramfs.cpio";
/// The folder with the module for stock kernels: a Debian package, and a tarball of the source.
pub const MODULE: &str = "module";
/// The folder with the series that the kernel was built with, as mails.
pub const PATCHES: &str = "patches";
pub const LICENCES: &str = "licences";
pub const COPYING: &str = "COPYING";
pub const README: &str = "README.md";
pub const SUMS: &str = "SHA256SUMS";

const SCHEMA: u32 = 1;

/// The content of kit.json: versions of what the kit has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    schema: u32,
    /// "7.3.4"
    pub version: String,
    /// git tree hash of the kernel's source, with the series applied.
    pub tree: String,
    /// "NAME VERSION" of the guest's programs, and of the tools that built the kernel.
    pub tools: Vec<String>,
}

impl Manifest {
    pub fn new(version: &str, tree: &str, tools: &[String]) -> Manifest {
        Manifest {
            schema: SCHEMA,
            version: version.to_owned(),
            tree: tree.to_owned(),
            tools: tools.to_vec(),
        }
    }

    pub fn write(&self, dir: &Path) -> Result<()> {
        let json = serde_json::to_string_pretty(self)? + "\n";
        Ok(fs::write(dir.join(MANIFEST), json)?)
    }

    pub fn read(dir: &Path) -> Result<Manifest> {
        let path = dir.join(MANIFEST);
        let about = || {
            format!(
                "reading {} (run the program where the archive was unpacked)",
                path.display()
            )
        };
        let text = fs::read(&path).with_context(about)?;
        let manifest: Manifest = serde_json::from_slice(&text).with_context(about)?;
        let schema = manifest.schema;
        ensure!(
            schema == SCHEMA,
            "{} has schema {schema}, not {SCHEMA}",
            path.display()
        );
        Ok(manifest)
    }
}

/// Writes SHA256SUMS for all other files in `dir` and its folders, sorted by name.
pub fn write_sums(dir: &Path) -> Result<()> {
    let mut text = String::new();
    for name in files(dir)?.iter().filter(|name| *name != SUMS) {
        let mut hash = Sha256::new();
        io::copy(&mut File::open(dir.join(name))?, &mut hash)?;
        text += &format!("{:x}  {name}\n", hash.finalize());
    }
    Ok(fs::write(dir.join(SUMS), text)?)
}

/// All files in `dir` and its folders, as sorted paths relative to `dir`. Does not follow links.
pub fn files(dir: &Path) -> Result<Vec<String>> {
    let mut found = Vec::new();
    let mut folders = vec![PathBuf::new()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(dir.join(&folder))? {
            let entry = entry?;
            let name = folder.join(entry.file_name());
            match entry.file_type()?.is_dir() {
                true => folders.push(name),
                false => found.push(name.to_string_lossy().into_owned()),
            }
        }
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sums_are_those_of_sha256sum() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join(MODULE)).unwrap();
        for name in ["bzImage", "module/x.deb"] {
            fs::write(dir.path().join(name), name).unwrap();
        }
        let manifest = Manifest::new("7.3.4", "1234", &["fio 3.33".into()]);
        manifest.write(dir.path()).unwrap();
        assert_eq!(Manifest::read(dir.path()).unwrap(), manifest);
        write_sums(dir.path()).unwrap();
        let mut cmd = std::process::Command::new("sha256sum");
        cmd.args(["--check", "--strict", "--quiet", SUMS])
            .current_dir(dir.path());
        assert!(cmd.status().unwrap().success());
        let text = fs::read_to_string(dir.path().join(SUMS)).unwrap();
        let names: Vec<&str> = text.lines().map(|line| &line[66..]).collect();
        assert_eq!(names, ["bzImage", "kit.json", "module/x.deb"]);
    }
}
