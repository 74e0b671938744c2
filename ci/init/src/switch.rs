// SPDX-License-Identifier: GPL-2.0
//! The poll_source switch of a virtio device.

use std::fmt;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};

use crate::modules;
use crate::procfs::read;

pub struct Switch(PathBuf);

const DEVICES: &str = "/sys/bus/virtio/devices";

impl Switch {
    pub fn of(device: &str) -> Switch {
        Switch(format!("{DEVICES}/{device}/poll_source").into())
    }

    /// Those of all devices.
    pub fn all() -> Result<Vec<Switch>> {
        Switch::all_but(|_| false)
    }

    /// Those of the devices whose names are not left out.
    pub fn all_but(left_out: impl Fn(&str) -> bool) -> Result<Vec<Switch>> {
        let mut switches = Vec::new();
        for entry in fs::read_dir(DEVICES).with_context(|| format!("listing {DEVICES}"))? {
            let name = entry?.file_name();
            let name = name.to_string_lossy();
            if !left_out(&name) {
                switches.push(Switch::of(&name));
            }
        }
        Ok(switches)
    }

    pub fn get(&self) -> Result<String> {
        read(&self.0)
    }

    /// What became of the wish, in words.
    pub fn status(&self) -> Result<String> {
        read(self.0.with_file_name("poll_source_status"))
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

impl fmt::Display for Switch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.display().fmt(f)
    }
}

/// The switch of devices that come from now on.
pub fn new_devices_are_polled(so: bool) -> Result<()> {
    let module = modules::form().switches();
    let parameter = format!("/sys/module/{module}/parameters/poll_source");
    let value = if so { "Y" } else { "N" };
    fs::write(&parameter, value).with_context(|| format!("writing {value} to {parameter}"))
}
