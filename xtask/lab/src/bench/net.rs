// SPDX-License-Identifier: GPL-2.0
//! The network card: requests and responses, and one stream each way, with servers on this host.
//! Over what: `guest/link.rs`.

mod boot;
mod cases;
mod floors;
mod servers;
mod table;

use std::path::Path;

use anyhow::Result;
use guest_protocol::Facts;

use super::Args;
use super::part::{BenchSetup, Part};
use measure::results::{Comparison, NetCase};
use vm::link::Link;
use vm::record::Record;
use vm::session::Rig;

pub struct Net {
    facts: Facts,
    network: String,
    rounds: u32,
    cases: Vec<NetCase>,
}

pub fn run(
    rig: &Rig,
    setup: &BenchSetup,
    args: &Args,
    record: &mut Record,
    out: &Path,
) -> Result<Box<dyn Part>> {
    let link = Link::best(&rig.tools, 1)?;
    let boot = boot::measure(rig, setup, args, &link, record);
    // Also, and above all, after a guest that went wrong.
    record.write(out)?;
    let boot = boot?;
    Ok(Box::new(Net {
        facts: boot.facts,
        network: network(&link, setup),
        rounds: args.rounds,
        cases: cases::cases(&boot.measured, args.busy_poll.is_none()),
    }))
}

/// As a reader of the tables is to know it.
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

impl Part for Net {
    fn name(&self) -> &'static str {
        "net"
    }

    fn facts(&self) -> &Facts {
        &self.facts
    }

    fn cases(&self) -> Vec<Comparison> {
        self.cases.iter().map(|net| net.case.clone()).collect()
    }

    fn tables(&self) -> String {
        table::tables(&self.network, self.rounds, &self.cases)
    }

    fn missed(&self) -> Vec<String> {
        floors::missed(&self.cases)
    }

    fn network(&self) -> Option<&str> {
        Some(&self.network)
    }
}
