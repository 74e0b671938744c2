// SPDX-License-Identifier: GPL-2.0
//! The disk benchmark: the RFC's three workloads, in one boot for each device latency.

pub mod boot;
pub mod cases;
pub mod controls;
pub mod count;
pub mod inside;

use anyhow::Result;

use super::report;
use super::setup::BenchSetup;
use boot::BlkWanted;
use measure::results::Results;

/// Boots a guest for each latency, and adds its cases to the results before the next boot.
pub fn run(setup: &BenchSetup, results: &mut Results) -> Result<()> {
    for &latency_us in &setup.args.latencies {
        let boot = boot::measure(setup, &BlkWanted::gain(setup, latency_us))?;
        let mut own = cases::cases(latency_us, &boot.measured);
        if setup.args.count {
            count::add(&mut own, &count::measure(setup, latency_us)?);
        }
        report::add(results, boot.facts, own);
    }
    Ok(())
}
