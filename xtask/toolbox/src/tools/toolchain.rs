// SPDX-License-Identifier: GPL-2.0
//! Looks for the tools that compile a kernel with Rust: rustc, bindgen and LLVM. A machine may have
//! several versions. The first suitable one is taken, of libclang the newest.

use std::env;
use std::path::{Path, PathBuf};

use xshell::{Shell, cmd};

use super::row::{Row, State, best, best_of, choice, chosen, version_of};
use crate::line::Version;
use crate::place::Place;
use crate::run;

/// Looks for a rustc with library source, because in-kernel Rust builds `core` itself. If $RUSTC is
/// set, only that one is tried. Otherwise takes the first suitable rustc. If none is suitable,
/// reports why the first one is not.
pub fn rustc(row: Row, min: Version) -> Row {
    let (row, candidates) = match choice("RUSTC") {
        Some(path) => (chosen(row, "RUSTC"), vec![path]),
        None => (row, rustc_candidates()),
    };
    let rows: Vec<Row> = candidates
        .iter()
        .filter_map(|path| one_rustc(&row, path, min))
        .collect();
    best(rows, row)
}

fn one_rustc(row: &Row, path: &Path, min: Version) -> Option<Row> {
    let sh = Shell::new().ok()?;
    let cmd = cmd!(sh, "{path} --print sysroot").env_remove("LD_LIBRARY_PATH");
    let sysroot = PathBuf::from(run::read(cmd).ok()?);
    // rustup's proxy chooses a rustc by folder and environment. Use the one that it chose.
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

pub fn bindgen(row: Row, place: &Place, min: Version) -> Row {
    if let Some(path) = choice("BINDGEN") {
        return chosen(row, "BINDGEN")
            .at(&path)
            .at_least(version_of(&path), min);
    }
    let own = place.tools().join("bin/bindgen");
    let on_path = which::which_all("bindgen").into_iter().flatten();
    best_of(row, [own].into_iter().chain(on_path), min)
}

pub fn libclang(row: Row) -> Row {
    const MIN: Version = (15, 0, 0);
    match newest_libclang() {
        // No version is known for $LIBCLANG_PATH and for folders without a number in the name.
        Some((0, dir)) => row.at(&dir),
        Some((major, dir)) => row.at(&dir).at_least(Some((major, 0, 0)), MIN),
        None => row,
    }
}

/// Looks for the clang beside bindgen's libclang, then for the one on PATH. The kernel wants clang
/// and libclang to see the same.
pub fn clang(row: Row) -> Row {
    // From 7.3's scripts/min-tool-version.sh.
    const MIN: Version = (17, 0, 1);
    let beside = libclang_dir().and_then(|dir| Some(dir.parent()?.join("bin/clang")));
    let all = beside.into_iter().chain(which::which(row.item));
    best_of(row, all.into_iter().find(|path| path.is_file()), MIN)
}

/// The folder that holds libclang, if there is one.
pub fn libclang_dir() -> Option<PathBuf> {
    newest_libclang().map(|(_, dir)| dir)
}

/// The version and the folder of the newest libclang. Version 0 means unknown. Debian has a folder
/// for each version: /usr/lib/llvm-19/lib.
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
        entries.into_iter().any(|entry| {
            let name = entry.file_name();
            is_libclang(&name.to_string_lossy())
        })
    };
    versioned
        .chain(plain)
        .filter(has_libclang)
        .max_by_key(|(version, _)| *version)
}

/// Whether this is a name that bindgen looks for: libclang.so or libclang-19.so.1. libclang-cpp.so
/// is another library.
fn is_libclang(name: &str) -> bool {
    let number = |c: char| c == '-' || c.is_ascii_digit();
    name.strip_prefix("libclang")
        .is_some_and(|rest| rest.trim_start_matches(number).starts_with(".so"))
}
