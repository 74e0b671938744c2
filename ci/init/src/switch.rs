// SPDX-License-Identifier: GPL-2.0
//! The poll_source switch of a virtio device.

use std::fmt;
use std::path::PathBuf;

use anyhow::Result;

use crate::modules;
use crate::procfs::{self, read};

/// The status texts of a device that is not polled.
pub mod status {
    pub const OFF: &str = "off";
    pub const THREADS: &str = "interrupt handlers are threads";
    pub const NO_INTERRUPT: &str = "no queue has an interrupt";
}

pub const DEVICES: &str = "/sys/bus/virtio/devices";

pub struct Switch(PathBuf);

impl Switch {
    pub fn of(device: &str) -> Switch {
        Switch(format!("{DEVICES}/{device}/poll_source").into())
    }

    /// The switches of all devices.
    pub fn all() -> Result<Vec<Switch>> {
        let devices = procfs::names(DEVICES)?;
        Ok(devices.iter().map(|name| Switch::of(name)).collect())
    }

    pub fn set_all(on: bool) -> Result<()> {
        Switch::all()?.iter().try_for_each(|switch| switch.set(on))
    }

    pub fn get(&self) -> Result<String> {
        read(&self.0)
    }

    /// The status, as text: whether the device is polled, or why not.
    pub fn status(&self) -> Result<String> {
        read(self.0.with_file_name("poll_source_status"))
    }

    /// Sets the switch, and checks that it reads back.
    pub fn set(&self, on: bool) -> Result<()> {
        procfs::set(&self.0, u8::from(on))
    }
}

impl fmt::Display for Switch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.display().fmt(f)
    }
}

/// Sets the switch with which new devices start from now on.
pub fn new_devices_are_polled(so: bool) -> Result<()> {
    let module = modules::form().switches();
    let value = if so { "Y" } else { "N" };
    procfs::write(
        format!("/sys/module/{module}/parameters/poll_source"),
        value,
    )
}
