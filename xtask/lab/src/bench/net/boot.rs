// SPDX-License-Identifier: GPL-2.0
//! The network benchmark's one boot: the machine, its servers, the guest's orders, what came back.

use std::time::Duration;

use anyhow::Result;
use guest_protocol::{Exchange, Facts, NetBench, NetMeasured, Report, Scenario, Segment, Variant};

use super::servers::Servers;
use crate::bench::part::{self, BenchSetup};
use crate::bench::{Args, plan};
use kit::fault;
use kit::run::Stage;
use vm::link::Link;
use vm::machine::Machine;
use vm::record::{Record, again};
use vm::session::{Limits, Plan, Rig, Session};
use vm::spent::Spent;
use vm::threads::Threads;

const NAME: &str = "bench-net";
/// Boot, and a client's start and end, under KVM; TCG gets a multiple.
const SILENCE: Duration = Duration::from_secs(15);
/// Long enough for haltpoll's window to grow to its full size.
const WARM_UP_S: u64 = 2;

pub struct NetBoot {
    pub facts: Facts,
    pub measured: Vec<NetMeasured>,
}

pub fn measure(
    rig: &Rig,
    setup: &BenchSetup,
    args: &Args,
    link: &Link,
    record: &mut Record,
) -> Result<NetBoot> {
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
        &Exchange::ALL,
        &part::variants(Variant::NET, setup, args),
        setup.seed,
    );
    let wanted = segments.len();
    let plan = Plan {
        name: NAME.into(),
        image: setup.image.clone(),
        machine,
        accel: setup.accel,
        programs: [&rig.tools.sockperf, &rig.tools.iperf3, &rig.tools.ip]
            .map(Clone::clone)
            .to_vec(),
        limits: limits(setup, args, wanted as u32),
        scenario: scenario(args, link, &servers, segments),
        threads,
        rerun: again(),
    };
    let boot = follow(rig, setup, &plan, record)?;
    let came = boot.measured.len();
    if came != wanted {
        return Err(fault::guest(format!(
            "the guest passed with {came} of {wanted} timed runs\n  logs: {}",
            dir.display()
        )));
    }
    Ok(boot)
}

fn follow(rig: &Rig, setup: &BenchSetup, plan: &Plan, record: &mut Record) -> Result<NetBoot> {
    let stage = Stage::new("measuring the network");
    let mut boot = NetBoot {
        facts: Facts::default(),
        measured: Vec::new(),
    };
    let session = Session::start(rig, plan)?;
    let mut spent = Spent::by(session.pid());
    let ended = session.finish(|report| match report {
        Report::Stage { name } => {
            stage.tell(name);
            spent.begin();
        }
        Report::Facts(facts) => boot.facts = facts.clone(),
        Report::NetMeasured(measured) => boot.measured.push(NetMeasured {
            qemu_percent: setup.cost_of_waiting(&mut spent),
            ..measured.clone()
        }),
        _ => {}
    })?;
    record.add(&ended);
    ended.outcome?;
    Ok(boot)
}

fn limits(setup: &BenchSetup, args: &Args, segments: u32) -> Limits {
    let slack = SILENCE * setup.accel.patience();
    let segment = Duration::from_secs(segment_s(args));
    Limits {
        silence: segment + slack,
        total: slack + (segment + slack / 4) * segments,
    }
}

/// sockperf and iperf3 count in whole seconds.
fn segment_s(args: &Args) -> u64 {
    args.seconds.as_secs_f64().ceil() as u64
}

fn scenario(
    args: &Args,
    link: &Link,
    servers: &Servers,
    segments: Vec<Segment<Exchange>>,
) -> Scenario {
    let (address, prefix) = link.guest();
    Scenario::NetBench(NetBench {
        address,
        prefix,
        server: link.server(),
        udp_port: servers.udp_port,
        tcp_port: servers.tcp_port,
        stream_port: servers.stream_port,
        warm_up_s: WARM_UP_S,
        segment_s: segment_s(args),
        busy_us: args.busy_poll,
        segments,
        unpatched: args.unpatched,
    })
}
