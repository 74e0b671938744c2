// SPDX-License-Identifier: GPL-2.0
//! The disk benchmark: the RFC's three workloads, in one boot for each device latency.

pub mod boot;
pub mod cases;
pub mod controls;
pub mod count;
pub mod inside;

use std::path::Path;

use anyhow::Result;

use super::part::{BenchSetup, Part};
use boot::BlkWanted;
use vm::record::Record;

/// Boots a guest for each latency, and adds its cases to `part` before the next boot.
pub fn run(setup: &BenchSetup, record: &mut Record, out: &Path, part: &mut Part) -> Result<()> {
    for &latency_us in &setup.args.latencies {
        let wanted = BlkWanted::gain(setup, latency_us);
        let boot = boot::measure(setup, &wanted, record);
        // The record is written first: it is needed most if the guest has failed.
        record.write(out)?;
        let boot = boot?;
        let mut own = cases::cases(latency_us, &boot.measured);
        if setup.args.count {
            let counted = count::measure(setup, latency_us, record);
            record.write(out)?;
            count::add(&mut own, &counted?);
        }
        part.add(boot.facts, own);
    }
    Ok(())
}
