// SPDX-License-Identifier: GPL-2.0
//! The network benchmark: requests and responses, and one stream in each direction, with servers
//! on this host. `xtask/vm/src/link.rs` connects the guest with them.

mod boot;
pub mod cases;
mod servers;

use anyhow::Result;

use super::report;
use super::setup::BenchSetup;
use measure::results::Results;
use vm::link::Link;

pub fn run(setup: &BenchSetup, results: &mut Results) -> Result<()> {
    let link = Link::best(&setup.bed.rig.tools, 1)?;
    let boot = boot::measure(setup, &link)?;
    results.env.network = Some(network(&link, setup));
    report::add(results, boot.facts, cases::cases(&boot.measured));
    Ok(())
}

/// Describes the network for the tables.
fn network(link: &Link, setup: &BenchSetup) -> String {
    match setup.network_latency() {
        Some(wait) => format!(
            "{}, packets sent after {} us",
            link.name(),
            wait.as_micros()
        ),
        None => link.name().to_owned(),
    }
}
