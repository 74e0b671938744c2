// SPDX-License-Identifier: GPL-2.0
//! One boot of the disk benchmark: the machine, the guest's orders, the runs that it reports.
//! `plan.rs` draws the order of the runs, `cases.rs` computes their figures.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use guest_protocol::{Bench, Measured, Report, Scenario, Segment, Shape, Variant, Workload};

use crate::bench::boot::{self, BenchBoot};
use crate::bench::plan;
use crate::bench::setup::{self, BenchSetup};
use toolbox::run::Stage;
use vm::accel::Accelerator;
use vm::machine::{Disk, Machine};
use vm::session::Plan;

/// Each job has a queue with an interrupt and a poll queue. virtio-blk creates no more queues
/// than there are CPUs, so there are two CPUs for each job. The half of the CPUs without jobs is
/// idle, except for fio's own threads.
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
    pub rounds: u32,
    /// Length of one timed run.
    pub seconds: Duration,
    /// For the controls: there is a second disk that does nothing, and the disks' thread polls
    /// for this long. None: only the gain is measured.
    pub controls: Option<IothreadPoll>,
    /// The plugin that counts instructions; None: time is measured.
    pub counter: Option<PathBuf>,
}

/// How long QEMU's iothread polls (`poll-max-ns`), in ns. None: QEMU's default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IothreadPoll(pub Option<u64>);

impl BlkWanted {
    /// For the gain: all workloads, in the variants that this kernel has.
    pub fn gain(setup: &BenchSetup, latency_us: u64) -> BlkWanted {
        BlkWanted {
            latency_us,
            workloads: Workload::ALL,
            variants: setup::variants(Variant::BLK, setup),
            rounds: setup.args.rounds,
            seconds: setup.args.seconds,
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

pub fn measure(setup: &BenchSetup, wanted: &BlkWanted) -> Result<BenchBoot<Measured>> {
    // The order of the runs depends only on the seed and the latency.
    let segments = plan::segments(
        wanted.rounds,
        wanted.workloads,
        &wanted.variants,
        setup.seed.wrapping_add(wanted.latency_us),
    );
    let runs = segments.len();
    let plan = plan(setup, wanted, segments);
    let stage = Stage::new(format!("measuring at {} us", wanted.latency_us));
    boot::follow(&setup.bed, &plan, runs, &stage, |report, spent| {
        let Report::Measured(run) = report else {
            return None;
        };
        Some(Measured {
            qemu_percent: setup.cost_of_waiting(spent),
            ..run.clone()
        })
    })
}

fn plan(setup: &BenchSetup, wanted: &BlkWanted, segments: Vec<Segment<Workload>>) -> Plan {
    let bed = &setup.bed;
    let (accel, patience) = match wanted.counter {
        // Plugins need TCG, and slow the guest down. Under KVM the count would be the same.
        Some(_) => (Accelerator::Tcg, 2 * Accelerator::Tcg.patience()),
        None => (bed.accel, bed.accel.patience()),
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
    let limits = boot::limits(patience, wanted.seconds, segments.len());
    let scenario = Scenario::Bench(Bench {
        counted: wanted.counter.is_some(),
        decoy: wanted.controls.map(|_| "vdb".into()),
        ..bench("vda", setup.args.shape, wanted.seconds, segments)
    });
    Plan {
        threads: setup.threads(machine.cpus),
        accel,
        programs: vec![bed.rig.tools.fio.clone()],
        ..bed.plan(wanted.name(), machine, scenario, limits)
    }
}

/// Returns the orders for a disk, whose runs are only timed.
pub fn bench(
    disk: &str,
    shape: Shape,
    seconds: Duration,
    segments: Vec<Segment<Workload>>,
) -> Bench {
    Bench {
        disk: disk.into(),
        decoy: None,
        shape,
        warm_up_ms: plan::WARM_UP.as_millis() as u64,
        segment_ms: seconds.as_millis() as u64,
        segments,
        counted: false,
    }
}
