// SPDX-License-Identifier: GPL-2.0
//! What is tried and measured in guests: a scenario ([`boot_test`]), every device ([`matrix`]), all
//! devices under trouble ([`soak`]), gain ([`bench`]) and [`cost`], the module on stock kernels
//! ([`module_test`]), and whether planted bugs are caught ([`planted`]).
//! How a guest runs is `vm`'s business.

pub mod bench;
pub mod boot_test;
pub mod cost;
pub mod echo;
pub mod matrix;
pub mod module_test;
mod options;
pub mod planted;
pub mod soak;

use anyhow::Result;

/// The commands that try one kernel. A planted bug is checked by one of them.
#[derive(clap::Subcommand)]
pub enum Command {
    BootTest(boot_test::Args),
    Matrix(matrix::Args),
    Soak(soak::Args),
    Bench(bench::BenchArgs),
    Cost(cost::Args),
}

pub fn main(command: Command) -> Result<()> {
    match command {
        Command::BootTest(args) => boot_test::main(args),
        Command::Matrix(args) => matrix::main(args),
        Command::Soak(args) => soak::main(args),
        Command::Bench(args) => bench::main(args),
        Command::Cost(args) => cost::main(args),
    }
}
