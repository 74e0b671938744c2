// SPDX-License-Identifier: GPL-2.0
//! Looking for each thing that the project needs. Only looks; never installs.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use xshell::{Shell, cmd};

use super::Need;
use super::row::{Row, State, best, best_of, choice, chosen, version_by, version_of};
use super::toolchain::{bindgen, clang, libclang, rustc};
use crate::distro;
use crate::line::{Line, Version};
use crate::place::Place;
use crate::run;

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

pub const OLDEST_QEMU: Version = (6, 0, 0);

/// As in ci/b4.txt.
const B4: Version = (0, 16, 0);

#[rustfmt::skip]
const ITEMS: [Item; 39] = [
    Item { name: "git",     needs: &[Need::Fetch, Need::Kernel, Need::Module, Need::Package, Need::Root], probe: Probe::Program((2, 30, 0)) },
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
    // iproute2 alone knows no --version.
    let flag = if row.item == "ip" { "-V" } else { "--version" };
    found_by(row, flag, min)
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
    let rustc = rustc.path.filter(|_| fits);
    let path = rustc.map(|path| path.with_file_name(row.item));
    best_of(row, path, ANY)
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
    let judged = |path: PathBuf| {
        let found = row.clone().at(&path).at_least(version_of(&path), ANY);
        match understands(&path) {
            Some(true) => found,
            _ => found.wrong(State::TooOld, "it does not know __typeof_unqual__"),
        }
    };
    let rows = all.filter(|path| path.is_file()).map(judged).collect();
    best(rows, row)
}

/// What `doctor` installed: nobody else needs it.
fn cargo_fuzz(row: Row, place: &Place) -> Row {
    let path = place.tools().join("bin").join(row.item);
    best_of(row, [path], ANY)
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
    best_of(row, [place.tools().join("b4/bin/b4")], B4)
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

/// $QEMU, what `doctor --install` got, the one on PATH.
fn qemu(row: Row, place: &Place) -> Row {
    if let Some(path) = choice("QEMU") {
        return chosen(row, "QEMU")
            .at(&path)
            .at_least(version_of(&path), OLDEST_QEMU);
    }
    let min = distro::newer_qemu().map_or(OLDEST_QEMU, |_| PATCHES_SAFELY);
    let own = place.qemu().join("usr/bin").join(row.item);
    let on_path = which::which(row.item);
    best_of(row, [own].into_iter().chain(on_path), min)
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
