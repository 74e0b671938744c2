// SPDX-License-Identifier: GPL-2.0
//! `boot-test --scenario watch`: a guest to look at. What the kernel counts of each source, second by second.

use std::io::{IsTerminal, stdout};
use std::time::Duration;

use anyhow::Result;
use guest_protocol::{Report, Scenario, Source, Watch};

use crate::options::GuestArgs;
use measure::table;
use toolbox::place::Place;
use toolbox::tools::Need;
use vm::machine::{Disk, Machine, Network};
use vm::record::again;
use vm::session::{Limits, Plan, Session};
use vm::threads::Threads;

/// Boot, and fio's start and end, under KVM; TCG gets a multiple.
const SILENCE: Duration = Duration::from_secs(15);

#[derive(clap::Args, Debug)]
#[command(next_help_heading = "With --scenario watch")]
pub struct Options {
    /// How long to look
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=3600))]
    seconds: u32,

    /// The disk's latency, in microseconds
    #[arg(long, value_name = "US", default_value_t = 100)]
    latency: u64,
}

/// Boots a guest with every device polled and a disk at work, and prints once a second what
/// /sys/kernel/debug/poll_source/sources says there, as rates. In a guest of your own:
/// watch -n 1 cat /sys/kernel/debug/poll_source/sources
pub fn run(place: &Place, guest: &GuestArgs, args: &Options) -> Result<()> {
    let (rig, image, accel) = guest.ready(place, &[Need::Fio])?;
    let slack = SILENCE * accel.patience();
    let disk = Disk::Timed {
        latency: Duration::from_micros(args.latency),
        queues: 1,
    };
    let plan = Plan {
        name: "watch".into(),
        image,
        machine: Machine {
            cpus: 1,
            disks: vec![disk],
            network: Network::Shut,
            ..Machine::bare()
        },
        accel,
        scenario: Scenario::Watch(Watch {
            disk: "vda".into(),
            seconds: args.seconds,
        }),
        programs: vec![rig.tools.fio.clone()],
        limits: Limits {
            silence: slack,
            total: slack * 2 + Duration::from_secs(args.seconds.into()),
        },
        threads: Threads::Anywhere,
        rerun: again(),
    };
    let mut last: Option<(u64, Vec<Source>)> = None;
    let ended = Session::start(&rig, &plan)?.finish(|report| {
        let Report::Sources { at_ms, sources } = report else {
            return;
        };
        if let Some((from_ms, from)) = last.replace((*at_ms, sources.clone())) {
            show(*at_ms, &rates(at_ms - from_ms, &from, sources));
        }
    })?;
    ended.outcome
}

/// In place of the last table on a terminal, below it elsewhere.
fn show(at_ms: u64, rows: &[Vec<String>]) {
    if stdout().is_terminal() {
        print!("\x1b[2J\x1b[H");
    }
    println!(
        "{:.0} s, per second:\n{}",
        at_ms as f64 / 1e3,
        table::render(rows)
    );
}

/// What each source did between two readings, in a second.
fn rates(ms: u64, from: &[Source], to: &[Source]) -> Vec<Vec<String>> {
    let head = [
        "source", "irq", "CPU", "waits", "looks", "hits", "missed", "irqs", "time",
    ];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    for source in to {
        let Some(before) = from.iter().find(|before| before.name == source.name) else {
            continue;
        };
        let rate = |of: fn(&Source) -> u64| {
            let gone = of(source).saturating_sub(of(before));
            gone as f64 * 1e3 / ms.max(1) as f64
        };
        let count = |of| format!("{:.0}", rate(of));
        rows.push(vec![
            source.name.clone(),
            source.irq.to_string(),
            source.cpu.to_string(),
            count(|source| source.episodes),
            count(|source| source.looks),
            count(|source| source.hits),
            count(|source| source.missed),
            count(|source| source.interrupts),
            format!("{:.1} %", rate(|source| source.time_us) / 1e4),
        ]);
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_of_what_went_by() {
        let source = |hits, time_us| Source {
            name: "virtio0/req.0".into(),
            irq: 26,
            hits,
            time_us,
            ..Source::default()
        };
        let rows = rates(500, &[source(100, 0)], &[source(1100, 50_000)]);
        assert_eq!(rows[1][..3], ["virtio0/req.0", "26", "0"]);
        assert_eq!(
            (rows[1][5].as_str(), rows[1][8].as_str()),
            ("2000", "10.0 %")
        );
        assert_eq!(
            rates(500, &[], &[source(1, 1)]).len(),
            1,
            "new: no rate yet"
        );
    }
}
