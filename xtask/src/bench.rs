// SPDX-License-Identifier: GPL-2.0
//! `bench`: the RFC's three workloads with polling off and on, one boot for each device latency,
//! all variants by turns in it. Why pairs: `bench/stats.rs`. In which order: `bench/plan.rs`.

mod environment;
mod floors;
mod plan;
mod plot;
mod results;
mod stats;
mod table;

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result};
use guest_init::{Bench, Facts, Measured, Report, Scenario, Segment, Shape, Variant};

use crate::fault;
use crate::guest::accel::{self, Accelerator};
use crate::guest::image::{Image, KernelArgs};
use crate::guest::machine::{Disk, Machine};
use crate::guest::record::{Record, again};
use crate::guest::session::{Limits, Plan, Rig, Session};
use crate::options::{AccelArgs, OutArgs};
use crate::place::Place;
use crate::run::Stage;
use results::{Case, Results};

/// Boot, and fio's start and end, under KVM; TCG gets a multiple.
const SILENCE: Duration = Duration::from_secs(15);
/// Long enough for haltpoll's window to grow to its full size.
const WARM_UP: Duration = Duration::from_millis(1500);
/// Fewer pairs than this give no interval worth its name.
const ROUNDS: u32 = 8;

/// Measure polling off and on in one boot
///
/// Builds what is missing and runs 4k randread, randwrite and randrw (direct, iodepth=1, io_uring)
/// on a virtio disk with a set latency, in three variants: before (haltpoll alone), poll_source,
/// io_poll. Prints the RFC's table and leaves table.md, results.json, gain.svg and run.json in the
/// folder of results (target/bench unless --out says otherwise). Takes about 10 minutes.
#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(flatten)]
    kernel: KernelArgs,
    #[command(flatten)]
    accel: AccelArgs,
    #[command(flatten)]
    out: OutArgs,

    /// Device latencies in microseconds
    #[arg(long, value_name = "US", value_delimiter = ',', default_values_t = [0, 100, 400])]
    latencies: Vec<u64>,

    /// Pairs of each kind
    #[arg(long, default_value_t = ROUNDS, value_parser = clap::value_parser!(u32).range(1..=1000))]
    rounds: u32,

    /// Length of one timed run
    #[arg(long, value_parser = seconds, default_value = "1.5")]
    seconds: Duration,

    /// fit: one job on one of two processors; rfc: four jobs, processors and queues
    #[arg(long, value_parser = shape, default_value = "fit")]
    shape: Shape,

    /// Draws the order of the runs [default: from the clock]
    #[arg(long)]
    seed: Option<u64>,

    /// Two short rounds at 100 us: shows that everything works, and no more
    #[arg(long, conflicts_with_all = ["latencies", "rounds", "seconds"])]
    quick: bool,

    /// Fail with 1 if the gain is below what a two-core machine under TCG must reach
    #[arg(long)]
    assert_floors: bool,

    /// The kernel lacks the feature: measure before and io_poll, on whatever idle loop it has
    #[arg(long, requires = "kernel", conflicts_with = "assert_floors")]
    unpatched: bool,
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "not a number".to_owned())?;
    if !(0.1..=600.0).contains(&seconds) {
        return Err("must be from 0.1 to 600".into());
    }
    Ok(Duration::from_secs_f64(seconds))
}

fn shape(text: &str) -> Result<Shape, String> {
    match text {
        "fit" => Ok(Shape::Fit),
        "rfc" => Ok(Shape::Rfc),
        _ => Err("must be fit or rfc".into()),
    }
}

pub fn main(mut args: Args) -> Result<()> {
    if args.quick {
        args.latencies = vec![100];
        args.rounds = 2;
        args.seconds = Duration::from_millis(500);
    }
    args.latencies.sort_unstable();
    args.latencies.dedup();
    let place = Place::find()?;
    let out = args
        .out
        .out
        .clone()
        .unwrap_or_else(|| place.target().join("bench"));
    fs::create_dir_all(&out).with_context(|| format!("creating {}", out.display()))?;
    let rig = Rig::with_tools(&place, args.kernel.tools(&place)?)?;
    let image = args.kernel.image(&place)?;
    let accel = accel::choose(&rig, &image, args.accel.accel)?;
    let setup = Setup::new(&args, image, accel)?;
    for warning in &setup.warnings {
        eprintln!("warning: {warning}");
    }
    println!("seed {}", setup.seed);

    let mut record = Record::new(&rig, &setup.image, accel);
    let mut cases = Vec::new();
    let mut facts = Facts::default();
    for &latency_us in &args.latencies {
        let boot = measure(&rig, &setup, &args, latency_us, &mut record);
        // Also, and above all, after a guest that went wrong.
        record.write(&out)?;
        let boot = boot?;
        cases.extend(results::cases(latency_us, &boot.measured));
        facts = boot.facts;
    }
    report(&rig, &setup, &args, facts, &cases, &out)?;
    println!("results in {}", out.display());
    if args.assert_floors {
        assert_floors(&cases)?;
    }
    Ok(())
}

/// What all boots of one bench share.
struct Setup {
    image: Image,
    accel: Accelerator,
    machine: Machine,
    seed: u64,
    pin: bool,
    warnings: Vec<String>,
}

impl Setup {
    fn new(args: &Args, image: Image, accel: Accelerator) -> Result<Setup> {
        let machine = machine(args.shape);
        let host = environment::host_cpus()?;
        // One for each of the guest's processors, one for the disk's thread.
        let pin = host > machine.cpus as usize;
        let mut warnings = Vec::new();
        let busy = args.shape.jobs() as usize + 1;
        if busy > host {
            warnings.push(format!(
                "{} jobs and the disk's thread keep {busy} processors busy, this host has {host}: \
                 the guest takes time from its own device",
                args.shape.jobs()
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
        let clock = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let from_clock = clock.map_or(0, |now| now.as_secs());
        Ok(Setup {
            image,
            accel,
            machine,
            seed: args.seed.unwrap_or(from_clock),
            pin,
            warnings,
        })
    }
}

/// The disk is set per boot. virtio-blk makes no more queues than there could be processors, and a
/// polled queue is one that jobs by interrupt cannot use.
fn machine(shape: Shape) -> Machine {
    let queues = match shape {
        Shape::Fit => 1,
        Shape::Rfc => 4,
    };
    let cpus = match shape {
        Shape::Fit => 2,
        Shape::Rfc => 4,
    };
    Machine {
        cpus,
        possible_cpus: 2 * queues,
        disks: Vec::new(),
        poll_queues: queues,
        network: false,
    }
}

/// One boot's yield.
struct Boot {
    facts: Facts,
    measured: Vec<Measured>,
}

fn measure(
    rig: &Rig,
    setup: &Setup,
    args: &Args,
    latency_us: u64,
    record: &mut Record,
) -> Result<Boot> {
    let plan = plan(rig, setup, args, latency_us);
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
    Ok(boot)
}

fn plan(rig: &Rig, setup: &Setup, args: &Args, latency_us: u64) -> Plan {
    let variants: Vec<Variant> = Variant::ALL
        .into_iter()
        .filter(|&variant| !(args.unpatched && variant == Variant::PollSource))
        .collect();
    // Another order in each boot, from the one seed.
    let segments = plan::segments(args.rounds, &variants, setup.seed.wrapping_add(latency_us));
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

fn report(
    rig: &Rig,
    setup: &Setup,
    args: &Args,
    facts: Facts,
    cases: &[Case],
    out: &Path,
) -> Result<()> {
    let env = environment::collect(rig, setup, args, facts);
    let text = page(&env, setup, args, cases);
    print!("\n{text}");
    let save = |name: &str, content: &str| {
        let path = out.join(name);
        fs::write(&path, content).with_context(|| format!("writing {}", path.display()))
    };
    save("table.md", &text)?;
    let results = Results {
        schema: 1,
        base: setup.image.version.clone(),
        tree: setup.image.tree.clone(),
        accel: setup.accel.name(),
        env: serde_json::to_value(&env)?,
        cases: cases.to_vec(),
    };
    save(
        "results.json",
        &(serde_json::to_string_pretty(&results)? + "\n"),
    )?;
    plot::write(&out.join("gain.svg"), &env.summary(), cases)
}

/// table.md: the same as on the terminal.
fn page(env: &environment::Environment, setup: &Setup, args: &Args, cases: &[Case]) -> String {
    let mut text = format!("# Polling off and on\n\n{}\n\n", env.summary());
    for warning in &setup.warnings {
        text += &format!("Warning: {warning}.\n\n");
    }
    let queues = match setup.machine.poll_queues {
        1 => "1 virtqueue".into(),
        many => format!("{many} virtqueues"),
    };
    let shape = format!(
        "numjobs={}, iodepth=1, {queues}; medians of {} rounds",
        args.shape.jobs(),
        args.rounds
    );
    for &latency_us in &args.latencies {
        let own: Vec<Case> = cases
            .iter()
            .filter(|case| case.latency_us == latency_us)
            .cloned()
            .collect();
        text += &table::of_latency(latency_us, &shape, &own);
    }
    text
}

fn assert_floors(cases: &[Case]) -> Result<()> {
    let missed = floors::missed(cases);
    if missed.is_empty() {
        println!("all floors reached");
        return Ok(());
    }
    Err(fault::test_failed(format!(
        "floors missed:\n  {}",
        missed.join("\n  ")
    )))
}
