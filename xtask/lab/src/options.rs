// SPDX-License-Identifier: GPL-2.0
//! The options that all commands for one kernel share. They yield a kernel image and an
//! accelerator.

use anyhow::Result;

use kernel::image::{Image, KernelArgs};
use toolbox::options::{AccelArgs, OutArgs};
use toolbox::place::Place;
use toolbox::tools::Need;
use vm::accel::{self, Accelerator};
use vm::session::Rig;

/// The kernel, the accelerator, and the folder of results.
#[derive(clap::Args, Debug)]
pub struct GuestArgs {
    #[command(flatten)]
    pub kernel: KernelArgs,
    #[command(flatten)]
    pub accel: AccelArgs,
    #[command(flatten)]
    pub out: OutArgs,
}

impl GuestArgs {
    /// Builds the kernel if necessary, and chooses the accelerator. `work` is what this machine
    /// must have for the guest's work.
    pub fn ready(&self, place: &Place, work: &[Need]) -> Result<(Rig, Image, Accelerator)> {
        let kernel = self.kernel.resolve(place, work)?;
        let rig = Rig::with_tools(place, kernel.tools.clone())?;
        let image = kernel.image(place)?;
        let accel = accel::choose(&rig, &image, self.accel.accel)?;
        Ok((rig, image, accel))
    }
}
