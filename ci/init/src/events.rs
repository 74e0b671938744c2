// SPDX-License-Identifier: GPL-2.0
//! Counts how often the guest halted, was interrupted by its timer and by other CPUs, and switched
//! tasks. A device's interrupts are counted where the device is known.

use anyhow::Result;
use guest_protocol::Events;

use crate::cpus::{self, CPUS};
use crate::interrupts;
use crate::procfs::{self, read};

/// The counts since boot on these CPUs, or on all CPUs if `cpus` is empty. Context switches are
/// always counted for all CPUs together.
pub fn on(cpus: &[usize]) -> Result<Events> {
    let resched = interrupts::arch_now("RES", cpus)?;
    // CAL includes the calls that flush TLBs. The line TLB counts them once more.
    let calls = interrupts::arch_now("CAL", cpus)?;
    Ok(Events {
        halts: halts(cpus)?,
        timers: interrupts::arch_now("LOC", cpus)?,
        ipis: resched.saturating_add(calls),
        context_switches: procfs::number_after(&read("/proc/stat")?, "ctxt ")?,
    })
}

pub fn between(before: Events, after: Events) -> Events {
    let halts = after.halts.zip(before.halts);
    Events {
        // If a CPU got its idle driver between the two readings, its count began at 0.
        halts: halts.map(|(after, before)| after.saturating_sub(before)),
        timers: after.timers.saturating_sub(before.timers),
        ipis: after.ipis.saturating_sub(before.ipis),
        context_switches: after
            .context_switches
            .saturating_sub(before.context_switches),
    }
}

/// Entries into idle states that do not poll. None if no driver has states, or if a state both
/// waits and halts, like the module's.
fn halts(of: &[usize]) -> Result<Option<u64>> {
    let mut sum = None;
    let all = cpus::online()?;
    let wanted = |cpu: &usize| of.is_empty() || of.contains(cpu);
    for cpu in all.into_iter().filter(wanted) {
        let folder = format!("{CPUS}/cpu{cpu}/cpuidle");
        for state in procfs::names(&folder).unwrap_or_default() {
            match read(format!("{folder}/{state}/name"))?.as_str() {
                "POLL" => {}
                "POLLHLT" => return Ok(None),
                _ => {
                    let usage: u64 = procfs::value(format!("{folder}/{state}/usage"))?;
                    sum = Some(sum.unwrap_or(0) + usage);
                }
            }
        }
    }
    Ok(sum)
}
