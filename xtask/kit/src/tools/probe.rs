// SPDX-License-Identifier: GPL-2.0
//! Looking for each thing that the project needs. Only looks; never installs.

use std::collections::BTreeMap;
use std::env;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use serde::Serialize;
use xshell::{Shell, cmd};

use super::Need;
use crate::distro;
use crate::line::{self, Line, Version};
use crate::place::Place;
use crate::run;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    Found,
    Missing,
    TooOld,
}

/// One thing looked for, and what was found.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    pub item: &'static str,
    pub state: State,
    pub path: Option<PathBuf>,
    pub version: Option<String>,
    /// What else there is to say, above all what is wrong with it.
    pub note: Option<String>,
    /// The variable by which the user chose it; nothing else was looked at.
    pub chosen_by: Option<&'static str>,
}

impl Row {
    pub fn new(item: &'static str) -> Row {
        Row {
            item,
            state: State::Missing,
            path: None,
            version: None,
            note: None,
            chosen_by: None,
        }
    }

    pub fn is_lacking(&self) -> bool {
        self.state != State::Found
    }

    /// Version, path and trouble in one line; empty if nothing was found.
    pub fn details(&self) -> String {
        let path = self.path.as_ref().map(|path| path.display().to_string());
        let parts = [self.version.clone(), path, self.note.clone()];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        parts.join("  ")
    }

    fn at(mut self, path: &Path) -> Row {
        self.path = Some(path.to_owned());
        self.state = State::Found;
        self
    }

    pub fn right(mut self, note: impl Into<String>) -> Row {
        self.state = State::Found;
        self.note = Some(note.into());
        self
    }

    fn wrong(mut self, state: State, note: impl Into<String>) -> Row {
        self.state = state;
        self.note = Some(note.into());
        self
    }

    fn at_least(mut self, version: Option<Version>, min: Version) -> Row {
        self.version = version.map(line::show);
        match version {
            None => self.wrong(State::Missing, "does not tell its version"),
            Some(version) if version < min => {
                let note = format!("at least {} is needed", line::show(min));
                self.wrong(State::TooOld, note)
            }
            Some(_) => self,
        }
    }
}

enum Probe {
    /// A program on PATH of the item's name, at least this new.
    Program(Version),
    /// A C header.
    Header,
    Rustc,
    Bindgen,
    Libclang,
    Clang,
    Qemu,
    /// Python with what makes a folder of packages for one program.
    Venv,
    B4,
    Busybox,
    Ocaml,
    Cyclictest,
    Python,
    BesideRustc,
    Sparse,
    CargoFuzz,
}

struct Item {
    name: &'static str,
    needs: &'static [Need],
    probe: Probe,
}

const ANY: Version = (0, 0, 0);

/// The first QEMU in which a guest under multi-threaded TCG was seen to patch
/// its code under load and live: 7.2 dies of it in a moment, what is between the
/// two was not tried.
pub const PATCHES_SAFELY: Version = (10, 0, 0);

/// As in ci/b4.txt.
const B4: Version = (0, 16, 0);

#[rustfmt::skip]
const ITEMS: [Item; 39] = [
    Item { name: "git",     needs: &[Need::Fetch, Need::Kernel], probe: Probe::Program((2, 30, 0)) },
    Item { name: "xz",      needs: &[Need::Fetch, Need::Package],  probe: Probe::Program(ANY) },
    Item { name: "make",    needs: &[Need::Kernel, Need::Module],  probe: Probe::Program((4, 0, 0)) },
    Item { name: "gcc",     needs: &[Need::Kernel, Need::Module, Need::Harness], probe: Probe::Program((8, 1, 0)) },
    Item { name: "ld",      needs: &[Need::Kernel, Need::Module],  probe: Probe::Program((2, 30, 0)) },
    Item { name: "flex",    needs: &[Need::Kernel],  probe: Probe::Program((2, 5, 35)) },
    Item { name: "bison",   needs: &[Need::Kernel],  probe: Probe::Program((2, 0, 0)) },
    Item { name: "bc",      needs: &[Need::Kernel],  probe: Probe::Program(ANY) },
    Item { name: "libelf.h", needs: &[Need::Kernel], probe: Probe::Header },
    Item { name: "openssl/ssl.h", needs: &[Need::Kernel], probe: Probe::Header },
    Item { name: "rustc",   needs: &[Need::Kernel, Need::Module],  probe: Probe::Rustc },
    Item { name: "libclang", needs: &[Need::Kernel, Need::Harness], probe: Probe::Libclang },
    Item { name: "clang",   needs: &[Need::Clang],   probe: Probe::Clang },
    Item { name: "bindgen", needs: &[Need::Kernel],  probe: Probe::Bindgen },
    Item { name: "qemu-system-x86_64", needs: &[Need::Guest], probe: Probe::Qemu },
    Item { name: "fio",     needs: &[Need::Fio],     probe: Probe::Program(ANY) },
    Item { name: "sockperf", needs: &[Need::Net],    probe: Probe::Program((3, 7, 0)) },
    Item { name: "iperf3",  needs: &[Need::Net],     probe: Probe::Program((3, 1, 0)) },
    Item { name: "cyclictest", needs: &[Need::Cost], probe: Probe::Cyclictest },
    Item { name: "ip",      needs: &[Need::Net, Need::Cost, Need::Link, Need::Ipsec], probe: Probe::Program(ANY) },
    Item { name: "unshare", needs: &[Need::Net, Need::Cost, Need::Link, Need::B4, Need::Root], probe: Probe::Program(ANY) },
    Item { name: "nsenter", needs: &[Need::Net, Need::Cost, Need::Link], probe: Probe::Program(ANY) },
    Item { name: "valgrind", needs: &[Need::Valgrind], probe: Probe::Program(ANY) },
    Item { name: "python3", needs: &[Need::B4],      probe: Probe::Venv },
    Item { name: "b4",      needs: &[Need::B4],      probe: Probe::B4 },
    Item { name: "dpkg-deb", needs: &[Need::Package], probe: Probe::Program((1, 19, 0)) },
    Item { name: "mmdebstrap", needs: &[Need::Root], probe: Probe::Program((1, 0, 0)) },
    Item { name: "busybox", needs: &[Need::ByHand],  probe: Probe::Busybox },
    Item { name: "g++",     needs: &[Need::Fuzz],    probe: Probe::Program(ANY) },
    Item { name: "cargo-fuzz", needs: &[Need::Fuzz], probe: Probe::CargoFuzz },
    Item { name: "perl",    needs: &[Need::Review],   probe: Probe::Program((5, 10, 0)) },
    Item { name: "codespell", needs: &[Need::Review], probe: Probe::Program(ANY) },
    Item { name: "spatch",  needs: &[Need::Review],   probe: Probe::Program((1, 1, 0)) },
    Item { name: "ocamlopt", needs: &[Need::Review],  probe: Probe::Ocaml },
    Item { name: "python3-ply", needs: &[Need::Review], probe: Probe::Python },
    Item { name: "python3-git", needs: &[Need::Review], probe: Probe::Python },
    Item { name: "rustfmt", needs: &[Need::Review],   probe: Probe::BesideRustc },
    Item { name: "clippy-driver", needs: &[Need::Review], probe: Probe::BesideRustc },
    Item { name: "sparse",  needs: &[Need::Review],   probe: Probe::Sparse },
];

/// By what was looked for, and the versions that decide whether it will do.
type ProbeKey = (PathBuf, &'static str, [Version; 2]);

/// What was found stays for as long as xtask runs: a command asks for its tools, and so does each
/// of its parts.
static FOUND: Mutex<BTreeMap<ProbeKey, Row>> = Mutex::new(BTreeMap::new());

/// Looks for everything that one of `needs` asks for.
pub fn all(place: &Place, needs: &[Need], line: &Line) -> Vec<Row> {
    let wanted = |item: &&Item| item.needs.iter().any(|need| needs.contains(need));
    let look = |item: &Item| {
        let row = Row::new(item.name);
        match item.probe {
            Probe::Program(min) => program(row, min),
            Probe::Header => header(row),
            Probe::Rustc => rustc(row, line.min_rustc),
            Probe::Bindgen => bindgen(row, place, line.min_bindgen),
            Probe::Libclang => libclang(row),
            Probe::Clang => clang(row),
            Probe::Qemu => qemu(row, place),
            Probe::Venv => venv(row),
            Probe::B4 => b4(row, place),
            Probe::Busybox => busybox(row),
            Probe::Ocaml => found_by(row, "-version", ANY),
            // It writes JSON since then.
            Probe::Cyclictest => found_by(row, "--help", (2, 0, 0)),
            Probe::Python => python(row),
            Probe::BesideRustc => beside_rustc(row, line.min_rustc),
            Probe::Sparse => sparse(row, place),
            Probe::CargoFuzz => cargo_fuzz(row, place),
        }
    };
    let mut found = FOUND.lock().unwrap_or_else(PoisonError::into_inner);
    let mut row = |item: &Item| {
        let versions = [line.min_rustc, line.min_bindgen];
        let key = (place.cache.clone(), item.name, versions);
        if let Some(row) = found.get(&key) {
            return row.clone();
        }
        let row = look(item);
        if !row.is_lacking() {
            found.insert(key, row.clone());
        }
        row
    };
    ITEMS.iter().filter(wanted).map(&mut row).collect()
}

fn program(row: Row, min: Version) -> Row {
    match which::which(row.item) {
        // iproute2 alone knows no --version.
        Ok(path) if row.item == "ip" => row.at(&path).at_least(version_by(&path, "-V"), min),
        Ok(path) => row.at(&path).at_least(version_of(&path), min),
        Err(_) => row,
    }
}

/// A program that says its version only so.
fn found_by(row: Row, flag: &str, min: Version) -> Row {
    match which::which(row.item) {
        Ok(path) => row.at(&path).at_least(version_by(&path, flag), min),
        Err(_) => row,
    }
}

/// A library of the system's Python, python3-NAME. Another Python may come first
/// on PATH; the reviewers put the system's before it.
fn python(row: Row) -> Row {
    let module = row.item.trim_start_matches("python3-");
    let python = Path::new("/usr/bin/python3");
    let program = format!("import {module}; print({module}.__file__)");
    let Ok(sh) = Shell::new() else { return row };
    match run::read(cmd!(sh, "{python} -c {program}")) {
        Ok(file) => row.at(Path::new(&file)),
        Err(_) => row,
    }
}

/// What comes with the rustc that builds the kernel: one of another version
/// cannot read what that one wrote.
fn beside_rustc(row: Row, min: Version) -> Row {
    let rustc = rustc(Row::new("rustc"), min);
    // What lies beside one that will not do goes with none that will be installed.
    let fits = !rustc.is_lacking();
    let path = rustc
        .path
        .filter(|_| fits)
        .map(|path| path.with_file_name(row.item));
    match path.filter(|path| path.is_file()) {
        Some(path) => row.at(&path).at_least(version_of(&path), ANY),
        None => row,
    }
}

/// What `doctor --install` made, the one on PATH. No version tells whether it is
/// new enough: the kernel's own scripts/checker-valid.sh tries this.
fn sparse(row: Row, place: &Place) -> Row {
    const NEW: &str =
        "static inline int u(const int *q) { __typeof_unqual__(*q) v = *q; return v; }\n";
    let own = place.sparse();
    let all = [own].into_iter().chain(which::which(row.item));
    let understands = |path: &Path| {
        let sh = Shell::new().ok()?;
        let said = cmd!(sh, "{path} -").stdin(NEW).quiet().ignore_status();
        let said = said.ignore_stderr().output().ok()?;
        Some(said.status.success())
    };
    let rows: Vec<Row> = all
        .filter(|path| path.is_file())
        .map(|path| {
            let found = row.clone().at(&path).at_least(version_of(&path), ANY);
            match understands(&path) {
                Some(true) => found,
                _ => found.wrong(State::TooOld, "it does not know __typeof_unqual__"),
            }
        })
        .collect();
    let good = rows.iter().find(|row| !row.is_lacking());
    good.or(rows.first()).cloned().unwrap_or(row)
}

/// What `doctor` installed: nobody else needs it.
fn cargo_fuzz(row: Row, place: &Place) -> Row {
    let path = place.tools().join("bin").join(row.item);
    match path.is_file() {
        true => row.at(&path).at_least(version_of(&path), ANY),
        false => row,
    }
}

fn version_of(program: &Path) -> Option<Version> {
    version_by(program, "--version")
}

fn version_by(program: &Path, flag: &str) -> Option<Version> {
    let sh = Shell::new().ok()?;
    let cmd = cmd!(sh, "{program} {flag}").env_remove("LD_LIBRARY_PATH");
    line::parse_version(&run::read(cmd).ok()?)
}

/// Debian's python3 comes without the half of venv that installs pip.
fn venv(row: Row) -> Row {
    let row = program(row, (3, 9, 0));
    let Some(python) = row.path.as_ref().filter(|_| !row.is_lacking()) else {
        return row;
    };
    let works = Shell::new()
        .is_ok_and(|sh| run::read(cmd!(sh, "{python} -c 'import venv, ensurepip'")).is_ok());
    match works {
        true => row,
        false => row.wrong(State::Missing, "without venv"),
    }
}

/// The one that ci/b4.txt names; others work a little differently.
fn b4(row: Row, place: &Place) -> Row {
    let path = place.tools().join("b4/bin/b4");
    match path.is_file() {
        true => row.at(&path).at_least(version_of(&path), B4),
        false => row,
    }
}

fn header(row: Row) -> Row {
    let dirs = [
        "/usr/include",
        "/usr/local/include",
        "/usr/include/x86_64-linux-gnu",
    ];
    let mut paths = dirs.iter().map(|dir| Path::new(dir).join(row.item));
    match paths.find(|path| path.is_file()) {
        Some(path) => row.at(&path),
        None => row,
    }
}

/// In-kernel Rust builds `core` itself: it takes a rustc with library source.
/// $RUSTC is the user's word; else the first good one, else the best excuse.
fn rustc(row: Row, min: Version) -> Row {
    let (row, candidates) = match choice("RUSTC") {
        Some(path) => (chosen(row, "RUSTC"), vec![path]),
        None => (row, rustc_candidates()),
    };
    let rows: Vec<Row> = candidates
        .iter()
        .filter_map(|path| one_rustc(&row, path, min))
        .collect();
    let good = rows.iter().find(|row| !row.is_lacking());
    good.or(rows.first()).cloned().unwrap_or(row)
}

fn one_rustc(row: &Row, path: &Path, min: Version) -> Option<Row> {
    let sh = Shell::new().ok()?;
    let cmd = cmd!(sh, "{path} --print sysroot").env_remove("LD_LIBRARY_PATH");
    let sysroot = PathBuf::from(run::read(cmd).ok()?);
    // rustup's proxy chooses by folder and environment: take what it chose.
    let real = sysroot.join("bin/rustc");
    let path = if real.is_file() { &real } else { path };
    let row = row.clone().at(path).at_least(version_of(path), min);
    if row.is_lacking() || sysroot.join("lib/rustlib/src/rust/library/core").is_dir() {
        return Some(row);
    }
    Some(row.wrong(State::Missing, "without the library source (rust-src)"))
}

fn rustc_candidates() -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = which::which_all("rustc").into_iter().flatten().collect();
    paths.push("/usr/bin/rustc".into());
    let toolchains = env::home_dir().map(|home| home.join(".rustup/toolchains"));
    let entries = toolchains
        .and_then(|dir| dir.read_dir().ok())
        .into_iter()
        .flatten();
    let mut rustup: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path().join("bin/rustc")))
        .collect();
    rustup.sort();
    paths.extend(rustup);
    paths.retain(|path| path.is_file());
    paths
}

/// What the user chose by a variable; an empty one chooses nothing.
fn choice(variable: &str) -> Option<PathBuf> {
    let value = env::var_os(variable).filter(|value| !value.is_empty());
    value.map(PathBuf::from)
}

fn chosen(mut row: Row, variable: &'static str) -> Row {
    row.chosen_by = Some(variable);
    row
}

fn bindgen(row: Row, place: &Place, min: Version) -> Row {
    if let Some(path) = choice("BINDGEN") {
        return chosen(row, "BINDGEN")
            .at(&path)
            .at_least(version_of(&path), min);
    }
    let own = place.tools().join("bin/bindgen");
    let on_path = which::which_all("bindgen").into_iter().flatten();
    let rows: Vec<Row> = [own]
        .into_iter()
        .filter(|path| path.is_file())
        .chain(on_path)
        .map(|path| row.clone().at(&path).at_least(version_of(&path), min))
        .collect();
    let good = rows.iter().find(|row| !row.is_lacking());
    good.or(rows.first()).cloned().unwrap_or(row)
}

/// $QEMU, what `doctor --install` got, the one on PATH.
fn qemu(row: Row, place: &Place) -> Row {
    const OLDEST: Version = (6, 0, 0);
    if let Some(path) = choice("QEMU") {
        return chosen(row, "QEMU")
            .at(&path)
            .at_least(version_of(&path), OLDEST);
    }
    let min = distro::newer_qemu().map_or(OLDEST, |_| PATCHES_SAFELY);
    let own = place.qemu().join("usr/bin").join(row.item);
    let rows: Vec<Row> = [own]
        .into_iter()
        .chain(which::which(row.item))
        .filter(|path| path.is_file())
        .map(|path| row.clone().at(&path).at_least(version_of(&path), min))
        .collect();
    let good = rows.iter().find(|row| !row.is_lacking());
    good.or(rows.first()).cloned().unwrap_or(row)
}

/// An initramfs has no libraries for it. It takes --help for --version, and ldd fails if there is
/// nothing to load.
fn busybox(row: Row) -> Row {
    let Ok(path) = which::which(row.item) else {
        return row;
    };
    let row = row.at(&path).at_least(version_by(&path, "--help"), ANY);
    let loads = Shell::new().is_ok_and(|sh| run::read(cmd!(sh, "ldd {path}")).is_ok());
    match loads {
        true => row.wrong(State::Missing, "not a static one"),
        false => row,
    }
}

fn libclang(row: Row) -> Row {
    const MIN: Version = (15, 0, 0);
    match newest_libclang() {
        // $LIBCLANG_PATH and distributions without a number in the name.
        Some((0, dir)) => row.at(&dir),
        Some((major, dir)) => row.at(&dir).at_least(Some((major, 0, 0)), MIN),
        None => row,
    }
}

/// The one that belongs to bindgen's libclang: the kernel wants the two to see the same.
fn clang(row: Row) -> Row {
    // From 7.3's scripts/min-tool-version.sh.
    const MIN: Version = (17, 0, 1);
    let beside = libclang_dir().and_then(|dir| Some(dir.parent()?.join("bin/clang")));
    let all = beside.into_iter().chain(which::which(row.item));
    match all.into_iter().find(|path| path.is_file()) {
        Some(path) => row.at(&path).at_least(version_of(&path), MIN),
        None => row,
    }
}

/// The folder that holds libclang, if there is one.
pub fn libclang_dir() -> Option<PathBuf> {
    newest_libclang().map(|(_, dir)| dir)
}

/// Debian keeps each version's in a folder of its own: /usr/lib/llvm-19/lib.
fn newest_libclang() -> Option<(u32, PathBuf)> {
    if let Some(dir) = choice("LIBCLANG_PATH") {
        return Some((0, dir));
    }
    let versioned = Path::new("/usr/lib")
        .read_dir()
        .into_iter()
        .flatten()
        .filter_map(|entry| {
            let path = entry.ok()?.path();
            let name = path.file_name()?.to_str()?.strip_prefix("llvm-")?;
            Some((name.parse().ok()?, path.join("lib")))
        });
    let plain = ["/usr/lib64", "/usr/lib", "/usr/lib/x86_64-linux-gnu"].map(|dir| (0, dir.into()));
    let has_libclang = |(_, dir): &(u32, PathBuf)| {
        let entries = dir.read_dir().into_iter().flatten().flatten();
        // What bindgen looks for; libclang-cpp.so is something else.
        entries.into_iter().any(|entry| {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            name == "libclang.so" || name.starts_with("libclang.so.") || is_numbered(&name)
        })
    };
    versioned
        .chain(plain)
        .filter(has_libclang)
        .max_by_key(|(version, _)| *version)
}

/// libclang-19.so.1
fn is_numbered(name: &str) -> bool {
    let rest = name
        .strip_prefix("libclang-")
        .and_then(|rest| rest.split_once(".so"));
    rest.is_some_and(|(version, _)| version.starts_with(|c: char| c.is_ascii_digit()))
}
