// SPDX-License-Identifier: GPL-2.0
//! Looks for each tool and library that the project needs. Never installs anything.

use std::collections::BTreeMap;
use std::env;
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
    /// A program on PATH that has the item's name and at least this version.
    Program(Version),
    /// The same, but the program prints its version for this flag, not for --version.
    Says(&'static str, Version),
    /// Any other check.
    Look(fn(Row, &Place, &Line) -> Row),
}

/// A tool: its name, the packages of Debian 13 that have it (empty if no package does), who needs
/// it, and how it is found.
struct Item(&'static str, &'static str, &'static [Need], Probe);

const ANY: Version = (0, 0, 0);

/// The first QEMU in which a guest under multi-threaded TCG was seen to survive when it patches its
/// code under load. With 7.2 such a guest dies quickly; versions between the two were not tried.
pub const PATCHES_SAFELY: Version = (10, 0, 0);

pub const OLDEST_QEMU: Version = (6, 0, 0);

/// The version in ci/b4.txt.
const B4: Version = (0, 16, 0);

#[rustfmt::skip]
const ITEMS: [Item; 41] = {
    use Need::{B4, ByHand, Clang, Cost, Deb, Fetch, Fio, Fuzz, Guest, Harness, Ipsec, Kernel, Link, Module, Net, Package, Review, Root, Valgrind};
    use Probe::{Look, Program, Says};
    [
        Item("git", "git", &[Fetch, Kernel, Module, Package, Root], Program((2, 30, 0))),
        Item("xz", "xz-utils", &[Fetch, Package], Program(ANY)),
        Item("make", "make", &[Kernel, Module], Program((4, 0, 0))),
        Item("gcc", "gcc libc6-dev", &[Kernel, Module, Harness], Program((8, 1, 0))),
        Item("ld", "binutils", &[Kernel, Module], Program((2, 30, 0))),
        Item("flex", "flex", &[Kernel], Program((2, 5, 35))),
        Item("bison", "bison", &[Kernel], Program((2, 0, 0))),
        Item("bc", "bc", &[Kernel], Program(ANY)),
        Item("libelf.h", "libelf-dev", &[Kernel], Look(|row, _, _| header(row))),
        Item("openssl/ssl.h", "libssl-dev", &[Kernel], Look(|row, _, _| header(row))),
        Item("rustc", "rustc rust-src", &[Kernel, Module], Look(|row, _, line| rustc(row, line.min_rustc))),
        Item("libclang", "libclang-dev", &[Kernel, Harness], Look(|row, _, _| libclang(row))),
        Item("clang", "clang", &[Clang], Look(|row, _, _| clang(row))),
        Item("bindgen", "", &[Kernel], Look(|row, place, line| bindgen(row, place, line.min_bindgen))),
        Item("qemu-system-x86_64", "qemu-system-x86", &[Guest], Look(|row, place, _| qemu(row, place))),
        Item("fio", "fio", &[Fio], Program(ANY)),
        Item("sockperf", "sockperf", &[Net], Program((3, 7, 0))),
        Item("iperf3", "iperf3", &[Net], Program((3, 1, 0))),
        // cyclictest writes JSON since this version.
        Item("cyclictest", "rt-tests", &[Cost], Says("--help", (2, 0, 0))),
        Item("ip", "iproute2", &[Net, Cost, Link, Ipsec], Says("-V", ANY)),
        Item("unshare", "util-linux", &[Net, Cost, Link, B4, Root], Program(ANY)),
        Item("nsenter", "util-linux", &[Net, Cost, Link], Program(ANY)),
        Item("valgrind", "valgrind", &[Valgrind], Program(ANY)),
        Item("python3", "python3 python3-venv", &[B4], Look(|row, _, _| venv(row))),
        Item("b4", "", &[B4], Look(|row, place, _| b4(row, place))),
        Item("dpkg-deb", "dpkg", &[Package], Program((1, 19, 0))),
        Item("dpkg-parsechangelog", "dpkg-dev", &[Package], Program((1, 19, 0))),
        Item("dh_listpackages", "debhelper", &[Deb], Look(|row, _, _| anywhere(row))),
        Item("depmod", "kmod", &[Deb], Look(|row, _, _| anywhere(row))),
        Item("rsync", "rsync", &[Deb], Program(ANY)),
        Item("mmdebstrap", "mmdebstrap", &[Root], Program((1, 0, 0))),
        Item("busybox", "busybox-static", &[ByHand], Look(|row, _, _| busybox(row))),
        Item("g++", "g++", &[Fuzz], Program(ANY)),
        Item("cargo-fuzz", "", &[Fuzz], Look(|row, place, _| cargo_fuzz(row, place))),
        Item("perl", "perl", &[Review], Program((5, 10, 0))),
        Item("codespell", "codespell", &[Review], Program(ANY)),
        Item("python3-ply", "python3-ply", &[Review], Look(|row, _, _| python(row))),
        Item("python3-git", "python3-git", &[Review], Look(|row, _, _| python(row))),
        Item("rustfmt", "rustfmt", &[Review], Look(|row, _, line| beside_rustc(row, line.min_rustc))),
        Item("clippy-driver", "rust-clippy", &[Review], Look(|row, _, line| beside_rustc(row, line.min_rustc))),
        Item("sparse", "", &[Review], Look(|row, place, _| sparse(row, place))),
    ]
};

/// The packages that contain the items with these names.
pub fn packages(names: &[&str]) -> Vec<&'static str> {
    let items = ITEMS.iter().filter(|Item(name, ..)| names.contains(name));
    items
        .flat_map(|Item(_, packages, ..)| packages.split_whitespace())
        .collect()
}

/// Key of an item that was found: the cache, the item's name, and the line's minimum versions of
/// rustc and bindgen, which decide whether the item is new enough.
type ProbeKey = (PathBuf, &'static str, [Version; 2]);

/// Items that were found. They are kept while xtask runs, because a command and each of its parts
/// ask for their tools.
static FOUND: Mutex<BTreeMap<ProbeKey, Row>> = Mutex::new(BTreeMap::new());

/// Looks for every item that belongs to one of `needs`.
pub fn all(place: &Place, needs: &[Need], line: &Line) -> Vec<Row> {
    let wanted = |Item(_, _, whose, _): &&Item| whose.iter().any(|need| needs.contains(need));
    let mut found = FOUND.lock().unwrap_or_else(PoisonError::into_inner);
    let row = |Item(name, _, _, probe): &Item| {
        let versions = [line.min_rustc, line.min_bindgen];
        let key = (place.cache.clone(), *name, versions);
        if let Some(row) = found.get(&key) {
            return row.clone();
        }
        let row = Row::new(name);
        let row = match probe {
            Probe::Program(min) => program(row, "--version", *min),
            Probe::Says(flag, min) => program(row, flag, *min),
            Probe::Look(look) => look(row, place, line),
        };
        if !row.is_lacking() {
            found.insert(key, row.clone());
        }
        row
    };
    ITEMS.iter().filter(wanted).map(row).collect()
}

fn program(row: Row, flag: &str, min: Version) -> Row {
    match which::which(row.item) {
        Ok(path) => row.at(&path).at_least(version_by(&path, flag), min),
        Err(_) => row,
    }
}

/// Looks for a program of any version, without asking for the version. Also looks in root's
/// folders, which are not in every user's PATH.
fn anywhere(row: Row) -> Row {
    let path = env::var("PATH").unwrap_or_default() + ":/usr/sbin:/sbin";
    match which::which_in(row.item, Some(path), "/") {
        Ok(path) => row.at(&path),
        Err(_) => row,
    }
}

/// Looks for the library of python3-NAME in the system's Python. Another Python may come first on
/// PATH; `review` puts the system's first.
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

/// Looks for a program beside the rustc that builds the kernel. A program of another version cannot
/// read what that rustc wrote.
fn beside_rustc(row: Row, min: Version) -> Row {
    let rustc = rustc(Row::new("rustc"), min);
    // A program beside an unsuitable rustc does not match the rustc that will be installed.
    let fits = !rustc.is_lacking();
    let rustc = rustc.path.filter(|_| fits);
    let path = rustc.map(|path| path.with_file_name(row.item));
    best_of(row, path, ANY)
}

/// Looks for the sparse that `doctor --install` built, then for the one on PATH. The version does
/// not show whether a sparse is new enough. So this runs the same test as the kernel's
/// scripts/checker-valid.sh.
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
            _ => found.wrong(State::TooOld, "it does not support __typeof_unqual__"),
        }
    };
    let rows = all.filter(|path| path.is_file()).map(judged).collect();
    best(rows, row)
}

/// Looks only for the cargo-fuzz that `doctor` installed: nothing else needs cargo-fuzz.
fn cargo_fuzz(row: Row, place: &Place) -> Row {
    let path = place.tools().join("bin").join(row.item);
    best_of(row, [path], ANY)
}

/// Looks for python3 with venv. Debian's python3 comes without the part of venv that installs pip.
fn venv(row: Row) -> Row {
    let row = program(row, "--version", (3, 9, 0));
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

/// Looks for the b4 that ci/b4.txt names; other versions behave slightly differently.
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

/// Looks for QEMU, first for the one that `doctor --install` fetched.
fn qemu(row: Row, place: &Place) -> Row {
    let min = distro::newer_qemu().map_or(OLDEST_QEMU, |_| PATCHES_SAFELY);
    let own = place.qemu().join("usr/bin").join(row.item);
    qemu_of_host(row, Some(own), min)
}

/// Looks for QEMU: $QEMU alone if it is set, otherwise `own`, then the one on PATH.
pub fn qemu_of_host(row: Row, own: Option<PathBuf>, min: Version) -> Row {
    if let Some(path) = choice("QEMU") {
        return chosen(row, "QEMU")
            .at(&path)
            .at_least(version_of(&path), OLDEST_QEMU);
    }
    let on_path = which::which(row.item);
    best_of(row, own.into_iter().chain(on_path), min)
}

/// Looks for a static busybox, because an initramfs has no libraries for it. busybox prints its
/// version for --help. ldd fails for a program that loads no libraries.
fn busybox(row: Row) -> Row {
    let Ok(path) = which::which(row.item) else {
        return row;
    };
    let row = row.at(&path).at_least(version_by(&path, "--help"), ANY);
    let loads = Shell::new().is_ok_and(|sh| run::read(cmd!(sh, "ldd {path}")).is_ok());
    match loads {
        true => row.wrong(State::Missing, "a static busybox is needed"),
        false => row,
    }
}
