// SPDX-License-Identifier: GPL-2.0
//! The load during an event, with all data compared: blocks are written and read back on the disk
//! that keeps data, zeros are read from the disk that keeps none, and pings are answered.

use std::fmt::Display;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

use anyhow::{Result, ensure};

use super::rounds::Rounds;
use crate::blocks::{BLOCK_SIZE, Blocks};
use crate::disk::{Disks, VirtioDisk};
use crate::matrix;
use crate::repeated::{Repeated, progress, while_all_work};
use crate::threads::lock;

/// Number of operations between two checks whether the load should end.
const BATCH: u64 = 64;

/// Whether packets that are in flight during the event may be lost. Disks must lose nothing.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Packets {
    All,
    MayBeLost,
}

/// Runs `happens` while all devices are at work. Returns its outcome and the amount of work, in
/// words. Each work must make progress before and after the event.
pub fn over<T: Display>(
    disks: &Disks,
    rounds: &Mutex<Rounds>,
    packets: Packets,
    happens: impl FnOnce() -> Result<T>,
) -> Result<String> {
    // Odd during the event.
    let events = AtomicU64::new(0);
    let works = [
        Repeated::new("blocks", || {
            lock(rounds).go_on(BATCH)?;
            Ok(BATCH)
        }),
        Repeated::new("reads", || read_zeros(&disks.timed)),
        Repeated::new("pings", || {
            let before = events.load(SeqCst);
            let pinged = matrix::ping_gateway();
            let excused =
                packets == Packets::MayBeLost && (before % 2 == 1 || events.load(SeqCst) != before);
            match pinged {
                Err(_) if excused => Ok(0),
                pinged => pinged,
            }
        }),
    ];
    let (happened, done) = while_all_work(&works, || {
        progress(&works)?;
        events.fetch_add(1, SeqCst);
        let happened = happens();
        events.fetch_add(1, SeqCst);
        let happened = happened?;
        progress(&works)?;
        Ok(happened)
    })?;
    Ok(format!("{happened}; {done}"))
}

fn read_zeros(disk: &VirtioDisk) -> Result<u64> {
    let mut blocks = Blocks::open(disk)?;
    for index in 0..BATCH {
        let block = blocks.read(index)?;
        ensure!(
            *block == [0; BLOCK_SIZE],
            "{}: a block is not all zeros",
            disk.name
        );
    }
    Ok(BATCH)
}
