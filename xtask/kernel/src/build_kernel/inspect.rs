// SPDX-License-Identifier: GPL-2.0
//! Checks a built kernel: the Rust core must be linked, and the requested sanitizers must be in the
//! objects of the series.

use std::path::Path;

use anyhow::Result;
use xshell::{Shell, cmd};

use super::kconfig::{FEATURE, Request};
use toolbox::fault;
use toolbox::run;

/// A function that only the Rust core defines and that C calls.
const SYMBOL: &str = "poll_core_wait";

/// Checks that the linker kept the Rust core if it is `wanted`, or that vmlinux lacks it if not.
pub fn core_is_linked(vmlinux: &Path, wanted: bool) -> Result<()> {
    let has = symbols(vmlinux, "--defined-only")?
        .lines()
        .any(|line| line.ends_with(&format!(" {SYMBOL}")));
    match (has, wanted) {
        (false, true) => Err(fault::build(format!(
            "{} has no {SYMBOL}: the Rust core is not linked into it",
            vmlinux.display()
        ))),
        (true, false) => Err(fault::build(format!(
            "{} has {SYMBOL}: the Rust core is linked into it although {FEATURE} is off",
            vmlinux.display()
        ))),
        _ => Ok(()),
    }
}

/// A sanitizer's option, the prefix of the functions that instrumented code calls, and an object of
/// the series that must call them. Only KASAN has an entry for Rust: kbuild has no Rust flags for
/// KCSAN and UBSAN. rustc checks indices by itself, and the core's atomics are C functions.
const SANITIZERS: [(&str, &str, &str); 4] = [
    ("CONFIG_KASAN", "__asan_", "drivers/cpuidle/poll/wait.o"),
    ("CONFIG_KASAN", "__asan_", "drivers/cpuidle/poll_core.o"),
    ("CONFIG_KCSAN", "__tsan_", "drivers/cpuidle/poll/wait.o"),
    ("CONFIG_UBSAN", "__ubsan_", "drivers/virtio/virtio_ring.o"),
];

/// Checks that the compiler instrumented the series' objects for each sanitizer in `config`.
pub fn is_instrumented(out: &Path, config: &Request) -> Result<()> {
    for (option, prefix, object) in SANITIZERS {
        if !config.has(option) || !config.has(FEATURE) {
            continue;
        }
        let object = out.join(object);
        let called = symbols(&object, "--undefined-only")?;
        if !called.lines().any(|line| line.contains(prefix)) {
            return Err(fault::build(format!(
                "{} calls no function {prefix}*: {option} did not instrument it",
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
