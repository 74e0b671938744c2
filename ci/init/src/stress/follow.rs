// SPDX-License-Identifier: GPL-2.0
//! Whether a source goes where its interrupt goes. Nothing would be lost if it did not: it would
//! be polled where it was.

use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use guest_protocol::Device;

use crate::cpus::{self, while_none_idles};
use crate::matrix::work::DeviceWork;
use crate::port::Asker;
use crate::virtio::{Virtio, move_to};

const PATIENCE: Duration = Duration::from_secs(20);
const TICK: Duration = Duration::from_millis(20);

/// Moves an interrupt to one processor after the other: that of the generator, which has one queue,
/// and may interrupt anywhere.
pub fn everywhere(asker: &Asker) -> Result<String> {
    let virtio = Virtio::find(Device::Rng)?;
    let mut job = DeviceWork::open(Device::Rng, &virtio, asker)?;
    let cpus = cpus::online()?;
    ensure!(cpus.len() > 1, "there is one processor alone");
    for &cpu in &cpus {
        for line in virtio.lines()? {
            ensure!(move_to(line.irq, cpu)?, "irq {} cannot move", line.irq);
        }
        come(&virtio, &mut job, cpu as i64)?;
    }
    Ok(format!("over {} processors", cpus.len()))
}

fn come(virtio: &Virtio, job: &mut DeviceWork, cpu: i64) -> Result<()> {
    let start = Instant::now();
    loop {
        // An interrupt that comes to another processor tells, and none comes while one polls.
        while_none_idles(|| job.batch())?;
        let sources = virtio.sources()?;
        if !sources.is_empty() && sources.iter().all(|source| source.cpu == cpu) {
            return Ok(());
        }
        ensure!(
            start.elapsed() < PATIENCE,
            "its interrupt went to CPU {cpu}, and {} s later its sources are {sources:?}",
            PATIENCE.as_secs()
        );
        sleep(TICK);
    }
}
