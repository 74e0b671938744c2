// SPDX-License-Identifier: GPL-2.0
//! One operation after the other on a disk, each timed.

use std::fs::File;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use guest_init::losses::LATE;
use nix::fcntl::OFlag;

use super::Field;
use super::pulse::Pulse;
use super::schedule::Schedule;
use crate::cpus;
use crate::disk::Disk;

const BLOCK: usize = 4096;
/// The first look at a ring with something in it comes so soon after polling begins.
const FIRST_LOOK: Duration = Duration::from_millis(30);
/// No machine stands still for so long, nor does a device.
const LOST: Duration = Duration::from_secs(3);

#[derive(Debug, Default)]
pub struct Found {
    pub operations: u64,
    /// Late, and completed when polling began.
    pub lost: u64,
    /// Late otherwise.
    pub stalled: u64,
    pub longest: Duration,
}

/// Direct I/O wants its memory so.
#[repr(align(4096))]
struct Block([u8; BLOCK]);

pub fn read(disk: &Disk, schedule: &Schedule, pulse: &Pulse, field: &Field) -> Result<Found> {
    cpus::pin(&[pulse.cpu])?;
    let path = disk.path();
    let file = File::options()
        .read(true)
        .custom_flags(OFlag::O_DIRECT.bits())
        .open(&path)
        .with_context(|| format!("opening {path}"))?;
    let mut block = Box::new(Block([0; BLOCK]));
    let mut found = Found::default();
    while !field.is_over() {
        let place = found.operations % 1024 * BLOCK as u64;
        let start = Instant::now();
        file.read_exact_at(&mut block.0, place)
            .with_context(|| format!("reading {path}"))?;
        let end = Instant::now();
        found.operations += 1;
        field.operations.fetch_add(1, Relaxed);
        let took = end - start;
        found.longest = found.longest.max(took);
        if took > LATE {
            match is_loss(start, end, schedule.polled_since()) && !pulse.stood_still(start, end) {
                true => found.lost += 1,
                false => found.stalled += 1,
            }
        }
    }
    Ok(found)
}

/// What was lost comes when polling begins again, and at no other time.
fn is_loss(start: Instant, end: Instant, polled_since: Option<Instant>) -> bool {
    let found_by_polling =
        polled_since.is_some_and(|since| start < since && since <= end && end - since < FIRST_LOOK);
    found_by_polling || end - start > LOST
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loss_ends_where_polling_begins() {
        let ms = Duration::from_millis;
        let start = Instant::now();
        let loss = |end, since| is_loss(start, start + ms(end), Some(start + ms(since)));
        assert!(loss(151, 150));
        // The device, or the machine, came back at some time.
        assert!(!loss(190, 150));
        assert!(!is_loss(start + ms(1), start + ms(151), Some(start)));
        assert!(!is_loss(start, start + ms(151), None));
        assert!(loss(4000, 150));
    }
}
