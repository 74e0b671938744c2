// SPDX-License-Identifier: GPL-2.0
//! `cargo xtask`: parses the command line, dispatches, and turns the outcome into an exit code.
//! Most commands are in their own crates; this crate has only those that use several crates.

mod check;
mod doctor;
mod lava;
pub mod parsers;
mod test;

use std::process::ExitCode;

use anyhow::Result;
use check::{by_hand, fuzz, idle_loop, instructions, sanitize};
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use kernel::module::{build, package};
use kernel::{build_kernel, deb};
use lab::{echo, module_test};
use series::{gen_patches, import, open};
use toolbox::{fault, run};

/// Exit codes of every command, shown by `--help`.
const EXIT_CODES: &str = "Exit codes: 0 passed; 1 a test failed; 2 bad argument, base or tree; \
    3 the build failed; 4 the guest panicked or printed a warning; 5 it hung or took too long; \
    6 the machine lacks something; 130 interrupted";

/// The commands, grouped by their users.
const GROUPS: [(&str, &[&str]); 4] = [
    (
        "For users",
        &["doctor", "module", "boot-test", "bench", "test"],
    ),
    (
        "For kernel developers",
        &["gen-patches", "series", "build-kernel"],
    ),
    ("For CI", &["soak", "check"]),
    ("For other machines", &["kit", "report", "package"]),
];

/// From a fresh machine to a measured kernel
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", after_help = EXIT_CODES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Doctor(doctor::Args),
    /// Build, package and test the module for kernels without the series
    #[command(subcommand)]
    Module(Module),
    #[command(flatten)]
    Lab(lab::Command),
    Report(report::Args),
    Kit(pack::KitArgs),
    Test(test::Args),
    GenPatches(gen_patches::Args),
    /// Edit the series as commits of a kernel tree, and run the maintainers' tools on it
    #[command(subcommand)]
    Series(Series),
    BuildKernel(build_kernel::Args),
    /// Prove or measure one thing: all devices, costs, the idle loop, instructions, planted bugs
    #[command(subcommand)]
    Check(Check),
    /// Pack what runs elsewhere: kernel packages for a VM, a job for a LAVA lab
    #[command(subcommand)]
    Package(Package),
    /// Used only by guests
    #[command(hide = true)]
    Echo(echo::Args),
}

#[derive(Subcommand)]
enum Module {
    Build(build::Args),
    Package(package::Args),
    Test(module_test::Args),
}

#[derive(Subcommand)]
enum Series {
    Open(open::Args),
    Import(import::Args),
    Review(review::Args),
}

#[derive(Subcommand)]
enum Check {
    #[command(flatten)]
    Lab(lab::Check),
    IdleLoop(idle_loop::Args),
    Instructions(instructions::Args),
    ByHand(by_hand::Args),
    Fuzz(fuzz::Args),
    Sanitize(sanitize::Args),
}

#[derive(Subcommand)]
enum Package {
    Deb(deb::Args),
    Lava(lava::Args),
}

/// Runs the command that the arguments name.
pub fn main() -> ExitCode {
    let matches = grouped().get_matches();
    let cli = Cli::from_arg_matches(&matches).unwrap_or_else(|err| err.exit());
    match run::watch_interrupts().and_then(|()| dispatch(cli.command)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(err) => {
            eprintln!("error: {err:#}");
            ExitCode::from(fault::kind_of(&err).exit_code())
        }
    }
}

/// Returns the command line whose help groups the commands by [`GROUPS`]. clap itself groups only
/// options.
fn grouped() -> clap::Command {
    let command = Cli::command();
    let mut text = String::new();
    for (title, names) in GROUPS {
        text += &format!("{title}:\n");
        for name in names {
            let about = command
                .find_subcommand(name)
                .and_then(clap::Command::get_about);
            let about = about.map(ToString::to_string).unwrap_or_default();
            text += &format!("  {name:<13} {about}\n");
        }
        text += "\n";
    }
    command.help_template(format!(
        "{{about-with-newline}}\n{{usage-heading}} {{usage}}\n\n{text}Options:\n{{options}}{{after-help}}"
    ))
}

fn dispatch(command: Command) -> Result<()> {
    match command {
        Command::Doctor(args) => doctor::main(args),
        Command::Module(Module::Build(args)) => build::main(args),
        Command::Module(Module::Package(args)) => package::main(args),
        Command::Module(Module::Test(args)) => module_test::main(args),
        Command::Lab(command) => lab::main(command),
        Command::Report(args) => report::main(args),
        Command::Kit(args) => pack::main(args),
        Command::Test(args) => test::main(args),
        Command::GenPatches(args) => gen_patches::main(args),
        Command::Series(Series::Open(args)) => open::main(args),
        Command::Series(Series::Import(args)) => import::main(args),
        Command::Series(Series::Review(args)) => review::main(args),
        Command::BuildKernel(args) => build_kernel::main(args),
        Command::Check(Check::Lab(check)) => lab::check(check),
        Command::Check(Check::IdleLoop(args)) => idle_loop::main(args),
        Command::Check(Check::Instructions(args)) => instructions::main(args),
        Command::Check(Check::ByHand(args)) => by_hand::main(args),
        Command::Check(Check::Fuzz(args)) => fuzz::main(args),
        Command::Check(Check::Sanitize(args)) => sanitize::main(args),
        Command::Package(Package::Deb(args)) => deb::main(args),
        Command::Package(Package::Lava(args)) => lava::main(args),
        Command::Echo(args) => echo::main(args),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn help_has_every_command_once_and_few_there_are() {
        let command = Cli::command();
        command.clone().debug_assert();
        let shown = command.get_subcommands().filter(|it| !it.is_hide_set());
        let mut shown: Vec<&str> = shown.map(clap::Command::get_name).collect();
        let mut grouped: Vec<&str> = GROUPS
            .iter()
            .flat_map(|(_, names)| *names)
            .copied()
            .collect();
        assert!(grouped.len() <= 13);
        shown.sort_unstable();
        grouped.sort_unstable();
        assert_eq!(shown, grouped);
        assert!(!super::grouped().render_help().to_string().contains("{"));
    }
}
