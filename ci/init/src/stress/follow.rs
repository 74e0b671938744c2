// SPDX-License-Identifier: GPL-2.0
//! Whether a source goes where its interrupt goes. Nothing would be lost if it did not: it would
//! be polled where it was.

use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use guest_protocol::Device;

use crate::cpus::{self, while_none_idles};
use crate::matrix::work::DeviceWork;
use crate::port::Asker;
use crate::procfs;
use crate::sources::Source;
use crate::virtio::{Virtio, move_to};

const PATIENCE: Duration = Duration::from_secs(20);
const TICK: Duration = Duration::from_millis(20);

/// Moves an interrupt to one processor after the other: that of the generator, which has one queue,
/// and may interrupt anywhere. Then takes away the last of them. No other device is polled, for
/// any source that moves makes the kernel look for all of them.
pub fn everywhere(asker: &Asker) -> Result<String> {
    let virtio = Virtio::find(Device::Rng)?;
    while_none_idles(|| virtio.switch().set(true))?;
    let mut job = DeviceWork::open(Device::Rng, &virtio, asker)?;
    let cpus = cpus::online()?;
    ensure!(cpus.len() > 1, "there is one processor alone");
    for &cpu in &cpus {
        for line in virtio.lines()? {
            ensure!(move_to(line.irq, cpu)?, "irq {} cannot move", line.irq);
        }
        come(&virtio, &mut job, &[cpu])?;
    }
    let (&last, rest) = cpus.split_last().context("there is no processor")?;
    let online = cpus::online_file(&format!("cpu{last}"));
    cpus::take_offline(&online).with_context(|| format!("taking CPU {last} offline"))?;
    let came = come(&virtio, &mut job, rest);
    procfs::write(&online, 1)?;
    came.with_context(|| format!("CPU {last} went"))?;
    Ok(format!("over {} processors", cpus.len()))
}

/// Waits until one of these processors polls it.
fn come(virtio: &Virtio, job: &mut DeviceWork, cpus: &[usize]) -> Result<()> {
    let start = Instant::now();
    loop {
        // An interrupt that comes to another processor tells, and none comes while one polls.
        while_none_idles(|| job.batch())?;
        let sources = virtio.sources()?;
        let is_there = |source: &Source| cpus.iter().any(|&cpu| source.cpu == cpu as i64);
        if !sources.is_empty() && sources.iter().all(is_there) {
            return Ok(());
        }
        ensure!(
            start.elapsed() < PATIENCE,
            "its interrupt went to CPU {cpus:?}, and {} s later its sources are {sources:?}",
            PATIENCE.as_secs()
        );
        sleep(TICK);
    }
}
