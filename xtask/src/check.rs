// SPDX-License-Identifier: GPL-2.0
//! `check NAME`: what proves one thing, and is typed by whoever works on that thing. `test` runs
//! most of them. Each lives in the file of its name; planted bugs are `lab`'s.

pub mod by_hand;
pub mod fuzz;
pub mod idle_loop;
pub mod instructions;
pub mod sanitize;

use anyhow::Result;
use clap::Subcommand;
use lab::planted;

/// Prove one thing: the idle loop, instruction counts, parsers, planted bugs, the recipe
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    name: CheckName,
}

#[derive(Subcommand)]
enum CheckName {
    IdleLoop(idle_loop::Args),
    Instructions(instructions::Args),
    ByHand(by_hand::Args),
    Planted(planted::Args),
    Fuzz(fuzz::Args),
    Sanitize(sanitize::Args),
}

pub fn main(args: Args) -> Result<()> {
    match args.name {
        CheckName::IdleLoop(args) => idle_loop::main(args),
        CheckName::Instructions(args) => instructions::main(args),
        CheckName::ByHand(args) => by_hand::main(args),
        CheckName::Planted(args) => planted::main(args),
        CheckName::Fuzz(args) => fuzz::main(args),
        CheckName::Sanitize(args) => sanitize::main(args),
    }
}
