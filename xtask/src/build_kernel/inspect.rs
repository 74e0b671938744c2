// SPDX-License-Identifier: GPL-2.0
//! Whether the kernel that came out has the Rust core in it, and the right one.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use xshell::{Shell, cmd};

use crate::fault;
use crate::place::Place;
use crate::run;
use crate::series::CORE;

/// A function that only the Rust core defines, and that C calls.
const SYMBOL: &str = "poll_core_step";

/// Checks that the core in the kernel tree is the one in rust-core, byte for
/// byte and file for file.
pub fn same_core(place: &Place, src: &Path) -> Result<()> {
    let ours = place.root.join("rust-core/src/poll");
    let theirs = src.join(CORE).join("poll");
    let (our_files, their_files) = (files(&ours)?, files(&theirs)?);
    let differs = |name: &&PathBuf| {
        let read = |dir: &Path| fs::read(dir.join(name)).ok();
        read(&ours) != read(&theirs)
    };
    let all = our_files.iter().chain(&their_files);
    let Some(name) = all.into_iter().find(differs) else {
        return Ok(());
    };
    Err(fault::build(format!(
        "{} of the kernel is not that of rust-core: does c-shim/series.toml list it?",
        Path::new(CORE).join("poll").join(name).display()
    )))
}

/// The files of `dir`, as paths in it.
fn files(dir: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let entries = fs::read_dir(dir).with_context(|| format!("reading {}", dir.display()))?;
    for entry in entries {
        let entry = entry?;
        let name = PathBuf::from(entry.file_name());
        if entry.file_type()?.is_dir() {
            let inner = files(&entry.path())?;
            found.extend(inner.into_iter().map(|path| name.join(path)));
        } else {
            found.push(name);
        }
    }
    Ok(found)
}

/// Checks that the linker kept the core.
pub fn core_is_linked(vmlinux: &Path) -> Result<()> {
    let sh = Shell::new()?;
    let symbols = run::read(cmd!(sh, "nm --defined-only {vmlinux}"))?;
    if symbols
        .lines()
        .any(|line| line.ends_with(&format!(" {SYMBOL}")))
    {
        return Ok(());
    }
    Err(fault::build(format!(
        "{} has no {SYMBOL}: the Rust core is not in it",
        vmlinux.display()
    )))
}
