// SPDX-License-Identifier: GPL-2.0
//! `module`: the driver for kernels as distributions ship them. Each subcommand
//! lives in the file of its name.

pub mod build;
mod installed;
mod make;
mod package;
pub mod packages;
mod plant;
mod root;
pub mod stock;
mod test;
mod tree;

use anyhow::Result;

/// Build, package and try the module for kernels without the series
#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand, Debug)]
enum Command {
    Build(build::Args),
    Package(package::Args),
    Test(test::Args),
}

pub fn main(args: Args) -> Result<()> {
    match args.command {
        Command::Build(args) => build::main(args),
        Command::Package(args) => package::main(args),
        Command::Test(args) => test::main(args),
    }
}
