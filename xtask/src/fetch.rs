// SPDX-License-Identifier: GPL-2.0
//! `fetch`: a kernel line's source, as a git commit in the cache.

use std::path::PathBuf;

use anyhow::Result;

use crate::options::BaseArgs;

/// Fetch a kernel line's source into the cache
#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(flatten)]
    pub base: BaseArgs,
    /// Unpack this tarball instead of the distribution's package
    #[arg(long, value_name = "FILE", conflicts_with = "linux")]
    pub tarball: Option<PathBuf>,
}

pub fn main(_args: Args) -> Result<()> {
    Ok(())
}
