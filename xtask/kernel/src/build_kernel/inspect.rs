// SPDX-License-Identifier: GPL-2.0
//! Whether the kernel that came out has the Rust core in it, and the right one, and whether a
//! sanitizer that was asked for is in what the series brings.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use xshell::{Shell, cmd};

use super::kconfig::{FEATURE, Request};
use series::spec::CORE;
use toolbox::fault;
use toolbox::place::Place;
use toolbox::run;

/// A function that only the Rust core defines, and that C calls.
const SYMBOL: &str = "poll_core_step";

/// Checks that the core in the kernel tree is the one in rust-core, byte for
/// byte. What rust-core has beyond it, for the module, is not looked at: a file
/// that the kernel needs and does not have does not build. The C beside it is
/// c-shim's.
pub fn same_core(place: &Place, src: &Path) -> Result<()> {
    let ours = place.root.join("rust-core/src/poll");
    let theirs = src.join(CORE).join("poll");
    let differs = |name: &&PathBuf| {
        let read = |dir: &Path| fs::read(dir.join(name)).ok();
        read(&ours) != read(&theirs)
    };
    let their_files = files(&theirs)?;
    let Some(name) = their_files.iter().find(differs) else {
        return Ok(());
    };
    Err(fault::build(format!(
        "{} of the kernel is not that of rust-core: does c-shim/series.toml list it?",
        Path::new(CORE).join("poll").join(name).display()
    )))
}

/// The Rust files of `dir`, as paths in it.
fn files(dir: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let entries = fs::read_dir(dir).with_context(|| format!("reading {}", dir.display()))?;
    for entry in entries {
        let entry = entry?;
        let name = PathBuf::from(entry.file_name());
        if entry.file_type()?.is_dir() {
            let inner = files(&entry.path())?;
            found.extend(inner.into_iter().map(|path| name.join(path)));
        } else if name.extension().is_some_and(|ext| ext == "rs") {
            found.push(name);
        }
    }
    Ok(found)
}

/// Checks that the linker kept the core, or that it is not there where it is not wanted.
pub fn core_is_linked(vmlinux: &Path, wanted: bool) -> Result<()> {
    let has = symbols(vmlinux, "--defined-only")?
        .lines()
        .any(|line| line.ends_with(&format!(" {SYMBOL}")));
    match (has, wanted) {
        (false, true) => Err(fault::build(format!(
            "{} has no {SYMBOL}: the Rust core is not in it",
            vmlinux.display()
        ))),
        (true, false) => Err(fault::build(format!(
            "{} has {SYMBOL}: the Rust core is in it, without its option",
            vmlinux.display()
        ))),
        _ => Ok(()),
    }
}

/// A sanitizer's option, how the functions begin that its code calls, and an object of the series
/// that must call them. There are no flags for Rust with KCSAN and UBSAN: rustc checks indices by
/// itself, and the core's atomics are functions in C.
const SANITIZERS: [(&str, &str, &str); 4] = [
    ("CONFIG_KASAN", "__asan_", "drivers/cpuidle/poll/wait.o"),
    ("CONFIG_KASAN", "__asan_", "drivers/cpuidle/poll_core.o"),
    ("CONFIG_KCSAN", "__tsan_", "drivers/cpuidle/poll/wait.o"),
    ("CONFIG_UBSAN", "__ubsan_", "drivers/virtio/virtio_ring.o"),
];

/// Checks that the compiler put the sanitizers of `config` into the series' objects.
pub fn is_instrumented(out: &Path, config: &Request) -> Result<()> {
    for (option, prefix, object) in SANITIZERS {
        if !config.has(option) || !config.has(FEATURE) {
            continue;
        }
        let object = out.join(object);
        let called = symbols(&object, "--undefined-only")?;
        if !called.lines().any(|line| line.contains(prefix)) {
            return Err(fault::build(format!(
                "{} calls no {prefix}...: {option} does not check it",
                object.display()
            )));
        }
    }
    Ok(())
}

fn symbols(file: &Path, which: &str) -> Result<String> {
    let sh = Shell::new()?;
    run::read(cmd!(sh, "nm {which} {file}"))
}
