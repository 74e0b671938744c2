// SPDX-License-Identifier: GPL-2.0
//! `module`: the commands for the module for stock kernels of distributions. Each subcommand is in
//! the file of its name, in the crates `kernel` and `lab`.

use anyhow::Result;
use kernel::module::{build, package};
use lab::module_test;

/// Build, package and test the module for kernels without the series
#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand, Debug)]
enum Command {
    Build(build::Args),
    Package(package::Args),
    Test(module_test::Args),
}

pub fn main(args: Args) -> Result<()> {
    match args.command {
        Command::Build(args) => build::main(args),
        Command::Package(args) => package::main(args),
        Command::Test(args) => module_test::main(args),
    }
}
