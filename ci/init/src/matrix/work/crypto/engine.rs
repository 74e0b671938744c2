// SPDX-License-Identifier: GPL-2.0
//! The kernel's thread that hands texts to the device.

use std::fs;

use anyhow::{Context, Result, bail};
use nix::sched::{sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;

use super::super::super::virtio::Virtio;
use crate::procfs::read;

pub struct Engine(Pid);

impl Engine {
    pub fn of(virtio: &Virtio) -> Result<Engine> {
        let name = format!("{}-engine", virtio.name);
        for entry in fs::read_dir("/proc").context("listing /proc")? {
            let entry = entry?;
            // A process may end meanwhile.
            if read(entry.path().join("comm")).is_ok_and(|comm| comm == name) {
                let pid = entry.file_name().to_string_lossy().parse();
                let pid = pid.with_context(|| format!("{name} in {:?}", entry.path()))?;
                return Ok(Engine(Pid::from_raw(pid)));
            }
        }
        bail!("no thread {name}")
    }

    /// To the processors of this thread: on the one that polls, it would keep that from polling
    /// just when the device answers.
    pub fn follow(&self) -> Result<()> {
        let cpus = sched_getaffinity(Pid::from_raw(0)).context("asking for this thread's CPUs")?;
        sched_setaffinity(self.0, &cpus).context("moving the device's thread")
    }
}
