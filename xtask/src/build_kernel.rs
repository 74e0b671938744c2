// SPDX-License-Identifier: GPL-2.0
//! `build-kernel`: the kernel that kbuild makes of exactly the generated series.

use std::path::PathBuf;

use anyhow::Result;

use crate::options::BaseArgs;
use crate::place::Place;

/// Build the small kernel into target/kernel/LINE/
#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(flatten)]
    pub base: BaseArgs,
}

/// A kernel that is built and in its place.
#[derive(Clone, Debug)]
pub struct Kernel {
    pub dir: PathBuf,
    pub bzimage: PathBuf,
    pub vmlinux: PathBuf,
    pub config: PathBuf,
    /// "7.3"
    pub line: String,
    /// "7.3.4"
    pub version: String,
    /// git tree hash of the source that was built.
    pub tree: String,
}

pub fn build(place: &Place, base: &BaseArgs) -> Result<Kernel> {
    let dir = place.kernel_out(&base.base);
    Ok(Kernel {
        bzimage: dir.join("bzImage"),
        vmlinux: dir.join("vmlinux"),
        config: dir.join(".config"),
        line: base.base.clone(),
        version: String::new(),
        tree: String::new(),
        dir,
    })
}

pub fn main(_args: Args) -> Result<()> {
    Ok(())
}
