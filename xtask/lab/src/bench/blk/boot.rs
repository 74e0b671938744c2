// SPDX-License-Identifier: GPL-2.0
//! One boot of the disk's benchmark: the machine, the guest's orders, what came back. The order of
//! the runs is drawn in `plan.rs`, their figures are made of them in `cases.rs`.

use std::time::Duration;

use anyhow::Result;
use guest_protocol::{Bench, Facts, Measured, Report, Scenario, Segment, Shape, Variant, Workload};

use crate::bench::part::{self, BenchSetup};
use crate::bench::{Args, plan};
use kit::fault;
use kit::run::Stage;
use vm::machine::{Disk, Machine};
use vm::record::{Record, again};
use vm::session::{Limits, Plan, Rig, Session};
use vm::spent::Spent;

/// Boot, and fio's start and end, under KVM; TCG gets a multiple.
const SILENCE: Duration = Duration::from_secs(15);
/// Long enough for haltpoll's window to grow to its full size.
const WARM_UP: Duration = Duration::from_millis(1500);

/// For each job a queue by interrupt and a polled one, and as many processors: virtio-blk makes no
/// more queues than those. The half without jobs is idle but for fio's own threads.
fn machine(shape: Shape) -> Machine {
    let jobs = shape.jobs();
    Machine {
        cpus: 2 * jobs,
        poll_queues: jobs,
        ..Machine::bare()
    }
}

/// One boot's yield.
pub struct BlkBoot {
    pub facts: Facts,
    pub measured: Vec<Measured>,
}

pub fn measure(
    rig: &Rig,
    setup: &BenchSetup,
    args: &Args,
    latency_us: u64,
    record: &mut Record,
) -> Result<BlkBoot> {
    let segments = segments(setup, args, latency_us);
    let wanted = segments.len();
    let plan = plan(rig, setup, args, latency_us, segments);
    let stage = Stage::new(format!("measuring at {latency_us} us"));
    let mut boot = BlkBoot {
        facts: Facts::default(),
        measured: Vec::new(),
    };
    let session = Session::start(rig, &plan)?;
    let mut spent = Spent::by(session.pid());
    let ended = session.finish(|report| match report {
        Report::Stage { name } => {
            stage.tell(name);
            spent.begin();
        }
        Report::Facts(facts) => boot.facts = facts.clone(),
        Report::Measured(measured) => boot.measured.push(Measured {
            qemu_percent: setup.cost_of_waiting(&mut spent),
            ..measured.clone()
        }),
        _ => {}
    })?;
    record.add(&ended);
    ended.outcome?;
    let came = boot.measured.len();
    if came != wanted {
        return Err(fault::guest(format!(
            "the guest passed with {came} of {wanted} timed runs\n  reports: {}",
            ended.files.reports().display()
        )));
    }
    Ok(boot)
}

/// Another order in each boot, all from the one seed.
fn segments(setup: &BenchSetup, args: &Args, latency_us: u64) -> Vec<Segment<Workload>> {
    plan::segments(
        args.rounds,
        &Workload::ALL,
        &part::variants(Variant::BLK, setup, args),
        setup.seed.wrapping_add(latency_us),
    )
}

fn plan(
    rig: &Rig,
    setup: &BenchSetup,
    args: &Args,
    latency_us: u64,
    segments: Vec<Segment<Workload>>,
) -> Plan {
    let slack = SILENCE * setup.accel.patience();
    let segment = args.seconds + slack / 4;
    let mut machine = machine(args.shape);
    machine.disks.push(Disk::Timed {
        latency: Duration::from_micros(latency_us),
        queues: 2 * machine.poll_queues,
    });
    Plan {
        name: format!("bench-{latency_us}us"),
        image: setup.image.clone(),
        threads: setup.threads(machine.cpus),
        machine,
        accel: setup.accel,
        programs: vec![rig.tools.fio.clone()],
        limits: Limits {
            silence: args.seconds + slack,
            total: slack + segment * segments.len() as u32,
        },
        scenario: scenario(args, "vda", segments),
        rerun: again(),
    }
}

pub fn scenario(args: &Args, disk: &str, segments: Vec<Segment<Workload>>) -> Scenario {
    Scenario::Bench(Bench {
        disk: disk.into(),
        shape: args.shape,
        warm_up_ms: WARM_UP.as_millis() as u64,
        segment_ms: args.seconds.as_millis() as u64,
        segments,
        unpatched: args.unpatched,
    })
}
