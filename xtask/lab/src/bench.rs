// SPDX-License-Identifier: GPL-2.0
//! `bench`: measures the same work with polling off and on, alternating between all variants in
//! one boot. `bench/blk.rs` measures the disk, `bench/net.rs` the network card. `bench/plan.rs`
//! has the order of the runs, `measure::stats` the reason for comparing pairs of runs.

pub mod blk;
pub mod boot;
pub mod environment;
pub mod floors;
mod net;
mod page;
pub mod plan;
mod report;
pub mod setup;

use std::time::Duration;

use anyhow::Result;
use clap::ValueEnum;
use guest_protocol::Shape;

use crate::testbed::GuestArgs;
use environment::Ticks;
use measure::judge::FEWEST_PAIRS;
use measure::results::Results;
use series::results as saved;
use setup::BenchSetup;
use toolbox::fault;
use toolbox::options::SeedArgs;
use toolbox::place::Place;
use toolbox::tools::Need;

/// Default number of rounds. Each round gives one pair of runs for each ratio; fewer pairs give
/// no interval.
pub const ROUNDS: u32 = FEWEST_PAIRS;

/// Measure polling off and on in one boot
///
/// Builds what is missing. On a virtio disk with a set latency it runs 4k randread, randwrite and
/// randrw (fio: direct, iodepth=1, io_uring) in three variants: before (haltpoll alone),
/// poll_source and io_poll. On a virtio network card (--workload net) it runs requests and
/// responses over UDP and TCP (sockperf), and one TCP stream in each direction (iperf3), in the
/// variants before, poll_source and busy_poll. With the module (--stock, --module) the third
/// variant is the same kernel without the module, and QEMU's CPU time shows what waiting costs.
/// Prints a table, and writes table.md, results.json, plots (gain.svg, net.svg) and run.json to
/// the folder of results (target/bench unless --out names another). Takes about 10 minutes for
/// the disk and 5 for the network. --save keeps the results where gen-patches finds them.
#[derive(clap::Args, Debug)]
pub struct BenchArgs {
    #[command(flatten)]
    guest: GuestArgs,
    #[command(flatten)]
    runs: Args,

    /// Run two short rounds, for the disk only at 100 us: shows only that everything works
    #[arg(long, conflicts_with_all = ["latencies", "rounds", "seconds"])]
    quick: bool,

    /// Measure where the disk's gain comes from instead, with 4k randread. Two more variants are
    /// a polling wait that finds nothing, and a kernel that halts at once. All variants run with
    /// each of three poll times of QEMU's iothread. Writes controls.md, with --save also to
    /// c-shim/results/LINE. Takes 20 minutes
    #[arg(long, conflicts_with_all = ["workload", "assert_floors", "count", "stock", "module"])]
    controls: bool,

    /// Also write the results to c-shim/results/LINE, from which gen-patches fills the cover
    /// letter and c-shim/results/README.md. Results of a stock kernel go to
    /// c-shim/results/stock-LINE[-cloud], with the plots
    #[arg(long, conflicts_with_all = ["quick", "kernel", "names", "linux", "module"])]
    save: bool,

    /// Exit with 1 if a result misses its floor, which is set for a two-core machine under TCG
    #[arg(long)]
    assert_floors: bool,
}

/// What is measured, on any kernel.
#[derive(clap::Args, Clone, Debug)]
pub struct Args {
    /// The device to measure
    #[arg(long, value_enum, default_value_t)]
    pub workload: Workloads,

    /// Latencies of the disk in microseconds
    #[arg(long, value_name = "US", value_delimiter = ',', default_values_t = [0, 100, 400])]
    pub latencies: Vec<u64>,

    /// Number of rounds; each runs every workload once in every variant
    #[arg(long, default_value_t = ROUNDS, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub rounds: u32,

    /// Length of one timed run in seconds; for the network rounded up to whole seconds
    #[arg(long, value_parser = seconds, default_value = "1.5")]
    pub seconds: Duration,

    /// Jobs of the disk. fit: one job; rfc: four jobs, each with its own CPU and queue
    #[arg(long, value_parser = shape, default_value = "fit")]
    pub shape: Shape,

    #[command(flatten)]
    pub seed: SeedArgs,

    /// Also count queue notifications and guest instructions per operation of the disk, with
    /// polling off and on, in another boot for each latency; not with --workload net
    #[arg(long)]
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
    if command.quick {
        args.latencies = vec![100];
        args.rounds = 2;
        args.seconds = Duration::from_millis(500);
    }
    if command.save && args.rounds < FEWEST_PAIRS {
        return Err(fault::usage(format!(
            "--save needs at least {} rounds: fewer pairs give no interval",
            FEWEST_PAIRS
        )));
    }
    if args.count && !args.workload.blk() {
        return Err(fault::usage(
            "--count is for the disk, but --workload net measures only the network card",
        ));
    }
    let place = Place::find()?;
    let bed = command
        .guest
        .ready(&place, "bench", args.workload.needs())?;
    let setup = BenchSetup::new(bed, args)?;
    if command.controls {
        let line = command.guest.kernel.line().name;
        let saved = command.save.then(|| saved::folder(&place.root, line));
        return blk::controls::run(&setup, saved.as_deref());
    }
    let results = run(&setup)?;
    if command.save {
        report::save(&place, &command.guest.kernel, &results)?;
    }
    if command.assert_floors {
        floors::none_of("floors missed", &results.missed)?;
        println!("all floors reached");
    }
    Ok(())
}

/// Measures, and writes the results.
pub fn run(setup: &BenchSetup) -> Result<Results> {
    setup.tell();
    let before = Ticks::now()?;
    let mut results = report::begin(setup);
    let measured = measure(setup, &mut results);
    // The finished cases are written even if a later boot has failed.
    report::finish(setup, &mut results, before)?;
    measured.map(|()| results)
}

fn measure(setup: &BenchSetup, results: &mut Results) -> Result<()> {
    if setup.args.workload.blk() {
        blk::run(setup, results)?;
    }
    if setup.args.workload.net() {
        net::run(setup, results)?;
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
            ("bench --save --rounds 7", "--save needs at least 8 rounds"),
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
