// SPDX-License-Identifier: GPL-2.0
//! Whether the kernel that came out has the Rust core in it, and whether a sanitizer that was asked
//! for is in what the series brings.

use std::path::Path;

use anyhow::Result;
use xshell::{Shell, cmd};

use super::kconfig::{FEATURE, Request};
use toolbox::fault;
use toolbox::run;

/// A function that only the Rust core defines, and that C calls.
const SYMBOL: &str = "poll_core_step";

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
