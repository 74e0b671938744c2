// SPDX-License-Identifier: GPL-2.0
//! `package`: brings the series to machines without a checkout. Debian packages are made by the
//! crate `kernel`.

mod lava;

use anyhow::Result;
use kernel::deb;

/// Pack what runs elsewhere: kernel packages for a VM, a job for a LAVA lab
#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand, Debug)]
enum Command {
    Deb(deb::Args),
    Lava(lava::Args),
}

pub fn main(args: Args) -> Result<()> {
    match args.command {
        Command::Deb(args) => deb::main(args),
        Command::Lava(args) => lava::main(args),
    }
}
