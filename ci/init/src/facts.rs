// SPDX-License-Identifier: GPL-2.0
//! Facts that the guest of every benchmark reports about itself, whatever device it measures.

use anyhow::{Context, Result, ensure};
use guest_protocol::{Facts, Pace};

use crate::cpus;
use crate::modules;
use crate::procfs::{self, read};

pub const CPUIDLE: &str = "/sys/devices/system/cpu/cpuidle";
/// The file with the name of cpuidle's driver; "none" if there is no driver.
pub const IDLE_DRIVER: &str = "/sys/devices/system/cpu/cpuidle/current_driver";
const STATES: &str = "/sys/devices/system/cpu/cpu0/cpuidle";

pub fn of_machine() -> Result<Facts> {
    Ok(Facts {
        kernel: read("/proc/sys/kernel/osrelease")?,
        cmdline: read("/proc/cmdline")?,
        clocksource: read("/sys/devices/system/clocksource/clocksource0/current_clocksource")?,
        cpuidle_driver: read(IDLE_DRIVER)?,
        cpuidle_governor: read(format!("{CPUIDLE}/current_governor_ro"))?,
        guest_halt_poll_ns: read(wait_parameter("guest_halt_poll_ns"))?,
        ..Facts::default()
    })
}

/// Measures the kernel's pace, on the first CPU alone. Nothing else runs yet.
pub fn pace() -> Result<Pace> {
    cpus::on(0, || Pace::measure().context("measuring pipes"))
}

/// Whether interrupt handlers are threads, because of `threadirqs` or PREEMPT_RT.
pub fn handlers_are_threads() -> Result<bool> {
    let asked = procfs::has_word(&read("/proc/cmdline")?, "threadirqs");
    Ok(asked || procfs::has_word(&read("/proc/version")?, "PREEMPT_RT"))
}

/// The file of a parameter that controls how long a CPU waits.
pub fn wait_parameter(name: &str) -> String {
    let module = modules::form().driver();
    format!("/sys/module/{module}/parameters/{name}")
}

/// Fails unless cpuidle has the driver, and the states, in which CPUs wait with this form of the
/// feature. Returns their names. The benchmarks measure how the feature changes that wait.
pub fn need_idle_driver() -> Result<String> {
    let form = modules::form();
    let driver = form.driver();
    procfs::expect(IDLE_DRIVER, driver)?;
    let states = (0..form.states().len()).map(|state| read(format!("{STATES}/state{state}/name")));
    let states = states.collect::<Result<Vec<_>>>()?;
    ensure!(
        states == form.states(),
        "the states of {driver} are {states:?}, not {:?}",
        form.states()
    );
    Ok(format!("{driver}: {}", states.join(", ")))
}
