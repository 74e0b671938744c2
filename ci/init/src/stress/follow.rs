// SPDX-License-Identifier: GPL-2.0
//! Checks that a source follows its interrupt. If it did not, nothing would be lost: its old CPU
//! would go on polling it.

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

/// Moves an interrupt to one CPU after the other, then takes the last CPU offline. The interrupt is
/// that of the random number generator, which has one queue and may interrupt on any CPU. No other
/// device is polled, because any source that moves makes the kernel check all of them.
pub fn everywhere(asker: &Asker) -> Result<String> {
    let virtio = Virtio::find(Device::Rng)?;
    virtio.set_calmly(true)?;
    let mut job = DeviceWork::open(Device::Rng, &virtio, asker)?;
    let cpus = cpus::online()?;
    ensure!(cpus.len() > 1, "there is only one CPU");
    for &cpu in &cpus {
        for line in virtio.lines()? {
            ensure!(move_to(line.irq, cpu)?, "irq {} cannot be moved", line.irq);
        }
        come(&virtio, &mut job, &[cpu])?;
    }
    let (&last, rest) = cpus.split_last().context("there is no CPU")?;
    let online = cpus::online_file(&format!("cpu{last}"));
    cpus::take_offline(&online).with_context(|| format!("taking CPU {last} offline"))?;
    let came = come(&virtio, &mut job, rest);
    procfs::write(&online, 1)?;
    came.with_context(|| format!("after CPU {last} went offline"))?;
    Ok(format!("on {} CPUs", cpus.len()))
}

/// Waits until one of these CPUs polls the device.
fn come(virtio: &Virtio, job: &mut DeviceWork, cpus: &[usize]) -> Result<()> {
    let start = Instant::now();
    loop {
        // The kernel notices the move when the interrupt arrives on another CPU. While a CPU polls,
        // no interrupt arrives.
        while_none_idles(|| job.batch())?;
        let sources = virtio.sources()?;
        let is_there = |source: &Source| cpus.iter().any(|&cpu| source.cpu == cpu as i64);
        if !sources.is_empty() && sources.iter().all(is_there) {
            return Ok(());
        }
        ensure!(
            start.elapsed() < PATIENCE,
            "the interrupt went to one of the CPUs {cpus:?}, but {} s later the sources are \
             {sources:?}",
            PATIENCE.as_secs()
        );
        sleep(TICK);
    }
}
