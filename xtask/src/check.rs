// SPDX-License-Identifier: GPL-2.0
//! `check NAME`: each check proves or measures one thing, for those who work on that thing. `test`
//! runs most of them. Each check is in the file of its name, or in the crate `lab` if it is about
//! guests.

pub mod by_hand;
pub mod fuzz;
pub mod idle_loop;
pub mod instructions;
pub mod sanitize;

use anyhow::Result;
use clap::Subcommand;

/// Prove or measure one thing: all devices, costs, the idle loop, instructions, planted bugs
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    name: CheckName,
}

#[derive(Subcommand)]
enum CheckName {
    #[command(flatten)]
    Lab(lab::Check),
    IdleLoop(idle_loop::Args),
    Instructions(instructions::Args),
    ByHand(by_hand::Args),
    Fuzz(fuzz::Args),
    Sanitize(sanitize::Args),
}

pub fn main(args: Args) -> Result<()> {
    match args.name {
        CheckName::Lab(check) => lab::check(check),
        CheckName::IdleLoop(args) => idle_loop::main(args),
        CheckName::Instructions(args) => instructions::main(args),
        CheckName::ByHand(args) => by_hand::main(args),
        CheckName::Fuzz(args) => fuzz::main(args),
        CheckName::Sanitize(args) => sanitize::main(args),
    }
}
