// SPDX-License-Identifier: GPL-2.0
//! `poll-source-kit`: the program of an unpacked kit. It measures with the code of `cargo xtask
//! bench`, in a guest with the kit's kernel and initramfs ([`host`]), or on the virtual machine in
//! which it runs ([`inside`]).

mod before;
mod host;
mod inside;
mod machine;
mod qemu;
mod results;

use std::env;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};
use guest_protocol::Shape;

use lab::bench::{Args, Workloads};
use toolbox::fault;
use toolbox::options::{Accel, SeedArgs};
use toolbox::run;

const EXIT_CODES: &str = "Exit codes: 0 measured; 1 the guest's checks failed; 2 bad argument; \
    4 the guest's kernel complained; 5 the guest hung or took too long; 6 this machine or the kit \
    lacks something; 130 interrupted";

/// Measure what poll_source gains on this machine
#[derive(Parser)]
#[command(name = "poll-source-kit", after_help = EXIT_CODES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Run(RunArgs),
}

/// Measure a virtio disk with polling off and on
///
/// Boots the kit's kernel in QEMU and runs 4k randread, randwrite and randrw (fio: direct,
/// iodepth=1, io_uring) on a disk with a set latency, in three variants: before (haltpoll alone),
/// poll_source, io_poll. With --guest, measures the disk of the virtual machine in which the
/// program runs, with the module or the series of that machine's kernel. It then runs randread
/// only, so the disk does not change. Prints a table and leaves results.json, table.md and
/// gain.svg. Takes less than three minutes, unless options ask for more.
#[derive(clap::Args)]
struct RunArgs {
    /// Measure this virtual machine from inside, as root
    #[arg(long, conflicts_with_all = ["latencies", "accel"])]
    guest: bool,

    /// Latencies of the disk in microseconds [default: with KVM 10,50; without 100]
    #[arg(long, value_name = "US", value_delimiter = ',')]
    latencies: Vec<u64>,

    /// Pairs of runs (polling off and on) for each ratio
    #[arg(long, default_value_t = lab::bench::ROUNDS, value_parser = clap::value_parser!(u32).range(1..=1000))]
    rounds: u32,

    /// Length of one timed run, in seconds
    #[arg(long, value_parser = lab::bench::seconds, default_value = "0.5")]
    seconds: Duration,

    /// Jobs of the disk. fit: one job; rfc: four jobs, each with its own CPU and queue
    #[arg(long, value_parser = lab::bench::shape, default_value = "fit")]
    shape: Shape,

    /// How QEMU runs the guest
    #[arg(long, value_enum, default_value_t)]
    accel: Accel,

    #[command(flatten)]
    seed: SeedArgs,

    /// Write the results to this folder
    #[arg(long, value_name = "DIR", default_value = "poll-source-results")]
    out: PathBuf,

    #[command(flatten)]
    inside: inside::InsideArgs,
}

impl RunArgs {
    /// The bench to run: the disk, with these latencies where they can be set.
    fn bench(&self, latencies: Vec<u64>) -> Args {
        Args {
            workload: Workloads::Blk,
            latencies,
            rounds: self.rounds,
            seconds: self.seconds,
            shape: self.shape,
            seed: self.seed.clone(),
            count: false,
        }
    }
}

fn main() -> ExitCode {
    let Command::Run(args) = Cli::parse().command;
    match run::watch_interrupts().and_then(|()| measure(&args)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(err) => {
            eprintln!("error: {err:#}");
            ExitCode::from(fault::kind_of(&err).exit_code())
        }
    }
}

fn measure(args: &RunArgs) -> Result<()> {
    let program = env::current_exe().context("finding the path of this program")?;
    let kit = program
        .parent()
        .context("the path of this program has no folder")?;
    match args.guest {
        true => inside::run(kit, args),
        false => host::run(kit, args),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_sound_and_refuses_what_makes_no_sense() {
        Cli::command().debug_assert();
        let parse = |line: &str| Cli::try_parse_from(line.split(' '));
        for good in ["kit run", "kit run --guest --disk vdb"] {
            assert!(parse(good).is_ok(), "{good}");
        }
        for bad in [
            "kit",
            "kit run --disk vdb",
            "kit run --guest --latencies 10",
            "kit run --rounds 0",
            "kit run --seconds 0",
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
