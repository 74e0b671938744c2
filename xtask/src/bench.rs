// SPDX-License-Identifier: GPL-2.0
//! `bench`.

use anyhow::Result;

/// Measure polling off and on in one boot
#[derive(clap::Args, Debug)]
pub struct Args {}

pub fn main(_args: Args) -> Result<()> {
    Ok(())
}
