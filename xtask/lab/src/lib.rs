// SPDX-License-Identifier: GPL-2.0
//! The tests and measurements that run in guests: one scenario ([`boot_test`]), every device
//! ([`matrix`]), all devices under injected faults ([`soak`]), the gain ([`bench`]), the cost
//! ([`cost`]), the module on stock kernels ([`module_test`]), and checks that must catch planted
//! bugs ([`planted`]). The crate `vm` runs the guests.

pub mod bench;
pub mod boot_test;
mod checked;
pub mod cost;
pub mod echo;
pub mod matrix;
pub mod module_test;
mod output;
pub mod planted;
pub mod soak;
pub mod testbed;

use anyhow::Result;

/// The commands that test or measure one kernel.
#[derive(clap::Subcommand)]
pub enum Command {
    BootTest(boot_test::Args),
    Soak(soak::Args),
    Bench(bench::BenchArgs),
}

/// The commands that are typed as `check NAME`.
#[derive(clap::Subcommand)]
pub enum Check {
    Matrix(matrix::Args),
    Cost(cost::Args),
    Planted(planted::Args),
}

pub fn main(command: Command) -> Result<()> {
    match command {
        Command::BootTest(args) => boot_test::main(args),
        Command::Soak(args) => soak::main(args),
        Command::Bench(args) => bench::main(args),
    }
}

pub fn check(check: Check) -> Result<()> {
    match check {
        Check::Matrix(args) => matrix::main(args),
        Check::Cost(args) => cost::main(args),
        Check::Planted(args) => planted::main(args),
    }
}
