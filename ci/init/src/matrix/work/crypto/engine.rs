// SPDX-License-Identifier: GPL-2.0
//! The kernel's thread that hands texts to the device.

use anyhow::{Context, Result};
use nix::sched::{sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;

use crate::procfs::tasks;
use crate::virtio::Virtio;

pub struct Engine(Pid);

impl Engine {
    pub fn of(virtio: &Virtio) -> Result<Engine> {
        let name = format!("{}-engine", virtio.name);
        let found = tasks()?.into_iter().find(|(_, task)| *task == name);
        let (pid, _) = found.with_context(|| format!("no thread {name}"))?;
        Ok(Engine(Pid::from_raw(pid)))
    }

    /// To the processors of this thread: on the one that polls, it would keep that from polling
    /// just when the device answers.
    pub fn follow(&self) -> Result<()> {
        let cpus = sched_getaffinity(Pid::from_raw(0)).context("asking for this thread's CPUs")?;
        sched_setaffinity(self.0, &cpus).context("moving the device's thread")
    }
}
