// SPDX-License-Identifier: GPL-2.0
//! What the module has of the kernel while it is loaded, and that nothing is left of it afterwards.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use guest_init::form::MODULE;

use crate::disk::Disk;
use crate::port::Untried;
use crate::procfs::read;
use crate::switch::Switch;

pub const DRIVER: &str = "/sys/devices/system/cpu/cpuidle/current_driver";
/// Empty where nothing is patched: of the functions that kprobes and ftrace changed.
const PATCHED: [&str; 2] = [
    "/sys/kernel/debug/kprobes/list",
    "/sys/kernel/tracing/enabled_functions",
];
/// Of what the module registered, lists with its name in them.
const LISTS: [&str; 2] = ["/sys/devices/system/cpu/hotplug/states", "/proc/kallsyms"];
const FOLDERS: [&str; 3] = [
    "/sys/module/poll_source",
    "/sys/kernel/debug/poll_source",
    "/sys/kernel/tracing/events/poll_source",
];
/// A file for each interrupt, where the kernel has GENERIC_IRQ_DEBUGFS.
const LINES: &str = "/sys/kernel/debug/irq/irqs";
const MARK: &str = "_IRQ_IS_POLLED";

/// With the module at work: what it has of the kernel it has by registering.
pub fn patches_nothing() -> Result<String> {
    let mut looked = 0;
    for path in PATCHED.iter().filter(|path| Path::new(path).exists()) {
        let list = read(path)?;
        ensure!(list.is_empty(), "{path}: {list}");
        looked += 1;
    }
    if looked == 0 {
        return Err(Untried("this kernel has neither kprobes nor ftrace".into()).into());
    }
    Ok(format!(
        "neither kprobes nor ftrace: {looked} lists are empty"
    ))
}

/// With the disk's switch on, and off again.
pub fn marks_lines(disk: &Disk) -> Result<String> {
    let switch = Switch::of(&disk.device);
    switch.set(true)?;
    let on = marked()?;
    switch.set(false)?;
    let off = marked()?;
    let own = disk.virtio().lines()?;
    for line in &own {
        ensure!(
            on.contains(&line.irq),
            "irq {} is not marked, but {on:?}",
            line.irq
        );
    }
    ensure!(
        on.len() == own.len(),
        "{on:?} are marked; the disk's are {own:?}"
    );
    ensure!(off.is_empty(), "off again: {off:?} are marked");
    Ok(format!("{} lines", own.len()))
}

/// `driver`: that of cpuidle, with the module away.
pub fn nothing(disk: &Disk, driver: &str) -> Result<String> {
    for path in FOLDERS {
        ensure!(!Path::new(path).exists(), "{path} is still there");
    }
    for switch in Switch::all()? {
        ensure!(switch.get().is_err(), "{switch} is still there");
    }
    for path in LISTS {
        let list = read(path)?;
        let line = list.lines().find(|line| line.contains(MODULE));
        ensure!(line.is_none(), "{path}: {}", line.unwrap_or_default());
    }
    let found = read(DRIVER)?;
    ensure!(found == driver, "cpuidle's driver is {found}");
    if Path::new(LINES).exists() {
        let marked = marked()?;
        ensure!(marked.is_empty(), "{marked:?} are marked as polled");
    }
    ensure!(
        disk.in_flight()? == 0,
        "{} does not come to rest",
        disk.name
    );
    Ok("no file, no symbol, no hotplug state, no idle driver of its own".into())
}

/// The interrupts of which the kernel believes that they are polled.
fn marked() -> Result<Vec<u32>> {
    if !Path::new(LINES).exists() {
        return Err(Untried("this kernel has no GENERIC_IRQ_DEBUGFS".into()).into());
    }
    let mut marked = Vec::new();
    for entry in std::fs::read_dir(LINES).with_context(|| format!("listing {LINES}"))? {
        let entry = entry?;
        // Files of domains and the like have names that are no numbers.
        let Ok(irq) = entry.file_name().to_string_lossy().parse() else {
            continue;
        };
        if read(entry.path())?.contains(MARK) {
            marked.push(irq);
        }
    }
    Ok(marked)
}
