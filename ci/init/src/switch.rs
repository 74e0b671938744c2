// SPDX-License-Identifier: GPL-2.0
//! The poll_source switch of a virtio device.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};

use crate::procfs::read;

pub struct Switch(PathBuf);

impl Switch {
    pub fn of(device: &str) -> Switch {
        Switch(format!("/sys/bus/virtio/devices/{device}/poll_source").into())
    }

    pub fn get(&self) -> Result<String> {
        read(&self.0)
    }

    /// Sets the switch and sees that it took.
    pub fn set(&self, on: bool) -> Result<()> {
        let wanted = if on { "1" } else { "0" };
        fs::write(&self.0, wanted)
            .with_context(|| format!("writing {wanted} to {}", self.0.display()))?;
        let got = self.get()?;
        ensure!(
            got == wanted,
            "wrote {wanted} to {}, it reads {got}",
            self.0.display()
        );
        Ok(())
    }
}
