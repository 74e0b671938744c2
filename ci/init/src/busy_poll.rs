// SPDX-License-Identifier: GPL-2.0
//! The network's own polling, by the task that reads a socket or waits for several.

use std::path::Path;

use anyhow::{Context, Result};

use crate::procfs::{self, netstat, read};

/// For sockets that are read, and for poll() and its like.
const SETTINGS: [&str; 2] = [
    "/proc/sys/net/core/busy_read",
    "/proc/sys/net/core/busy_poll",
];

/// How long it polls, in us, for sockets made from now on; 0: not at all. A kernel without it polls
/// no packet, which [`packets`] tells.
pub fn set(us: u64) -> Result<()> {
    let mut there = SETTINGS.iter().filter(|path| Path::new(path).exists());
    there.try_for_each(|path| procfs::set(path, us))
}

/// How many packets it found since boot.
pub fn packets() -> Result<u64> {
    netstat(&read("/proc/net/netstat")?, "BusyPollRxPackets")
        .context("/proc/net/netstat has no BusyPollRxPackets")
}
