// SPDX-License-Identifier: GPL-2.0
//! Suspends to RAM: ACPI's S3, in which devices and CPUs lose their state. The host wakes the
//! machine. On a busy host, an alarm of the machine's own clock would come too early, and the
//! machine would sleep for good.

use std::array;
use std::path::Path;

use anyhow::{Result, ensure};
use guest_protocol::Ask;

use crate::port::{Asker, untried};
use crate::procfs::{self, read};
use crate::prove::kernel_log;

const POWER: &str = "/sys/power";
const WOKE: &str = "Waking up from system sleep state S3";

/// Suspends the machine, and returns when it is awake again.
pub fn to_ram(asker: &Asker) -> Result<String> {
    let kinds = format!("{POWER}/mem_sleep");
    if !Path::new(&kinds).exists() || !read(&kinds)?.contains("deep") {
        return Err(untried("this kernel or machine has no suspend to RAM"));
    }
    procfs::write(&kinds, "deep")?;
    let before = sleeps()?;
    asker.ask(Ask::WakeFromRam)?;
    procfs::write(format!("{POWER}/state"), "mem")?;
    let after = sleeps()?;
    let [success, fail, woke] = array::from_fn(|index| after[index] - before[index]);
    let said = format!("{success} suspends succeeded, {fail} failed, {woke} wake-ups from S3");
    ensure!([success, fail, woke] == [1, 0, 1], "{said}");
    Ok(said)
}

/// How often the kernel slept, failed to sleep, and woke from S3.
fn sleeps() -> Result<[u64; 3]> {
    Ok([
        procfs::value(format!("{POWER}/suspend_stats/success"))?,
        procfs::value(format!("{POWER}/suspend_stats/fail"))?,
        kernel_log()?.matches(WOKE).count() as u64,
    ])
}
