// SPDX-License-Identifier: GPL-2.0
//! The network benchmark: requests and responses, and one stream in each direction, with servers
//! on this host. `xtask/vm/src/link.rs` connects the guest with them.

mod boot;
pub mod cases;
mod servers;

use std::path::Path;

use anyhow::Result;

use super::part::{BenchSetup, Part};
use vm::link::Link;
use vm::record::Record;

pub fn run(setup: &BenchSetup, record: &mut Record, out: &Path, part: &mut Part) -> Result<()> {
    let link = Link::best(&setup.rig.tools, 1)?;
    let boot = boot::measure(setup, &link, record);
    // The record is written first: it is needed most if the guest has failed.
    record.write(out)?;
    let boot = boot?;
    part.network = Some(network(&link, setup));
    part.add(boot.facts, cases::cases(&boot.measured));
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
