// SPDX-License-Identifier: GPL-2.0
//! Checks that the module patches nothing while it is loaded, and leaves nothing behind when it is
//! unloaded.

use std::path::Path;

use anyhow::{Result, ensure};
use guest_protocol::form::MODULE;

use crate::disk::VirtioDisk;
use crate::facts::IDLE_DRIVER;
use crate::port::untried;
use crate::procfs::{expect, read};
use crate::virtio;

/// Lists of the functions that kprobes and ftrace have patched. They are empty if nothing is
/// patched.
const PATCHED: [&str; 2] = [
    "/sys/kernel/debug/kprobes/list",
    "/sys/kernel/tracing/enabled_functions",
];
/// Lists that contain the module's name while something of it is registered.
const LISTS: [&str; 2] = ["/sys/devices/system/cpu/hotplug/states", "/proc/kallsyms"];
const FOLDERS: [&str; 3] = [
    "/sys/module/poll_source",
    "/sys/kernel/debug/poll_source",
    "/sys/kernel/tracing/events/poll_source",
];

/// Checks that nothing is patched while the module is at work. The module uses the kernel by
/// registering with it.
pub fn patches_nothing() -> Result<String> {
    let mut looked = 0;
    for path in PATCHED.iter().filter(|path| Path::new(path).exists()) {
        let list = read(path)?;
        ensure!(list.is_empty(), "{path}: {list}");
        looked += 1;
    }
    if looked == 0 {
        return Err(untried("this kernel has neither kprobes nor ftrace"));
    }
    Ok(format!(
        "neither kprobes nor ftrace: {looked} lists are empty"
    ))
}

/// Checks that nothing of the module is left. `driver` is cpuidle's driver without the module.
pub fn nothing(disk: &VirtioDisk, driver: &str) -> Result<String> {
    for path in FOLDERS {
        ensure!(!Path::new(path).exists(), "{path} is still there");
    }
    for virtio in virtio::all()? {
        let switch = virtio.switch();
        ensure!(!switch.exists(), "{} is still there", switch.display());
    }
    for path in LISTS {
        let list = read(path)?;
        let line = list.lines().find(|line| line.contains(MODULE));
        ensure!(line.is_none(), "{path}: {}", line.unwrap_or_default());
    }
    expect(IDLE_DRIVER, driver)?;
    ensure!(
        disk.in_flight()? == 0,
        "{} has requests in flight",
        disk.name
    );
    Ok("no file, no symbol, no hotplug state, no idle driver of its own".into())
}
