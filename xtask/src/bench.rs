// SPDX-License-Identifier: GPL-2.0
//! `bench`: the RFC's three workloads with polling off and on, one boot for each device latency,
//! all variants by turns in it. Why pairs: `bench/stats.rs`. In which order: `bench/plan.rs`.

mod boot;
mod environment;
mod floors;
mod plan;
mod plot;
mod report;
mod results;
mod stats;
pub mod table;

use std::time::Duration;

use anyhow::Result;
use guest_init::{Facts, Shape};

use crate::fault;
use crate::guest::accel;
use crate::guest::image::KernelArgs;
use crate::guest::record::Record;
use crate::guest::session::Rig;
use crate::options::{AccelArgs, OutArgs};
use crate::place::Place;
use boot::Setup;
use results::Case;

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

    /// fit: one job; rfc: four, each with a processor and a queue of its own
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
    let out = args.out.folder(&place, "bench")?;
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
        let boot = boot::measure(&rig, &setup, &args, latency_us, &mut record);
        // Also, and above all, after a guest that went wrong.
        record.write(&out)?;
        let boot = boot?;
        cases.extend(results::cases(latency_us, &boot.measured));
        facts = boot.facts;
    }
    report::write(&rig, &setup, &args, facts, &cases, &out)?;
    println!("results in {}", out.display());
    if args.assert_floors {
        assert_floors(&cases)?;
    }
    Ok(())
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
