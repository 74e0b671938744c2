// SPDX-License-Identifier: GPL-2.0
//! A thread that wakes up often on the processor that a disk interrupts. It ends waits while the disk
//! has something to do, which is when an event can get lost. And where it is late itself, the machine
//! stood still, and what the disk completes late is no loss.

use std::sync::Mutex;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::Lane;
use crate::cpus;
use crate::disk::VirtioDisk;

const BEAT: Duration = Duration::from_millis(3);
/// A beat that came so late.
const STALL: Duration = Duration::from_millis(50);

pub struct Pulse {
    pub cpu: usize,
    /// When the machine stood still: from, to.
    stalls: Mutex<Vec<(Instant, Instant)>>,
}

impl Pulse {
    pub fn of(disk: &VirtioDisk) -> Result<Pulse> {
        let cpus = disk.irq_cpus()?;
        Ok(Pulse {
            cpu: *cpus.first().context("a disk without a queue")?,
            stalls: Mutex::new(Vec::new()),
        })
    }

    pub fn beat(&self, lane: &Lane) -> Result<()> {
        cpus::pin(&[self.cpu])?;
        while !lane.is_over() {
            let from = Instant::now();
            sleep(BEAT);
            if from.elapsed() > STALL {
                self.stalls().push((from, Instant::now()));
            }
        }
        Ok(())
    }

    pub fn stood_still(&self, from: Instant, to: Instant) -> bool {
        // A beat that is late now is told of in a moment.
        sleep(BEAT * 3);
        self.stalls()
            .iter()
            .any(|&(start, end)| start < to && from < end)
    }

    fn stalls(&self) -> std::sync::MutexGuard<'_, Vec<(Instant, Instant)>> {
        self.stalls.lock().expect("nobody panics with it")
    }
}
