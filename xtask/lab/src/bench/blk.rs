// SPDX-License-Identifier: GPL-2.0
//! The disk: the RFC's three workloads, one boot for each device latency.

pub mod boot;
pub mod cases;
pub mod controls;
pub mod count;
mod floors;
pub mod inside;
mod table;

use std::path::Path;

use anyhow::Result;
use guest_protocol::{Facts, Measured, Pace};

use super::Args;
use super::part::{BenchSetup, Part};
use boot::BlkWanted;
use measure::results::{BlkCase, Comparison};
use measure::scale::Scale;
use vm::record::Record;
use vm::session::Rig;

pub struct Blk {
    /// The last boot's; they differ between boots in nothing that matters.
    facts: Facts,
    latencies: Vec<u64>,
    jobs: u32,
    /// The jobs in words.
    shape: String,
    pace: Pace,
    cases: Vec<BlkCase>,
}

pub fn run(
    rig: &Rig,
    setup: &BenchSetup,
    args: &Args,
    record: &mut Record,
    out: &Path,
) -> Result<Box<dyn Part>> {
    let mut blk = Blk {
        facts: Facts::default(),
        latencies: args.latencies.clone(),
        jobs: args.shape.jobs(),
        shape: shape(args),
        pace: setup.pace,
        cases: Vec::new(),
    };
    for &latency_us in &args.latencies {
        let wanted = BlkWanted::gain(setup, args, latency_us);
        let boot = boot::measure(rig, setup, args, &wanted, record);
        // Also, and above all, after a guest that went wrong.
        record.write(out)?;
        let boot = boot?;
        let mut own = cases::cases(latency_us, &boot.measured);
        if args.count {
            let counted = count::measure(rig, setup, args, latency_us, record);
            record.write(out)?;
            count::add(&mut own, &counted?);
        }
        blk.cases.extend(own);
        blk.facts = boot.facts;
    }
    Ok(Box::new(blk))
}

impl Blk {
    /// Of one boot, of which nothing else is known.
    pub fn of_boot(
        setup: &BenchSetup,
        args: &Args,
        latency_us: u64,
        facts: Facts,
        measured: &[Measured],
    ) -> Blk {
        let mut cases = cases::cases(latency_us, measured);
        // A disk with something on it is not written to.
        cases.retain(|blk| !blk.case.variants.is_empty());
        Blk {
            facts,
            latencies: vec![latency_us],
            jobs: args.shape.jobs(),
            shape: shape(args),
            pace: setup.pace,
            cases,
        }
    }
}

fn shape(args: &Args) -> String {
    let jobs = args.shape.jobs();
    let queues = match jobs {
        1 => "1 virtqueue".into(),
        many => format!("{many} virtqueues"),
    };
    format!(
        "numjobs={jobs}, iodepth=1, {queues}; medians of {} rounds",
        args.rounds
    )
}

impl Part for Blk {
    fn name(&self) -> &'static str {
        "blk"
    }

    fn facts(&self) -> &Facts {
        &self.facts
    }

    fn cases(&self) -> Vec<Comparison> {
        self.cases.iter().map(|blk| blk.case.clone()).collect()
    }

    fn tables(&self) -> String {
        let scale = Scale::of(Some(self.pace), self.facts.pace);
        let of_latency = |&latency_us: &u64| {
            let own: Vec<&BlkCase> = self
                .cases
                .iter()
                .filter(|blk| blk.latency_us == latency_us)
                .collect();
            let about = table::About {
                latency_us,
                jobs: self.jobs,
                shape: &self.shape,
                scale: scale.as_ref(),
            };
            table::of_latency(&about, &own)
        };
        self.latencies.iter().map(of_latency).collect()
    }

    fn missed(&self) -> Vec<String> {
        floors::missed(&self.cases)
    }
}
