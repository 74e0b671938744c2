// SPDX-License-Identifier: GPL-2.0
//! The one boot of the network benchmark: the machine, its servers, the guest's orders, the
//! reported runs.

use std::time::Duration;

use anyhow::Result;
use guest_protocol::{Exchange, NetBench, NetMeasured, Report, Scenario, Variant};

use super::servers::Servers;
use crate::bench::boot::{self, BenchBoot};
use crate::bench::plan;
use crate::bench::setup::{self, BenchSetup};
use toolbox::run::Stage;
use vm::link::Link;
use vm::machine::Machine;
use vm::session::Plan;
use vm::threads::Threads;

const NAME: &str = "bench-net";
/// Length of a warm-up, in seconds: long enough for haltpoll's window to grow to its full size.
const WARM_UP_S: u64 = 2;

pub fn measure(setup: &BenchSetup, link: &Link) -> Result<BenchBoot<NetMeasured>> {
    let BenchSetup { bed, args, .. } = setup;
    let machine = Machine {
        network: link.network(),
        sends_after: setup.network_latency(),
        ..Machine::bare()
    };
    let threads = setup.threads(machine.cpus);
    let dir = bed.rig.place.logs().join(NAME);
    let beside = (threads == Threads::Apart).then_some(machine.cpus);
    let tools = &bed.rig.tools;
    let servers = Servers::start(tools, link, &dir, beside)?;
    let variants = setup::variants(Variant::NET, setup);
    let segments = plan::segments(args.rounds, Exchange::ALL, &variants, setup.seed);
    let runs = segments.len();
    // Rounded up: sockperf and iperf3 count in whole seconds.
    let segment_s = args.seconds.as_secs_f64().ceil() as u64;
    let limits = boot::limits(bed.accel.patience(), Duration::from_secs(segment_s), runs);
    let scenario = Scenario::NetBench(NetBench {
        udp_port: servers.udp_port,
        tcp_port: servers.tcp_port,
        stream_port: servers.stream_port,
        warm_up_s: WARM_UP_S,
        segment_s,
        segments,
    });
    let plan = Plan {
        programs: vec![tools.sockperf.clone(), tools.iperf3.clone()],
        threads,
        ..bed.plan(NAME, machine, scenario, limits)
    };
    let stage = Stage::new("measuring the network");
    boot::follow(bed, &plan, runs, &stage, |report, spent| {
        let Report::NetMeasured(run) = report else {
            return None;
        };
        Some(NetMeasured {
            qemu_percent: setup.cost_of_waiting(spent),
            ..run.clone()
        })
    })
}
