// SPDX-License-Identifier: GPL-2.0
//! The guest's file system: its init, its scenario, and programs of the host with the libraries
//! that they load. Written anew for each run: that takes a tenth of a second.

use std::collections::BTreeSet;
use std::env;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use cpio::newc;
use guest_protocol::proof::{self, Proof};
use guest_protocol::scenario::{self, Scenario};

use kit::fault::{self, Kind};
use kit::place::Place;
use kit::run::{Stage, command_line};

const TARGET: &str = "x86_64-unknown-linux-gnu";
const EXECUTABLE: u32 = 0o100_755;
const PLAIN: u32 = 0o100_644;
const FOLDER: u32 = 0o040_755;

/// Builds the init. It is static, for its initramfs has no libraries of its own.
pub fn build_init(place: &Place) -> Result<PathBuf> {
    let target = place.target().join("guest-init");
    let cargo = env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    let mut cmd = Command::new(cargo);
    cmd.current_dir(&place.root)
        .args(["build", "--locked", "--release", "--package", "guest-init"])
        .args(["--target", TARGET])
        .env("CARGO_TARGET_DIR", &target)
        .env("RUSTFLAGS", "-C target-feature=+crt-static")
        // Would win over RUSTFLAGS.
        .env_remove("CARGO_ENCODED_RUSTFLAGS");
    Stage::new("building the guest's init")
        .fails_as(Kind::Build)
        .run(&mut cmd, &place.logs().join("guest-init.log"))?;
    Ok(target.join(TARGET).join("release/guest-init"))
}

/// Writes the initramfs to `out`; the modules are in an order in which they can be loaded.
pub fn write(
    out: &Path,
    init: &Path,
    scenario: &Scenario,
    proofs: &[Proof],
    programs: &[&Path],
    modules: &[PathBuf],
) -> Result<()> {
    let mut members = vec![(PathBuf::from("/init"), init.to_owned())];
    for program in programs {
        let name = program.file_name().context("a program without a name")?;
        members.push((Path::new("/usr/bin").join(name), program.to_path_buf()));
        members.extend(
            libraries(program)?
                .into_iter()
                .map(|lib| (lib.clone(), lib)),
        );
    }
    let mut module_names = Vec::new();
    for module in modules {
        let file = module.file_name().context("a module without a name")?;
        members.push((Path::new(scenario::MODULES).join(file), module.clone()));
        module_names.extend(module.file_stem().map(|name| name.to_string_lossy()));
    }
    // Programs share libraries.
    members.sort();
    members.dedup();

    let file = File::create(out).with_context(|| format!("creating {}", out.display()))?;
    let mut archive = Archive(BufWriter::new(file));
    archive.folders(&members)?;
    for (name, from) in &members {
        let content =
            fs::read(from).with_context(|| format!("reading {} for the guest", from.display()))?;
        archive.add(name, EXECUTABLE, &content)?;
    }
    let orders = [
        (scenario::PATH, serde_json::to_vec(scenario)?),
        (proof::PATH, serde_json::to_vec(proofs)?),
        (scenario::MODULE_ORDER, serde_json::to_vec(&module_names)?),
    ];
    for (name, json) in orders {
        archive.add(Path::new(name), PLAIN, &json)?;
    }
    archive.end()
}

/// The libraries that a program loads, by the names under which its loader looks for them.
fn libraries(program: &Path) -> Result<Vec<PathBuf>> {
    let mut cmd = Command::new("ldd");
    cmd.arg(program);
    cmd.env("LC_ALL", "C");
    let output = cmd.output().context("running ldd")?;
    // A static program, or a script.
    if output.stderr.ends_with(b"not a dynamic executable\n") {
        return Ok(Vec::new());
    }
    if !output.status.success() {
        return Err(fault::environment(format!(
            "{}: {}: {}\n  try: a dynamically linked build of the program",
            command_line(&cmd),
            output.status,
            String::from_utf8_lossy(&output.stderr).trim()
        )));
    }
    parse_ldd(&String::from_utf8_lossy(&output.stdout))
        .with_context(|| format!("the libraries of {}", program.display()))
}

/// `name => path (address)`, `path (address)` for the loader, `name (address)` for the vDSO.
pub fn parse_ldd(said: &str) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for line in said.lines() {
        if line.contains("not found") {
            return Err(fault::environment(format!(
                "a library is missing on this machine: {}",
                line.trim()
            )));
        }
        let target = line.split_once("=>").map_or(line, |(_, path)| path);
        found.extend(
            target
                .split_whitespace()
                .next()
                .filter(|path| path.starts_with('/'))
                .map(PathBuf::from),
        );
    }
    Ok(found)
}

/// A newc archive, uncompressed: the kernel unpacks it faster than it would inflate it.
struct Archive(BufWriter<File>);

impl Archive {
    /// All folders above the members, outer ones first.
    fn folders(&mut self, members: &[(PathBuf, PathBuf)]) -> Result<()> {
        let above = members
            .iter()
            .flat_map(|(name, _)| name.ancestors().skip(1));
        let folders: BTreeSet<&Path> = above.filter(|path| path.parent().is_some()).collect();
        for folder in folders {
            self.add(folder, FOLDER, &[])?;
        }
        Ok(())
    }

    fn add(&mut self, name: &Path, mode: u32, content: &[u8]) -> Result<()> {
        let name = name.to_string_lossy();
        let size = u32::try_from(content.len())
            .with_context(|| format!("{name} is too large for an initramfs"))?;
        let entry = newc::Builder::new(name.trim_start_matches('/')).mode(mode);
        let mut member = entry.write(&mut self.0, size);
        member
            .write_all(content)
            .and_then(|()| member.finish().map(drop))
            .with_context(|| format!("writing {name} to the initramfs"))
    }

    fn end(self) -> Result<()> {
        newc::trailer(self.0)
            .and_then(|mut rest| rest.flush())
            .context("finishing the initramfs")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ldd_lines_of_all_kinds() {
        let said = "\tlinux-vdso.so.1 (0x00007ffc)\n\
            \tlibaio.so.1 => /lib/x86_64-linux-gnu/libaio.so.1 (0x00007f20)\n\
            \t/lib64/ld-linux-x86-64.so.2 (0x00007f21)\n";
        let found = parse_ldd(said).unwrap();
        assert_eq!(
            found,
            [
                Path::new("/lib/x86_64-linux-gnu/libaio.so.1"),
                Path::new("/lib64/ld-linux-x86-64.so.2")
            ]
        );
        let err = parse_ldd("\tlibnbd.so.0 => not found\n").unwrap_err();
        assert_eq!(fault::kind_of(&err), Kind::Environment);
    }

    #[test]
    fn the_archive_holds_init_orders_and_a_program_with_its_libraries() {
        let dir = tempfile::tempdir().unwrap();
        let init = dir.path().join("guest-init");
        fs::write(&init, "the init").unwrap();
        let out = dir.path().join("initramfs.cpio");
        write(
            &out,
            &init,
            &Scenario::Probe,
            &[],
            &[Path::new("/bin/ls")],
            &[],
        )
        .unwrap();

        let mut left: &[u8] = &fs::read(&out).unwrap();
        let mut names = Vec::new();
        loop {
            let reader = newc::Reader::new(left).unwrap();
            if reader.entry().is_trailer() {
                break;
            }
            names.push(reader.entry().name().to_owned());
            left = reader.finish().unwrap();
        }
        for wanted in [
            "init",
            "scenario.json",
            "proofs.json",
            "usr",
            "usr/bin",
            "usr/bin/ls",
        ] {
            assert!(
                names.iter().any(|name| name == wanted),
                "{wanted} is missing"
            );
        }
        assert!(names.iter().any(|name| name.contains("libc.so")));
        assert!(names.iter().position(|n| n == "usr") < names.iter().position(|n| n == "usr/bin"));
    }
}
