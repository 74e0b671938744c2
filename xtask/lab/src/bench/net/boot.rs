// SPDX-License-Identifier: GPL-2.0
//! The one boot of the network benchmark: the machine, its servers, the guest's orders, the
//! reported runs.

use std::time::Duration;

use anyhow::Result;
use guest_protocol::{Exchange, NetBench, NetMeasured, Report, Scenario, Segment, Variant};

use super::servers::Servers;
use crate::bench::boot::{self, BenchBoot};
use crate::bench::part::{self, BenchSetup};
use crate::bench::{Args, plan};
use toolbox::run::Stage;
use vm::link::Link;
use vm::machine::Machine;
use vm::record::{Record, again};
use vm::session::Plan;
use vm::threads::Threads;

const NAME: &str = "bench-net";
/// Length of a warm-up, in seconds: long enough for haltpoll's window to grow to its full size.
const WARM_UP_S: u64 = 2;

pub fn measure(
    setup: &BenchSetup,
    link: &Link,
    record: &mut Record,
) -> Result<BenchBoot<NetMeasured>> {
    let BenchSetup { rig, args, .. } = setup;
    let machine = Machine {
        network: link.network(),
        sends_after: setup.network_latency(),
        ..Machine::bare()
    };
    let threads = setup.threads(machine.cpus);
    let dir = rig.place.logs().join(NAME);
    let servers = Servers::start(
        &rig.tools,
        link,
        &dir,
        (threads == Threads::Apart).then_some(machine.cpus),
    )?;
    let segments = plan::segments(
        args.rounds,
        Exchange::ALL,
        &part::variants(Variant::NET, setup),
        setup.seed,
    );
    let runs = segments.len();
    let plan = Plan {
        name: NAME.into(),
        image: setup.image.clone(),
        machine,
        accel: setup.accel,
        programs: vec![rig.tools.sockperf.clone(), rig.tools.iperf3.clone()],
        limits: boot::limits(
            setup.accel.patience(),
            Duration::from_secs(segment_s(args)),
            runs,
        ),
        scenario: scenario(args, &servers, segments),
        threads,
        rerun: again(),
    };
    let stage = Stage::new("measuring the network");
    boot::follow(rig, &plan, runs, &stage, record, |report, spent| {
        let Report::NetMeasured(run) = report else {
            return None;
        };
        Some(NetMeasured {
            qemu_percent: setup.cost_of_waiting(spent),
            ..run.clone()
        })
    })
}

/// Returns the length of a timed run in seconds, rounded up: sockperf and iperf3 count in whole
/// seconds.
fn segment_s(args: &Args) -> u64 {
    args.seconds.as_secs_f64().ceil() as u64
}

fn scenario(args: &Args, servers: &Servers, segments: Vec<Segment<Exchange>>) -> Scenario {
    Scenario::NetBench(NetBench {
        udp_port: servers.udp_port,
        tcp_port: servers.tcp_port,
        stream_port: servers.stream_port,
        warm_up_s: WARM_UP_S,
        segment_s: segment_s(args),
        segments,
    })
}
