// SPDX-License-Identifier: GPL-2.0
//! The options of every command that tries one kernel, and what they come to.

use anyhow::Result;

use kernel::image::{Image, KernelArgs};
use toolbox::options::{AccelArgs, OutArgs};
use toolbox::place::Place;
use toolbox::tools::Need;
use vm::accel::{self, Accelerator};
use vm::session::Rig;

/// Which kernel, how it is run, and where the results go.
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
    /// The kernel, built if it must be, and what runs it. `work` is what the machine must have
    /// for the guest's own work.
    pub fn ready(&self, place: &Place, work: &[Need]) -> Result<(Rig, Image, Accelerator)> {
        let kernel = self.kernel.resolve(place, work)?;
        let rig = Rig::with_tools(place, kernel.tools.clone())?;
        let image = kernel.image(place)?;
        let accel = accel::choose(&rig, &image, self.accel.accel)?;
        Ok((rig, image, accel))
    }
}
