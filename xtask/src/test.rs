// SPDX-License-Identifier: GPL-2.0
//! `test`.

use anyhow::Result;

/// Run all tests, host and VM
#[derive(clap::Args, Debug)]
pub struct Args {}

pub fn main(_args: Args) -> Result<()> {
    Ok(())
}
