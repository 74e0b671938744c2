// SPDX-License-Identifier: GPL-2.0
//! `bench`: the same work with polling off and on, all variants by turns in one boot. Why pairs:
//! `measure::stats`. In which order: `bench/plan.rs`. The disk is `bench/blk.rs`, the network card
//! `bench/net.rs`.

pub mod blk;
pub mod boot;
pub mod environment;
pub mod floors;
mod net;
mod page;
pub mod part;
pub mod plan;
mod report;

use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use clap::ValueEnum;
use guest_protocol::Shape;

use crate::options::GuestArgs;
use environment::Ticks;
use measure::judge::FEWEST_PAIRS;
use measure::results::Results;
use part::{BenchSetup, Part};
use series::results as saved;
use toolbox::fault;
use toolbox::options::SeedArgs;
use toolbox::place::Place;
use toolbox::tools::Need;
use vm::record::Record;

/// Pairs of each kind, unless more are asked for: fewer give no interval.
pub const ROUNDS: u32 = FEWEST_PAIRS;

/// Measure polling off and on in one boot
///
/// Builds what is missing and runs, on a virtio disk with a set latency, 4k randread, randwrite and
/// randrw (fio: direct, iodepth=1, io_uring), in three variants: before (haltpoll alone),
/// poll_source, io_poll. On a virtio network card (--workload net) it runs requests and responses
/// over UDP and TCP (sockperf) and a TCP stream each way (iperf3): before, poll_source, busy_poll.
/// With the module (--stock, --module) the third variant is the stock kernel without the module, and
/// QEMU's processor time shows what waiting costs.
/// Prints a table and leaves table.md, results.json, plots (gain.svg, net.svg) and run.json in the
/// folder of results (target/bench unless --out says otherwise). Takes about 10 minutes for the
/// disk, 5 for the network. --save keeps the results where gen-patches finds them.
#[derive(clap::Args, Debug)]
pub struct BenchArgs {
    #[command(flatten)]
    guest: GuestArgs,
    #[command(flatten)]
    runs: Args,

    /// Two short rounds, the disk's at 100 us: shows only that everything works
    #[arg(long, conflicts_with_all = ["latencies", "rounds", "seconds"])]
    quick: bool,

    /// Measure where the disk's gain comes from instead, with 4k randread: also the polled wait alone,
    /// with nothing to find, and a kernel that halts at once; all three for each of three lengths
    /// that QEMU's iothread polls. Leaves controls.md, with --save in c-shim/results/LINE. 20 minutes
    #[arg(long, conflicts_with_all = ["workload", "assert_floors", "stock", "module"])]
    controls: bool,

    /// Also leave the results in c-shim/results/LINE, from which gen-patches fills the cover letter
    /// and the page there; the module's in stock-LINE[-cloud], with the plots
    #[arg(long, conflicts_with_all = ["quick", "kernel", "names", "linux", "module"])]
    save: bool,

    /// Fail with 1 if the gain is below what a two-core machine under TCG must reach
    #[arg(long)]
    assert_floors: bool,

    /// Also count the disk's queue notifications and the guest's instructions for each operation,
    /// without polling and with, in another boot for each latency; not for --workload net
    #[arg(long, conflicts_with = "controls")]
    count: bool,
}

/// What is run, on whatever kernel.
#[derive(clap::Args, Clone, Debug)]
pub struct Args {
    /// The device to measure
    #[arg(long, value_enum, default_value_t)]
    pub workload: Workloads,

    /// Latencies of the disk in microseconds
    #[arg(long, value_name = "US", value_delimiter = ',', default_values_t = [0, 100, 400])]
    pub latencies: Vec<u64>,

    /// Pairs of each kind
    #[arg(long, default_value_t = ROUNDS, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub rounds: u32,

    /// Length of one timed run; for the network rounded up to whole seconds
    #[arg(long, value_parser = seconds, default_value = "1.5")]
    pub seconds: Duration,

    /// The disk's jobs. fit: one; rfc: four, each with its own processor and queue
    #[arg(long, value_parser = shape, default_value = "fit")]
    pub shape: Shape,

    #[command(flatten)]
    pub seed: SeedArgs,

    /// As `BenchArgs` has it.
    #[arg(skip)]
    pub count: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Workloads {
    /// A virtio disk
    #[default]
    Blk,
    /// A virtio network card
    Net,
    All,
}

impl Workloads {
    fn blk(self) -> bool {
        self != Workloads::Net
    }

    fn net(self) -> bool {
        self != Workloads::Blk
    }

    fn needs(self) -> &'static [Need] {
        match self {
            Workloads::Blk => &[Need::Fio],
            Workloads::Net => &[Need::Net],
            Workloads::All => &[Need::Fio, Need::Net],
        }
    }
}

pub fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "not a number".to_owned())?;
    if !(0.1..=600.0).contains(&seconds) {
        return Err("must be from 0.1 to 600".into());
    }
    Ok(Duration::from_secs_f64(seconds))
}

pub fn shape(text: &str) -> Result<Shape, String> {
    match text {
        "fit" => Ok(Shape::Fit),
        "rfc" => Ok(Shape::Rfc),
        _ => Err("must be fit or rfc".into()),
    }
}

pub fn main(command: BenchArgs) -> Result<()> {
    let mut args = command.runs;
    args.count = command.count;
    if command.quick {
        args.latencies = vec![100];
        args.rounds = 2;
        args.seconds = Duration::from_millis(500);
    }
    if command.save && args.rounds < FEWEST_PAIRS {
        return Err(fault::usage(format!(
            "--save wants at least {} rounds: fewer pairs give no interval",
            FEWEST_PAIRS
        )));
    }
    if args.count && !args.workload.blk() {
        return Err(fault::usage(
            "--count is for the disk, which --workload net leaves out",
        ));
    }
    let place = Place::find()?;
    let out = command.guest.out.folder(&place, "bench")?;
    let (rig, image, accel) = command.guest.ready(&place, args.workload.needs())?;
    let setup = BenchSetup::new(&rig, args, image, accel)?;
    if command.controls {
        let mut record = Record::new(&rig, &setup.image, accel);
        let line = command.guest.kernel.line().name;
        let saved = command.save.then(|| saved::folder(&place.root, line));
        return blk::controls::run(&setup, &mut record, &out, saved.as_deref());
    }
    let results = run(&setup, &out)?;
    if command.save {
        report::save(&place, &command.guest.kernel, &results)?;
    }
    if command.assert_floors {
        floors::none_of("floors missed", &results.missed)?;
        println!("all floors reached");
    }
    Ok(())
}

/// Measures, and leaves the results in `out`.
pub fn run(setup: &BenchSetup, out: &Path) -> Result<Results> {
    setup.tell();
    let mut record = Record::new(setup.rig, &setup.image, setup.accel);
    let mut part = Part::default();
    let before = Ticks::now()?;
    let measured = measure(setup, &mut record, out, &mut part);
    part.warnings = setup.warnings_since(before)?;
    let results = report::results(setup, part);
    // What is there is worth having even if the rest went wrong.
    if !results.cases.is_empty() {
        report::write(&results, out)?;
    }
    measured.map(|()| results)
}

fn measure(setup: &BenchSetup, record: &mut Record, out: &Path, part: &mut Part) -> Result<()> {
    if setup.args.workload.blk() {
        blk::run(setup, record, out, part)?;
    }
    if setup.args.workload.net() {
        net::run(setup, record, out, part)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Words {
        #[command(flatten)]
        bench: BenchArgs,
    }

    #[test]
    fn words_that_contradict_each_other_are_refused_before_anything_is_built() {
        for (words, part) in [
            ("bench --count --workload net", "--count is for the disk"),
            ("bench --save --rounds 7", "--save wants at least 8 rounds"),
        ] {
            let err = main(Words::parse_from(words.split(' ')).bench).unwrap_err();
            assert_eq!(fault::kind_of(&err), fault::Kind::Usage, "{words}");
            assert!(err.to_string().contains(part), "{words}: {err}");
        }
        for words in [
            "bench --offline --stock 7.3",
            "bench --controls --stock 7.3",
        ] {
            assert!(Words::try_parse_from(words.split(' ')).is_err(), "{words}");
        }
    }
}
