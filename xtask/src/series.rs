// SPDX-License-Identifier: GPL-2.0
//! `series`: commands for kernel developers who work on the generated series. Each subcommand is in
//! the file of its name in the crate `series`; the reviewers have their own crate.

use ::series::{import, open};
use anyhow::Result;

/// Edit the series as commits of a kernel tree, and run the maintainers' tools on it
#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand, Debug)]
enum Command {
    Open(open::Args),
    Import(import::Args),
    Review(review::Args),
}

pub fn main(args: Args) -> Result<()> {
    match args.command {
        Command::Open(args) => open::main(args),
        Command::Import(args) => import::main(args),
        Command::Review(args) => review::main(args),
    }
}
