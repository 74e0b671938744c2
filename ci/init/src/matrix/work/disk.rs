// SPDX-License-Identifier: GPL-2.0
//! blk and scsi: fio writes blocks in random order and reads them back.

use std::fs;
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use guest_protocol::Workload;

use super::{Counter, Debt, Meter, Work};
use crate::disk::{BLOCK, VirtioDisk};
use crate::fio::FioJob;
use crate::procfs;
use crate::soon::{soon, within};
use crate::virtio::Virtio;

/// A disk is at rest if it neither interrupts nor is hit for this long.
const SETTLED: Duration = Duration::from_millis(300);
/// Time limit for a disk to come to rest.
const SETTLES: Duration = Duration::from_secs(40);

pub struct Verify {
    disk: VirtioDisk,
    path: String,
}

impl Verify {
    pub fn open(virtio: &Virtio) -> Result<Verify> {
        let disk = soon(|| find(virtio))?;
        let path = disk.make_lasting_node()?;
        Ok(Verify { disk, path })
    }
}

impl Work for Verify {
    fn batch(&mut self, _: &Counter) -> Result<()> {
        job(&self.path).run().map(drop)
    }

    fn meter(&self) -> Option<Meter> {
        let disk = self.disk.clone();
        Some(Box::new(move || disk.operations()))
    }

    /// fio spends time before the first block and after the last.
    fn debt(&self) -> Debt {
        let disk = self.disk.clone();
        Box::new(move || disk.in_flight().is_ok_and(|requests| requests > 0))
    }
}

/// Waits until a disk that was just opened is at rest, so that all later activity belongs to the
/// work.
pub fn settle(virtio: &Virtio) -> Result<()> {
    // The kernel sends many requests to a new disk. On a SCSI bus it also looks for disks that do
    // not exist: after a hot-plug it tries each of 256 addresses.
    let mut seen = None;
    within(SETTLES, || {
        let now = Some((virtio.interrupts()?, virtio.hits()?));
        let settled = seen == now;
        seen = now;
        sleep(SETTLED);
        ensure!(settled, "{} is busy before the work starts", virtio.name);
        Ok(())
    })
}

/// Does the same work with the block layer's own polling, beside poll sources. Fails if the disk
/// interrupts.
pub fn by_poll_queue(virtio: &Virtio) -> Result<()> {
    let disk = find(virtio)?;
    ensure!(disk.queue_polls()?, "{} has no poll queue", disk.name);
    let before = virtio.interrupts()?;
    let outcome = job(&disk.path()).arg("--hipri=1").run()?;
    let interrupts = virtio.interrupts()? - before;
    ensure!(
        interrupts == 0,
        "{interrupts} interrupts in {} operations of the poll queue",
        outcome.ios
    );
    Ok(())
}

/// A job that writes and verifies 64 blocks.
fn job(path: &str) -> FioJob {
    let mut job = FioJob::new(path, Workload::RandWrite);
    job.verifying("256k");
    job
}

/// Finds the disk below the device, with any number of buses between.
fn find(virtio: &Virtio) -> Result<VirtioDisk> {
    for name in procfs::names(BLOCK)? {
        let path = fs::canonicalize(Path::new(BLOCK).join(&name));
        let path = path.context("resolving a disk's link")?;
        if path.iter().any(|part| part == virtio.name.as_str()) {
            let virtio = virtio.clone();
            return Ok(VirtioDisk { name, virtio });
        }
    }
    bail!("{} has no disk in {BLOCK}", virtio.name)
}
