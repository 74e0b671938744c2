// SPDX-License-Identifier: GPL-2.0
//! Guests that fail on purpose. Tests use them to show that the host notices.

use std::thread::sleep;
use std::time::Duration;

use anyhow::{Result, bail};

use crate::port::Port;
use crate::procfs;

const SYSRQ: &str = "/proc/sysrq-trigger";

pub fn panic(port: &mut Port) -> Result<()> {
    port.stage("crashing the kernel")?;
    procfs::write(SYSRQ, "c")?;
    bail!("sysrq c did not crash the kernel")
}

pub fn hang(port: &mut Port) -> Result<()> {
    port.stage("hanging")?;
    loop {
        sleep(Duration::from_secs(3600));
    }
}

/// Makes the kernel print the backtraces of all CPUs. The guest's verdict is a pass.
pub fn splat(port: &mut Port) -> Result<()> {
    port.stage("printing backtraces")?;
    procfs::write(SYSRQ, "l")
}
