// SPDX-License-Identifier: GPL-2.0
//! A guest to look at: every device polled, the disk at work, and once a second what the kernel
//! counts of each source.

use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use anyhow::Result;
use guest_protocol::{Report, Watch};

use crate::blocks::read_for;
use crate::disk::VirtioDisk;
use crate::port::Port;
use crate::switch::Switch;
use crate::{cpus, sources};

const EVERY: Duration = Duration::from_secs(1);
/// From the start of the reads to the last look.
const SLACK_MS: u64 = 1000;

pub fn run(port: &mut Port, watch: &Watch) -> Result<()> {
    let disk = VirtioDisk::find(&watch.disk)?;
    port.stage("switching every device on")?;
    cpus::while_none_idles(|| Switch::set_all(true))?;
    let ms = u64::from(watch.seconds) * 1000 + SLACK_MS;
    let reads = thread::spawn(move || read_for(&disk, ms));
    let start = Instant::now();
    for _ in 0..=watch.seconds {
        port.send(&Report::Sources {
            at_ms: start.elapsed().as_millis() as u64,
            sources: sources::all()?,
        })?;
        sleep(EVERY);
    }
    reads.join().expect("reads do not panic").map(drop)
}
