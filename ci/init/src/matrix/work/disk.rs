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

/// Without a completion for so long.
const SETTLED: Duration = Duration::from_millis(300);
/// After this at the latest.
const SETTLES: Duration = Duration::from_secs(40);

pub struct Verify {
    disk: VirtioDisk,
    path: String,
}

impl Verify {
    /// Once nothing else happens to the disk, so that what does is the work's.
    pub fn settled(virtio: &Virtio) -> Result<Verify> {
        let verify = Verify::open(virtio)?;
        // The kernel asks a new disk a lot of questions, and a SCSI bus for disks that are not
        // there: after hot-plug each of 256 addresses in its turn.
        let mut seen = None;
        within(SETTLES, || {
            let now = Some((virtio.interrupts()?, virtio.hits()?));
            let settled = seen == now;
            seen = now;
            sleep(SETTLED);
            ensure!(settled, "{} is busy before its work", verify.disk.name);
            Ok(())
        })?;
        Ok(verify)
    }

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

    /// fio takes its time before the first block and after the last.
    fn debt(&self) -> Debt {
        let disk = self.disk.clone();
        Box::new(move || disk.in_flight().is_ok_and(|requests| requests > 0))
    }
}

/// The same by the block layer's own polling: beside poll sources, and without an interrupt.
pub fn by_poll_queue(virtio: &Virtio) -> Result<()> {
    let disk = find(virtio)?;
    ensure!(disk.queue_polls()?, "{} has no poll queue", disk.name);
    let before = virtio.interrupts()?;
    let outcome = job(&disk.path()).arg("--hipri=1").run()?;
    let interrupts = virtio.interrupts()? - before;
    ensure!(
        interrupts == 0,
        "{interrupts} interrupts of {} operations of the poll queue",
        outcome.ios
    );
    Ok(())
}

/// 64 blocks.
fn job(path: &str) -> FioJob {
    let mut job = FioJob::new(path, Workload::RandWrite);
    job.verifying("256k");
    job
}

/// The disk that hangs on the device, on however many buses between.
fn find(virtio: &Virtio) -> Result<VirtioDisk> {
    for name in procfs::names(BLOCK)? {
        let path = fs::canonicalize(Path::new(BLOCK).join(&name));
        let path = path.context("following a disk's link")?;
        if path.iter().any(|part| part == virtio.name.as_str()) {
            let virtio = virtio.clone();
            return Ok(VirtioDisk { name, virtio });
        }
    }
    bail!("{} has no disk in {BLOCK}", virtio.name)
}
