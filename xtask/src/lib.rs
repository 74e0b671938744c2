// SPDX-License-Identifier: GPL-2.0
//! `cargo xtask`: parses, dispatches, and turns the outcome into an exit code.
//! Each command lives in the file of its name.

mod by_hand;
mod doctor;
mod fuzz;
mod idle_loop;
mod litmus;
mod module;
pub mod parsers;
mod sanitize;
mod test;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};
use kernel::build_kernel;
use kit::{fault, run};
use lab::{echo, planted, watch};
use series::{gen_patches, import_series, open_series};

/// Exit codes of every command, shown by `--help`.
const EXIT_CODES: &str = "Exit codes: 0 passed; 1 a test failed; 2 bad argument, base or tree; \
    3 the build failed; 4 the guest panicked or printed a warning; 5 it hung or took too long; \
    6 something the machine lacks; 130 interrupted";

/// From a fresh machine to a measured kernel.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", after_help = EXIT_CODES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Doctor(doctor::Args),
    Fetch(source::Args),
    GenPatches(gen_patches::Args),
    OpenSeries(open_series::Args),
    ImportSeries(import_series::Args),
    Review(review::Args),
    BuildKernel(build_kernel::Args),
    Module(module::Args),
    #[command(flatten)]
    Lab(lab::Command),
    Planted(planted::Args),
    ByHand(by_hand::Args),
    IdleLoop(idle_loop::Args),
    Watch(watch::Args),
    Fuzz(fuzz::Args),
    Sanitize(sanitize::Args),
    Litmus(litmus::Args),
    Test(test::Args),
    /// Of use to guests alone.
    #[command(hide = true)]
    Echo(echo::Args),
}

/// Runs the command that the arguments name.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    match run::watch_interrupts().and_then(|()| dispatch(cli.command)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(err) => {
            eprintln!("error: {err:#}");
            ExitCode::from(fault::kind_of(&err).exit_code())
        }
    }
}

fn dispatch(command: Command) -> Result<()> {
    match command {
        Command::Doctor(args) => doctor::main(args),
        Command::Fetch(args) => source::main(args),
        Command::GenPatches(args) => gen_patches::main(args),
        Command::OpenSeries(args) => open_series::main(args),
        Command::ImportSeries(args) => import_series::main(args),
        Command::Review(args) => review::main(args),
        Command::BuildKernel(args) => build_kernel::main(args),
        Command::Module(args) => module::main(args),
        Command::Lab(command) => lab::main(command),
        Command::Planted(args) => planted::main(args),
        Command::ByHand(args) => by_hand::main(args),
        Command::IdleLoop(args) => idle_loop::main(args),
        Command::Watch(args) => watch::main(args),
        Command::Fuzz(args) => fuzz::main(args),
        Command::Sanitize(args) => sanitize::main(args),
        Command::Litmus(args) => litmus::main(args),
        Command::Test(args) => test::main(args),
        Command::Echo(args) => echo::main(args),
    }
}
