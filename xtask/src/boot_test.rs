// SPDX-License-Identifier: GPL-2.0
//! `boot-test`.

use anyhow::Result;

/// Boot the kernel and run a scenario in it
#[derive(clap::Args, Debug)]
pub struct Args {}

pub fn main(_args: Args) -> Result<()> {
    Ok(())
}
