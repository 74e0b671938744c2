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
Each of the guest's processors has one of the host's, and QEMU's other threads, which are its timers
and its devices, go before those (SCHED_FIFO): this host has no processor to spare for them, and one
that polls does not sleep.
";

const TICKS: &str = "\
This kernel was built without IRQ_TIME_ACCOUNTING: its columns are samples that the tick takes, and
the tick comes after a handler that runs with interrupts off, never in it. So what a handler takes
in hardirq is not seen, whether an interrupt or a hit ran it; softirqs are.
";

const TWICE: &str = "\
This kernel counts what a processor waited before it halts twice, polled or not: ticks count it as
idle, and tick_nohz_idle_stop_tick() lets the precise count, too, begin at ts->idle_entrytime, where
the idle loop was entered. That is guest_halt_poll_ns a halt at most.
";

pub fn page(setup: &CostSetup, boot: &CostBoot, cases: &[CostCase]) -> String {
    let guest = &boot.facts;
    let irq_time = guest.irq_time == Some(true);
    let mut text = format!(
        "# What polling costs\n\nLinux {}, {} IRQ_TIME_ACCOUNTING, {} on {} x {}, {}, {} \
         rounds, seed {}\n\n",
        guest.kernel,
        if irq_time { "with" } else { "without" },
        setup.accel.name(),
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
        "## The same work in /proc/stat\n\nOf the processor that polls, in ms; medians of the \
         runs. The kernel itself says what hits took; over is what all columns together have \
         too much.\n\n{}\n",
        table::accounting(cases)
    );
    if !irq_time {
        text += &format!("{TICKS}\n");
    }
    if guest.waits_count_twice == Some(true) {
        text += &format!("{TWICE}\n");
    }
    text += &format!(
        "## Wake-ups\n\ncyclictest on the processor that polls, in us; medians of the runs, and \
         paired ratios [95 % interval]. A paced load begins an operation every {} us, polled or \
         not; the others one as soon as the last is done, which with polling are more.\n\n{}\n",
        PACE_US,
        table::latencies(cases, |probe| match probe {
            Probe::WakeUps(load) => Some(load.to_string()),
            Probe::PacedWakeUps(load) => Some(format!("{load}, paced")),
            _ => None,
        })
    );
    text += &format!("Slow handlers and the wait's limit: {}.\n\n", boot.limit);
    text += &format!(
        "## Grace periods of RCU\n\nmembarrier(MEMBARRIER_CMD_GLOBAL) while every processor \
         waits for blocks, in us.\n\n{}\n",
        table::latencies(cases, |probe| match probe {
            Probe::GracePeriods => Some("all processors".into()),
            _ => None,
        })
    );
    text
}
