// SPDX-License-Identifier: GPL-2.0
//! One boot of the benchmark: the machine, the guest's orders, what came back. The order of the
//! runs is drawn in `plan.rs`, their figures are made of them in `results.rs`.

use std::time::{Duration, SystemTime};

use anyhow::Result;
use guest_init::{Bench, Facts, Measured, Report, Scenario, Segment, Shape, Variant};

use super::{Args, ROUNDS, environment, plan};
use crate::fault;
use crate::guest::accel::Accelerator;
use crate::guest::image::Image;
use crate::guest::machine::{Disk, Machine};
use crate::guest::record::{Record, again};
use crate::guest::session::{Limits, Plan, Rig, Session};
use crate::run::Stage;

/// Boot, and fio's start and end, under KVM; TCG gets a multiple.
const SILENCE: Duration = Duration::from_secs(15);
/// Long enough for haltpoll's window to grow to its full size.
const WARM_UP: Duration = Duration::from_millis(1500);
/// A host that others load more than this measures them, too.
const BUSY: f64 = 0.1;

/// What all boots of one bench share.
pub struct Setup {
    pub image: Image,
    pub accel: Accelerator,
    /// Its disk is added for each boot.
    pub machine: Machine,
    pub seed: u64,
    /// The machine's threads get processors of their own.
    pub pin: bool,
    pub warnings: Vec<String>,
}

impl Setup {
    pub fn new(args: &Args, image: Image, accel: Accelerator) -> Result<Setup> {
        let machine = machine(args.shape);
        let host = environment::host_cpus()?;
        // One for each of the guest's processors, one for the disk's thread.
        let pin = host > machine.cpus as usize;
        let clock = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let from_clock = clock.map_or(0, |now| now.as_secs());
        Ok(Setup {
            image,
            accel,
            machine,
            seed: args.seed.unwrap_or(from_clock),
            pin,
            warnings: warnings(args, host)?,
        })
    }
}

/// What makes the figures worth less.
fn warnings(args: &Args, host: usize) -> Result<Vec<String>> {
    let mut warnings = Vec::new();
    let busy = args.shape.jobs() as usize + 1;
    if busy > host {
        warnings.push(format!(
            "{} jobs and the disk's thread keep {busy} processors busy, this host has {host}: \
             the guest takes time from its own device",
            args.shape.jobs()
        ));
    }
    let load = environment::host_load()?;
    if load > BUSY {
        warnings.push(format!(
            "others keep {:.0} % of this host busy: polling takes from them and they from it",
            load * 100.0
        ));
    }
    if args.rounds < ROUNDS {
        warnings.push(format!(
            "{} rounds are too few for an interval",
            args.rounds
        ));
    }
    if args.unpatched {
        warnings.push("an unpatched kernel: poll_source is not measured".into());
    }
    Ok(warnings)
}

/// For each job a queue by interrupt and a polled one, and as many processors: virtio-blk makes no
/// more queues than those. The half without jobs is idle but for fio's own threads.
fn machine(shape: Shape) -> Machine {
    let jobs = shape.jobs();
    Machine {
        cpus: 2 * jobs,
        disks: Vec::new(),
        poll_queues: jobs,
        network: false,
        board: None,
    }
}

/// One boot's yield.
pub struct Boot {
    pub facts: Facts,
    pub measured: Vec<Measured>,
}

pub fn measure(
    rig: &Rig,
    setup: &Setup,
    args: &Args,
    latency_us: u64,
    record: &mut Record,
) -> Result<Boot> {
    let segments = segments(setup, args, latency_us);
    let wanted = segments.len();
    let plan = plan(rig, setup, args, latency_us, segments);
    let stage = Stage::new(format!("measuring at {latency_us} us"));
    let mut boot = Boot {
        facts: Facts::default(),
        measured: Vec::new(),
    };
    let ended = Session::start(rig, &plan)?.finish(|report| match report {
        Report::Stage { name } => stage.tell(name),
        Report::Facts(facts) => boot.facts = facts.clone(),
        Report::Measured(measured) => boot.measured.push(measured.clone()),
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
fn segments(setup: &Setup, args: &Args, latency_us: u64) -> Vec<Segment> {
    let variants: Vec<Variant> = Variant::ALL
        .into_iter()
        .filter(|&variant| !(args.unpatched && variant == Variant::PollSource))
        .collect();
    plan::segments(args.rounds, &variants, setup.seed.wrapping_add(latency_us))
}

fn plan(rig: &Rig, setup: &Setup, args: &Args, latency_us: u64, segments: Vec<Segment>) -> Plan {
    let slack = SILENCE * setup.accel.patience();
    let segment = args.seconds + slack / 4;
    let mut machine = setup.machine.clone();
    machine.disks.push(Disk::Timed {
        latency: Duration::from_micros(latency_us),
        queues: 2 * machine.poll_queues,
    });
    Plan {
        name: format!("bench-{latency_us}us"),
        image: setup.image.clone(),
        machine,
        accel: setup.accel,
        programs: vec![rig.tools.fio.clone()],
        limits: Limits {
            silence: args.seconds + slack,
            total: slack + segment * segments.len() as u32,
        },
        scenario: scenario(args, segments),
        pin: setup.pin,
        rerun: again(),
    }
}

fn scenario(args: &Args, segments: Vec<Segment>) -> Scenario {
    Scenario::Bench(Bench {
        disk: "vda".into(),
        shape: args.shape,
        warm_up_ms: WARM_UP.as_millis() as u64,
        segment_ms: args.seconds.as_millis() as u64,
        segments,
        unpatched: args.unpatched,
    })
}
