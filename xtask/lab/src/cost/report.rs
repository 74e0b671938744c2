// SPDX-License-Identifier: GPL-2.0
//! The result of `check cost`: a page of tables.

use guest_protocol::Probe;

use super::boot::CostBoot;
use super::case::CostCase;
use super::table;
use super::{CostSetup, PACE_US};
use crate::bench::environment;
use vm::threads::Threads;

const FIRST: &str = "\
Each of the guest's CPUs runs on a host CPU of its own. QEMU's other threads, which are its timers
and its devices, run on the same host CPUs with a higher priority (SCHED_FIFO): this host has no CPU
to spare for them, and a CPU that polls does not sleep.
";

const TICKS: &str = "\
This kernel was built without IRQ_TIME_ACCOUNTING, so its columns are samples that the tick takes.
The tick cannot interrupt a handler that runs with interrupts off: it comes after the handler. So
the columns lack the time of handlers in hardirq, whether an interrupt or a hit ran them. They do
have the time of softirqs.
";

const TWICE: &str = "\
This kernel counts the wait before a halt as idle time twice, with polling off and on. Ticks during
the wait count it. When the tick stops, tick_nohz_idle_stop_tick() starts the precise count, but at
ts->idle_entrytime, when the CPU entered the idle loop, so this count has the wait again. This
adds at most guest_halt_poll_ns per halt.
";

pub fn page(setup: &CostSetup, boot: &CostBoot, cases: &[CostCase]) -> String {
    let guest = &boot.facts;
    let irq_time = guest.irq_time == Some(true);
    let mut text = format!(
        "# What polling costs\n\nLinux {}, {} IRQ_TIME_ACCOUNTING, {} on {} x {}, {}, {} \
         rounds, seed {}\n\n",
        guest.kernel,
        if irq_time { "with" } else { "without" },
        setup.bed.accel.name(),
        setup.host_cpus,
        environment::cpu_model(),
        boot.network,
        setup.rounds,
        setup.seed
    );
    if setup.threads == Threads::OthersFirst {
        text += &format!("{FIRST}\n");
    }
    for warning in &setup.warnings {
        text += &format!("Warning: {warning}.\n\n");
    }
    text += &format!(
        "## The same work in /proc/stat\n\nTimes of the CPU that polls, in ms; medians of the \
         runs. The kernel itself measures what hits took. `all` is the elapsed time, `busy` is \
         irq + softirq + system + user, and `over` is busy + idle - all.\n\n{}\n",
        table::accounting(cases)
    );
    if !irq_time {
        text += &format!("{TICKS}\n");
    }
    if guest.waits_count_twice == Some(true) {
        text += &format!("{TWICE}\n");
    }
    text += &format!(
        "## Wake-ups\n\ncyclictest on the CPU that polls, in us; medians of the runs, and paired \
         ratios [95 % interval]. A paced load starts an operation every {} us, with polling off \
         and on. The other loads start an operation as soon as the last one is done, so they do \
         more operations with polling on.\n\n{}\n",
        PACE_US,
        table::latencies(cases, |probe| match probe {
            Probe::WakeUps(load) => Some(load.to_string()),
            Probe::PacedWakeUps(load) => Some(format!("{load}, paced")),
            _ => None,
        })
    );
    text += &format!("Slow handlers and the limit of a wait: {}.\n\n", boot.limit);
    text += &format!(
        "## Grace periods of RCU\n\nmembarrier(MEMBARRIER_CMD_GLOBAL) while every CPU waits for \
         the disk, in us.\n\n{}\n",
        table::latencies(cases, |probe| match probe {
            Probe::GracePeriods => Some("all CPUs".into()),
            _ => None,
        })
    );
    text
}
