// SPDX-License-Identifier: GPL-2.0
//! Measures what the module costs an idle machine. Compares the number of ticks and the idle time
//! with every switch on and without the module.

use std::thread::sleep;
use std::time::Duration;

use anyhow::{Result, ensure};
use guest_protocol::form::MODULE;

use crate::procfs::{cpu_time, read};
use crate::{cpus, interrupts, modules, virtio};

/// Upper limit for the ticks of an idle machine, in percent of the ticks of a machine whose ticks
/// never stop.
const MANY: u64 = 20;
/// Ticks per second of a CPU whose tick never stops. Distributions' kernels have at least this
/// many.
const HZ: u64 = 250;
/// Additional ticks of the whole machine that may occur by chance.
const CHANCE: u64 = 100;
/// Idle time that may be missing with the module, in percent.
const MISSING: u64 = 3;
/// Time for earlier activity to come to rest.
const REST: Duration = Duration::from_secs(2);

struct Idle {
    ticks: u64,
    idle_ms: u64,
}

/// Leaves the module loaded.
pub fn costs_nothing(seconds: u64) -> Result<String> {
    virtio::set_all(true)?;
    let with = watch(seconds)?;
    modules::unload(MODULE)?;
    let without = watch(seconds)?;
    modules::load(MODULE)?;
    judge(&with, &without, seconds, cpus::online()?.len() as u64)
}

fn watch(seconds: u64) -> Result<Idle> {
    sleep(REST);
    let before = now()?;
    sleep(Duration::from_secs(seconds));
    let after = now()?;
    Ok(Idle {
        ticks: after.ticks - before.ticks,
        idle_ms: after.idle_ms - before.idle_ms,
    })
}

fn now() -> Result<Idle> {
    let stat = read("/proc/stat")?;
    Ok(Idle {
        ticks: interrupts::arch_now("LOC", &[])?,
        idle_ms: cpu_time(&stat, &[]).idle_ms,
    })
}

fn judge(with: &Idle, without: &Idle, seconds: u64, cpus: u64) -> Result<String> {
    let said = format!(
        "{} timer interrupts in {seconds} s, {} without the module; idle for {} ms, without it {} ms",
        with.ticks, without.ticks, with.idle_ms, without.idle_ms
    );
    let never_stopped = HZ * seconds * cpus;
    ensure!(
        with.ticks * 100 < never_stopped * MANY,
        "{said}; wanted less than {MANY} % of {never_stopped}, the number if no tick stops"
    );
    ensure!(
        with.ticks <= without.ticks * 3 / 2 + CHANCE,
        "{said}; too many timer interrupts with the module"
    );
    ensure!(
        with.idle_ms * 100 >= without.idle_ms * (100 - MISSING),
        "{said}; too little idle time with the module"
    );
    Ok(said)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tick_that_goes_on_is_seen_and_so_is_time_that_is_not_idle() {
        let idle = |ticks, idle_ms| Idle { ticks, idle_ms };
        let without = idle(300, 19_900);
        let with = |ticks, idle_ms| judge(&idle(ticks, idle_ms), &without, 10, 2);
        with(320, 19_850).unwrap();
        assert!(with(4900, 19_850).is_err());
        assert!(with(700, 19_850).is_err());
        assert!(with(320, 15_000).is_err());
        // The machine is at rest neither with the module nor without it.
        assert!(judge(&idle(4900, 1), &idle(4900, 1), 10, 2).is_err());
    }
}
