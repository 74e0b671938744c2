// SPDX-License-Identifier: GPL-2.0
//! `cargo xtask`: parses, dispatches, and turns the outcome into an exit code.
//! Each command lives in the file of its name.

mod apt;
mod bench;
mod boot_test;
mod build_kernel;
mod by_hand;
mod cases;
mod cost;
mod doctor;
mod echo;
mod fault;
mod fetch;
mod fuzz;
mod gates;
mod gen_patches;
mod git;
mod guest;
mod idle_loop;
mod import_series;
mod line;
mod litmus;
mod lock;
mod matrix;
mod module;
mod open_series;
mod options;
mod package;
pub mod parsers;
mod place;
mod planted;
mod run;
mod sanitize;
mod scratch;
mod series;
mod soak;
mod test;
mod watch;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

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
    Fetch(fetch::Args),
    GenPatches(gen_patches::Args),
    OpenSeries(open_series::Args),
    ImportSeries(import_series::Args),
    Gates(gates::Args),
    BuildKernel(build_kernel::Args),
    BootTest(boot_test::Args),
    Module(module::Args),
    Matrix(matrix::Args),
    Soak(soak::Args),
    Planted(planted::Args),
    Bench(bench::Args),
    Cost(cost::Args),
    ByHand(by_hand::Args),
    IdleLoop(idle_loop::Args),
    Watch(watch::Args),
    Package(package::Args),
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
        Command::Fetch(args) => fetch::main(args),
        Command::GenPatches(args) => gen_patches::main(args),
        Command::OpenSeries(args) => open_series::main(args),
        Command::ImportSeries(args) => import_series::main(args),
        Command::Gates(args) => gates::main(args),
        Command::BuildKernel(args) => build_kernel::main(args),
        Command::BootTest(args) => boot_test::main(args),
        Command::Module(args) => module::main(args),
        Command::Matrix(args) => matrix::main(args),
        Command::Soak(args) => soak::main(args),
        Command::Planted(args) => planted::main(args),
        Command::Bench(args) => bench::main(args),
        Command::Cost(args) => cost::main(args),
        Command::ByHand(args) => by_hand::main(args),
        Command::IdleLoop(args) => idle_loop::main(args),
        Command::Watch(args) => watch::main(args),
        Command::Package(args) => package::main(args),
        Command::Fuzz(args) => fuzz::main(args),
        Command::Sanitize(args) => sanitize::main(args),
        Command::Litmus(args) => litmus::main(args),
        Command::Test(args) => test::main(args),
        Command::Echo(args) => echo::main(args),
    }
}
