// SPDX-License-Identifier: GPL-2.0
//! One boot of the disk's benchmark: the machine, the guest's orders, what came back. The order of
//! the runs is drawn in `plan.rs`, their figures are made of them in `cases.rs`.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use guest_protocol::{Bench, Measured, Report, Scenario, Segment, Shape, Variant, Workload};

use crate::bench::boot::{self, BenchBoot};
use crate::bench::part::{self, BenchSetup};
use crate::bench::{Args, plan};
use toolbox::run::Stage;
use vm::accel::Accelerator;
use vm::machine::{Disk, Machine};
use vm::record::{Record, again};
use vm::session::Plan;

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

/// What one boot measures.
pub struct BlkWanted {
    pub latency_us: u64,
    pub workloads: &'static [Workload],
    pub variants: Vec<Variant>,
    /// With a second disk that does nothing, and the disks' thread polling for so long (None: as
    /// QEMU does); not where only the gain is asked for.
    pub controls: Option<IothreadPoll>,
    /// The plugin, where instructions are counted instead of time.
    pub counter: Option<PathBuf>,
}

/// As QEMU is told it, in ns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IothreadPoll(pub Option<u64>);

impl BlkWanted {
    /// The gain, in all workloads.
    pub fn gain(setup: &BenchSetup, latency_us: u64) -> BlkWanted {
        BlkWanted {
            latency_us,
            workloads: Workload::ALL,
            variants: part::variants(Variant::BLK, setup),
            controls: None,
            counter: None,
        }
    }

    fn name(&self) -> String {
        let latency_us = self.latency_us;
        match self.controls {
            None if self.counter.is_some() => format!("bench-{latency_us}us-counted"),
            None => format!("bench-{latency_us}us"),
            Some(IothreadPoll(None)) => format!("bench-{latency_us}us-controls"),
            Some(IothreadPoll(Some(ns))) => format!("bench-{latency_us}us-controls-poll-{ns}ns"),
        }
    }
}

pub fn measure(
    setup: &BenchSetup,
    wanted: &BlkWanted,
    record: &mut Record,
) -> Result<BenchBoot<Measured>> {
    let segments = segments(setup, wanted);
    let runs = segments.len();
    let plan = plan(setup, wanted, segments);
    let stage = Stage::new(format!("measuring at {} us", wanted.latency_us));
    boot::follow(setup.rig, &plan, runs, &stage, record, |report, spent| {
        let Report::Measured(run) = report else {
            return None;
        };
        Some(Measured {
            qemu_percent: setup.cost_of_waiting(spent),
            ..run.clone()
        })
    })
}

/// Another order in each boot, all from the one seed.
fn segments(setup: &BenchSetup, wanted: &BlkWanted) -> Vec<Segment<Workload>> {
    plan::segments(
        setup.args.rounds,
        wanted.workloads,
        &wanted.variants,
        setup.seed.wrapping_add(wanted.latency_us),
    )
}

fn plan(setup: &BenchSetup, wanted: &BlkWanted, segments: Vec<Segment<Workload>>) -> Plan {
    let (accel, patience) = match wanted.counter {
        // KVM has no plugins, which slow the guest down; the count is the same.
        Some(_) => (Accelerator::Tcg, 2 * Accelerator::Tcg.patience()),
        None => (setup.accel, setup.accel.patience()),
    };
    let mut machine = machine(setup.args.shape);
    let disk = Disk::Timed {
        latency: Duration::from_micros(wanted.latency_us),
        queues: 2 * machine.poll_queues,
    };
    machine.disks.push(disk.clone());
    machine.counter = wanted.counter.clone();
    if let Some(IothreadPoll(ns)) = wanted.controls {
        machine.disks.push(disk);
        machine.iothread_poll = ns.map(Duration::from_nanos);
    }
    Plan {
        name: wanted.name(),
        image: setup.image.clone(),
        threads: setup.threads(machine.cpus),
        machine,
        accel,
        programs: vec![setup.rig.tools.fio.clone()],
        limits: boot::limits(patience, setup.args.seconds, segments.len()),
        scenario: Scenario::Bench(Bench {
            counted: wanted.counter.is_some(),
            ..bench(&setup.args, "vda", wanted.controls.map(|_| "vdb"), segments)
        }),
        rerun: again(),
    }
}

pub fn bench(
    args: &Args,
    disk: &str,
    decoy: Option<&str>,
    segments: Vec<Segment<Workload>>,
) -> Bench {
    Bench {
        disk: disk.into(),
        decoy: decoy.map(Into::into),
        shape: args.shape,
        warm_up_ms: plan::WARM_UP.as_millis() as u64,
        segment_ms: args.seconds.as_millis() as u64,
        segments,
        counted: false,
    }
}
