// SPDX-License-Identifier: GPL-2.0
//! The guest's file system: its init, its scenario, and programs of the host with the libraries
//! that they load. It is written again for each run, which takes a tenth of a second. For a host
//! without those programs, init and programs are packed on another host.

use std::collections::BTreeSet;
use std::fs::Permissions;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Component, Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use cpio::newc;
use fs_err::{self as fs, File};
use guest_protocol::proof::{self, Proof};
use guest_protocol::scenario::{self, PROGRAMS, Scenario};

use toolbox::fault;
use toolbox::place::Place;
use toolbox::program;
use toolbox::run::command_line;

const EXECUTABLE: u32 = 0o100_755;
const PLAIN: u32 = 0o100_644;
const FOLDER: u32 = 0o040_755;
const KIND: u32 = 0o170_000;

/// The part of the guest's file system that does not depend on the scenario.
#[derive(Clone, Debug)]
pub enum GuestBase {
    /// Path of the init. The programs that a guest needs are taken from this host.
    Init(PathBuf),
    /// An archive of init and programs, packed earlier on another host: see [`pack`].
    Packed(PathBuf),
}

/// What a guest must do and prove.
pub struct Orders<'a> {
    pub scenario: &'a Scenario,
    pub proofs: &'a [Proof],
    /// Files of modules, in an order in which they can be loaded.
    pub modules: &'a [PathBuf],
}

/// Builds the init. It is static, because its initramfs has no libraries for it.
pub fn build_init(place: &Place) -> Result<PathBuf> {
    program::build(place, "guest-init", "guest-init")
}

/// Writes the initramfs to `out`. A packed base is followed by a second archive: the kernel unpacks
/// one after the other.
pub fn write(out: &Path, base: &GuestBase, programs: &[&Path], orders: &Orders) -> Result<()> {
    let mut file = File::create(out)?;
    let mut members = match base {
        GuestBase::Init(init) => with_programs(init, programs)?,
        GuestBase::Packed(archive) => {
            append(archive, &mut file)?;
            Vec::new()
        }
    };
    let mut module_names = Vec::new();
    for module in orders.modules {
        let name = module
            .file_name()
            .context("a module's path has no file name")?;
        members.push((Path::new(scenario::MODULES).join(name), module.clone()));
        module_names.extend(module.file_stem().map(|name| name.to_string_lossy()));
    }
    let mut archive = Archive(BufWriter::new(file));
    archive.members(members)?;
    let json = [
        (scenario::PATH, serde_json::to_vec(orders.scenario)?),
        (proof::PATH, serde_json::to_vec(orders.proofs)?),
        (scenario::MODULE_ORDER, serde_json::to_vec(&module_names)?),
    ];
    for (name, json) in json {
        archive.add(Path::new(name), PLAIN, &json)?;
    }
    archive.end()
}

/// Writes a base to `out`: the init, and programs of this host with their libraries. The same files
/// give the same bytes. Returns the files that were read, for a caller that must name their origin.
pub fn pack(out: &Path, init: &Path, programs: &[&Path]) -> Result<Vec<PathBuf>> {
    let members = with_programs(init, programs)?;
    let sources = members.iter().map(|(_, from)| from.clone()).collect();
    let mut archive = Archive(BufWriter::new(File::create(out)?));
    archive.members(members)?;
    archive.end()?;
    Ok(sources)
}

/// Unpacks a base into an existing folder.
pub fn unpack(archive: &Path, dir: &Path) -> Result<()> {
    let reading = || format!("reading {}", archive.display());
    let mut left = BufReader::new(File::open(archive)?);
    loop {
        let mut member = newc::Reader::new(left).with_context(reading)?;
        if member.entry().is_trailer() {
            return Ok(());
        }
        let (name, mode) = (member.entry().name(), member.entry().mode());
        let mut parts = Path::new(name).components();
        ensure!(
            parts.all(|part| matches!(part, Component::Normal(_))),
            "{}: the name {name} is not a plain path inside the folder",
            archive.display()
        );
        let path = dir.join(name);
        if mode & KIND == FOLDER & KIND {
            fs::create_dir_all(&path)?;
        } else {
            let mut file = File::create(&path)?;
            io::copy(&mut member, &mut file).with_context(reading)?;
            file.set_permissions(Permissions::from_mode(mode & 0o777))?;
        }
        left = member.finish().with_context(reading)?;
    }
}

/// Returns the init, the programs and their libraries: name in the guest, file of this host.
fn with_programs(init: &Path, programs: &[&Path]) -> Result<Vec<(PathBuf, PathBuf)>> {
    let mut members = vec![(PathBuf::from("/init"), init.to_owned())];
    for program in programs {
        let name = program
            .file_name()
            .context("a program's path has no file name")?;
        members.push((Path::new(PROGRAMS).join(name), program.to_path_buf()));
        let libraries = libraries(program)?.into_iter();
        members.extend(libraries.map(|lib| (lib.clone(), lib)));
    }
    Ok(members)
}

/// Copies an archive, and pads it for the archive that follows.
fn append(archive: &Path, to: &mut File) -> Result<()> {
    let bytes = io::copy(&mut File::open(archive)?, to)?;
    // The kernel looks for the next archive at a multiple of four bytes.
    let padding = bytes.next_multiple_of(4) - bytes;
    io::copy(&mut io::repeat(0).take(padding), to)?;
    Ok(())
}

/// Returns the libraries that a program loads, by the names under which its loader looks for them.
fn libraries(program: &Path) -> Result<Vec<PathBuf>> {
    let mut cmd = Command::new("ldd");
    cmd.arg(program);
    cmd.env("LC_ALL", "C");
    let output = cmd.output().context("running ldd")?;
    // The program is static, or a script.
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
        .with_context(|| format!("finding the libraries of {}", program.display()))
}

/// Parses the output of ldd: `name => path (address)`, `path (address)` for the loader, `name
/// (address)` for the vDSO. Fails if a library is missing.
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

/// A newc archive. It is not compressed: the kernel copies it faster than it would decompress it.
struct Archive(BufWriter<File>);

impl Archive {
    /// Adds files by their names in the guest, and the folders above them.
    fn members(&mut self, mut members: Vec<(PathBuf, PathBuf)>) -> Result<()> {
        // Programs share libraries: each is added once.
        members.sort();
        members.dedup();
        self.folders(&members)?;
        for (name, from) in &members {
            self.add(name, EXECUTABLE, &fs::read(from)?)?;
        }
        Ok(())
    }

    /// Adds all folders above the members, outer folders first.
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
    use toolbox::fault::Kind;

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

    const PROBE: Orders = Orders {
        scenario: &Scenario::Probe,
        proofs: &[],
        modules: &[],
    };

    /// Returns the names of one archive's members, and the bytes after the archive.
    fn names(mut left: &[u8]) -> (Vec<String>, &[u8]) {
        let mut names = Vec::new();
        loop {
            let reader = newc::Reader::new(left).unwrap();
            let is_trailer = reader.entry().is_trailer();
            names.push(reader.entry().name().to_owned());
            left = reader.finish().unwrap();
            if is_trailer {
                return (names, left);
            }
        }
    }

    /// Packs an init with a program.
    fn packed(dir: &Path, archive: &str) -> GuestBase {
        let (init, archive) = (dir.join("guest-init"), dir.join(archive));
        fs::write(&init, "the init").unwrap();
        let taken = pack(&archive, &init, &[Path::new("/bin/ls")]).unwrap();
        assert!(taken.contains(&init) && taken.contains(&"/bin/ls".into()));
        GuestBase::Packed(archive)
    }

    #[test]
    fn orders_come_after_what_was_packed() {
        let dir = tempfile::tempdir().unwrap();
        let base = packed(dir.path(), "base.cpio");
        let out = dir.path().join("initramfs.cpio");
        write(&out, &base, &[], &PROBE).unwrap();
        let bytes = fs::read(&out).unwrap();
        let (first, rest) = names(&bytes);
        let at = |wanted: &str| first.iter().position(|name| name.contains(wanted));
        assert!(at("init").is_some() && at("libc.so").is_some());
        assert!(at("usr/bin").unwrap() < at("usr/bin/ls").unwrap());
        assert_eq!(at("scenario.json"), None);
        assert_eq!(
            (bytes.len() - rest.len()) % 4,
            0,
            "the second archive is not at a multiple of four bytes"
        );
        let (second, rest) = names(rest);
        assert!(second.contains(&"scenario.json".into()) && rest.is_empty());
    }

    #[test]
    fn the_same_files_make_the_same_bytes_and_unpack_to_themselves() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["one", "two"] {
            packed(dir.path(), name);
        }
        let read = |name: &str| fs::read(dir.path().join(name)).unwrap();
        assert!(read("one") == read("two"));
        let to = dir.path().join("unpacked");
        fs::create_dir(&to).unwrap();
        unpack(&dir.path().join("one"), &to).unwrap();
        assert_eq!(fs::read(to.join("init")).unwrap(), b"the init");
        let ls = to.join("usr/bin/ls");
        assert_eq!(fs::read(&ls).unwrap(), fs::read("/bin/ls").unwrap());
        assert_eq!(ls.metadata().unwrap().permissions().mode() & 0o777, 0o755);
    }

    #[test]
    fn nothing_is_unpacked_outside_the_folder() {
        let dir = tempfile::tempdir().unwrap();
        let (archive, to) = (dir.path().join("archive"), dir.path().join("to"));
        fs::create_dir(&to).unwrap();
        let outside = dir.path().join("outside");
        for name in ["../outside", "bin/../../outside", outside.to_str().unwrap()] {
            let entry = newc::Builder::new(name).write(Vec::new(), 0);
            fs::write(&archive, entry.finish().unwrap()).unwrap();
            let err = unpack(&archive, &to).unwrap_err().to_string();
            assert!(err.contains(name) && !outside.exists(), "{err}");
        }
    }
}
