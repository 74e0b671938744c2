// SPDX-License-Identifier: GPL-2.0
//! What is left of it all: the tables on the terminal and in table.md, and cost.json.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use guest_protocol::{Facts, Probe};
use serde::Serialize;

use super::CostSetup;
use super::boot::CostBoot;
use super::case::{self, CostCase};
use super::floors::{self, Accounts};
use super::{table, wrong};
use crate::bench::environment;
use vm::session::Rig;
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

/// cost.json
#[derive(Serialize)]
pub struct CostReport {
    schema: u32,
    kernel: String,
    /// git tree hash of the series that was built; null for a kernel given as a file.
    tree: Option<String>,
    accel: &'static str,
    cpu: String,
    host_cpus: usize,
    threads: Threads,
    tools: Vec<String>,
    network: &'static str,
    seed: u64,
    rounds: u32,
    /// From one operation to the next of a paced load.
    pace_us: u64,
    warnings: Vec<String>,
    guest: Facts,
    cases: Vec<CostCase>,
    limit: String,
    /// What must hold on every machine and does not.
    pub wrong: Vec<String>,
    /// Floors that were not reached.
    pub missed: Vec<String>,
}

impl CostReport {
    pub fn new(rig: &Rig, setup: &CostSetup, boot: CostBoot) -> Result<CostReport> {
        let cases = case::cases(&boot.gauged);
        let accounts = Accounts::of(&boot.facts)?;
        Ok(CostReport {
            schema: 1,
            kernel: boot.facts.kernel.clone(),
            tree: setup.image.tree.clone(),
            accel: setup.accel.name(),
            cpu: environment::cpu_model(),
            host_cpus: setup.host_cpus,
            threads: setup.threads,
            tools: rig.tools.versions.clone(),
            network: boot.network,
            seed: setup.seed,
            rounds: setup.rounds,
            pace_us: setup.pace_us,
            warnings: setup.warnings.clone(),
            wrong: wrong::wrong(&cases, accounts.irq_time),
            missed: floors::missed(&cases, accounts),
            guest: boot.facts,
            cases,
            limit: boot.limit,
        })
    }

    pub fn write(&self, out: &Path) -> Result<()> {
        let text = self.page();
        print!("\n{text}");
        let json = serde_json::to_string_pretty(self)? + "\n";
        for (name, content) in [("table.md", &text), ("cost.json", &json)] {
            let path = out.join(name);
            fs::write(&path, content).with_context(|| format!("writing {}", path.display()))?;
        }
        println!("results in {}", out.display());
        Ok(())
    }

    /// Lands the tables, for people to read.
    pub fn save(&self, path: &Path, again: &str) -> Result<()> {
        let tree = self.tree.as_deref().unwrap_or("unknown");
        let origin = format!("<!-- Made by `{again}` on the series' tree {tree}. -->\n\n");
        let folder = path.parent().expect("the path was joined");
        fs::create_dir_all(folder)
            .and_then(|()| fs::write(path, origin + &self.page()))
            .with_context(|| format!("writing {}", path.display()))?;
        println!("saved {}", path.display());
        Ok(())
    }

    fn page(&self) -> String {
        let irq_time = self.guest.irq_time == Some(true);
        let mut text = format!(
            "# What polling costs\n\nLinux {}, {} IRQ_TIME_ACCOUNTING, {} on {} x {}, {}, {} \
             rounds, seed {}\n\n",
            self.kernel,
            if irq_time { "with" } else { "without" },
            self.accel,
            self.host_cpus,
            self.cpu,
            self.network,
            self.rounds,
            self.seed
        );
        if self.threads == Threads::OthersFirst {
            text += &format!("{FIRST}\n");
        }
        for warning in &self.warnings {
            text += &format!("Warning: {warning}.\n\n");
        }
        text += &format!(
            "## The same work in /proc/stat\n\nOf the processor that polls, in ms; medians of the \
             runs. The kernel itself says what hits took; over is what all columns together have \
             too much.\n\n{}\n",
            table::accounting(&self.cases)
        );
        if !irq_time {
            text += &format!("{TICKS}\n");
        }
        if self.guest.waits_count_twice == Some(true) {
            text += &format!("{TWICE}\n");
        }
        text += &format!(
            "## Wake-ups\n\ncyclictest on the processor that polls, in us; medians of the runs, and \
             paired ratios [95 % interval]. A paced load begins an operation every {} us, polled or \
             not; the others one as soon as the last is done, which with polling are more.\n\n{}\n",
            self.pace_us,
            table::latencies(&self.cases, |probe| match probe {
                Probe::WakeUps(load) => Some(load.to_string()),
                Probe::PacedWakeUps(load) => Some(format!("{load}, paced")),
                _ => None,
            })
        );
        text += &format!("Slow handlers and the wait's limit: {}.\n\n", self.limit);
        text += &format!(
            "## Grace periods of RCU\n\nmembarrier(MEMBARRIER_CMD_GLOBAL) while every processor \
             waits for blocks, in us.\n\n{}\n",
            table::latencies(&self.cases, |probe| match probe {
                Probe::GracePeriods => Some("all processors".into()),
                _ => None,
            })
        );
        text
    }
}
