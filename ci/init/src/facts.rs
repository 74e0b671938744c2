// SPDX-License-Identifier: GPL-2.0
//! What every benchmark's guest tells of itself, whatever device it measures.

use anyhow::{Result, ensure};
use guest_init::Facts;

use crate::procfs::read;

pub const PATIENCE: &str = "/sys/module/haltpoll/parameters/guest_halt_poll_ns";
const DRIVER: &str = "/sys/devices/system/cpu/cpuidle/current_driver";

pub fn of_machine() -> Result<Facts> {
    Ok(Facts {
        kernel: read("/proc/sys/kernel/osrelease")?,
        cmdline: read("/proc/cmdline")?,
        clocksource: read("/sys/devices/system/clocksource/clocksource0/current_clocksource")?,
        cpuidle_driver: read(DRIVER)?,
        cpuidle_governor: read("/sys/devices/system/cpu/cpuidle/current_governor_ro")?,
        guest_halt_poll_ns: read(PATIENCE)?,
        ..Facts::default()
    })
}

/// What is measured is how the feature changes haltpoll's wait.
pub fn need_haltpoll() -> Result<()> {
    let driver = read(DRIVER)?;
    ensure!(
        driver == "haltpoll",
        "cpuidle's driver is {driver}, not haltpoll"
    );
    Ok(())
}
