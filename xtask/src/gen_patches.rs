// SPDX-License-Identifier: GPL-2.0
//! `gen-patches`: the series, as mails that `git am` takes.

use anyhow::Result;

/// Generate the patch series into patches/LINE/
#[derive(clap::Args, Debug)]
pub struct Args {}

pub fn main(_args: Args) -> Result<()> {
    Ok(())
}
