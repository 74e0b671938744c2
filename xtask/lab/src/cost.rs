// SPDX-License-Identifier: GPL-2.0
//! `check cost`: measures what polling costs everything else, alternating between polling off and
//! on in one boot. `ci/init/src/gauge.rs` is the guest's side. `cost/case.rs` turns its runs into
//! cases, `cost/wrong.rs` checks what must hold on any machine.

mod boot;
mod case;
mod report;
mod table;
mod wrong;

use std::time::Duration;

use anyhow::{Result, anyhow};
use guest_protocol::Amounts;

use crate::bench::environment::{self, Ticks};
use crate::bench::floors;
use crate::output;
use crate::testbed::{GuestArgs, TestBed};
use measure::judge::FEWEST_PAIRS;
use series::results;
use toolbox::options::SeedArgs;
use toolbox::place::Place;
use toolbox::tools::Need;
use vm::threads::{self, Threads};

/// Latency of the disk.
const LATENCY: Duration = Duration::from_micros(200);
/// Time from the start of one paced operation to the start of the next, in us. An operation is
/// shorter, polled or not, also under TCG.
const PACE_US: u64 = 1200;

/// Measure what polling costs: CPU time, wake-ups, grace periods
///
/// Builds what is missing, boots a guest with a disk and a network card, and alternates between
/// polling off and on. Measures where /proc/stat counts the time of a fixed amount of work, and
/// whether it counts handler time as idle time; how late cyclictest's wake-ups are on the CPU
/// that polls; and how long RCU's grace periods take while all CPUs poll. The loads are a disk, a
/// network card, and handlers that take a millisecond. Prints tables, and writes table.md and
/// run.json to the folder of results (target/cost unless --out names another). Takes about 15
/// minutes.
#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(flatten)]
    guest: GuestArgs,

    /// Number of rounds; each runs every measurement with polling off and on
    #[arg(long, default_value_t = FEWEST_PAIRS, value_parser = clap::value_parser!(u32).range(1..=1000))]
    rounds: u32,

    #[command(flatten)]
    seed: SeedArgs,

    /// Run two short rounds: shows only that everything works
    #[arg(long, conflicts_with = "rounds")]
    quick: bool,

    /// Also write the tables to c-shim/results/LINE/cost.md, or cost-NAME.md with --config NAME
    #[arg(long, conflicts_with_all = ["quick", "kernel", "linux"])]
    save: bool,
}

impl Args {
    fn amounts(&self) -> Amounts {
        match self.quick {
            true => Amounts {
                operations: 500,
                slow_packets: 200,
                wake_ups: 1000,
                pace_us: PACE_US,
                grace_periods: 20,
            },
            false => Amounts {
                operations: 4000,
                slow_packets: 1000,
                wake_ups: 10_000,
                pace_us: PACE_US,
                grace_periods: 200,
            },
        }
    }

    fn page(&self) -> String {
        let fragments = self.guest.kernel.fragments().iter();
        let fragments = fragments.map(|name| format!("-{name}"));
        format!("cost{}.md", fragments.collect::<String>())
    }
}

/// The settings of the one boot.
struct CostSetup {
    bed: TestBed,
    amounts: Amounts,
    seed: u64,
    rounds: u32,
    host_cpus: usize,
    threads: Threads,
    /// Conditions that make the figures less reliable.
    warnings: Vec<String>,
}

impl CostSetup {
    fn new(args: &Args, bed: TestBed) -> Result<CostSetup> {
        let mut warnings = Vec::new();
        if let Some(percent) = environment::others_load()? {
            warnings.push(format!(
                "other programs keep {percent:.0} % of this host busy: they may be the reason for \
                 late wake-ups"
            ));
        }
        let host_cpus = environment::host_cpus()?;
        let mut threads = Threads::apart_if_enough(boot::CPUS, host_cpus);
        if threads != Threads::Apart {
            let order = match host_cpus >= boot::CPUS as usize {
                true => threads::may_go_first(),
                false => Err(anyhow!(
                    "each of the guest's CPUs needs a host CPU of its own"
                )),
            };
            match order {
                Ok(()) => threads = Threads::OthersFirst,
                Err(why) => warnings.push(format!(
                    "a timer may have to wait until a time slice of the guest's CPUs ends: this \
                     host has {host_cpus} CPU(s) for {} threads, and QEMU's other threads cannot \
                     get a higher priority: {why:#}",
                    boot::CPUS + 1
                )),
            }
        }
        let rounds = if args.quick { 2 } else { args.rounds };
        warnings.extend(environment::too_few(rounds));
        Ok(CostSetup {
            bed,
            amounts: args.amounts(),
            seed: args.seed.seed(),
            rounds,
            host_cpus,
            threads,
            warnings,
        })
    }
}

pub fn main(args: Args) -> Result<()> {
    let place = Place::find()?;
    args.guest.kernel.need_series("cost")?;
    let bed = args.guest.ready(&place, "cost", &[Need::Cost])?;
    let mut setup = CostSetup::new(&args, bed)?;
    for warning in &setup.warnings {
        eprintln!("warning: {warning}");
    }
    println!("seed {}", setup.seed);

    let before = Ticks::now()?;
    let boot = boot::measure(&setup)?;
    setup.warnings.extend(environment::stolen_since(before)?);
    let cases = case::cases(&boot.gauged);
    let text = report::page(&setup, &boot, &cases);
    output::write(&setup.bed.out, "table.md", &text)?;
    let wrong = wrong::wrong(&cases, boot.facts.irq_time == Some(true));
    floors::none_of("checks that must pass on every machine failed", &wrong)?;
    if args.save {
        let folder = results::folder(&place.root, args.guest.kernel.line().name);
        output::save(&folder, &args.page(), &setup.bed.image, &text)?;
    }
    Ok(())
}
