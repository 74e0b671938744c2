// SPDX-License-Identifier: GPL-2.0
//! One disk of the search. Its switch is on for a moment, then off for long, again and again. A
//! pulse wakes up often on the CPU that the disk interrupts. This ends waits while the disk is
//! busy, and then an event can get lost. If the pulse itself is late, the machine stood still, and
//! a late completion is not a loss.

use std::sync::{Mutex, MutexGuard};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use guest_protocol::losses::{OFF, ON};
use rand::Rng;
use rand::rngs::SmallRng;

use super::reader::{self, Found};
use crate::cpus;
use crate::disk::VirtioDisk;
use crate::threads::{Threads, lock};

const BEAT: Duration = Duration::from_millis(3);
/// A beat that takes longer than this means that the machine stood still.
const STALL: Duration = Duration::from_millis(50);

pub struct Lane {
    pub disk: VirtioDisk,
    /// The CPU that the disk interrupts.
    pub cpu: usize,
    threads: &'static Threads,
    /// When polling last began.
    polled_since: Mutex<Option<Instant>>,
    /// Times when the machine stood still: from, to.
    stalls: Mutex<Vec<(Instant, Instant)>>,
    found: Mutex<Found>,
}

impl Lane {
    pub fn new(disk: VirtioDisk, threads: &'static Threads) -> Result<Lane> {
        let cpus = disk.irq_cpus()?;
        Ok(Lane {
            disk,
            cpu: *cpus.first().context("the disk has no queue")?,
            threads,
            polled_since: Mutex::default(),
            stalls: Mutex::default(),
            found: Mutex::default(),
        })
    }

    /// Starts the lane's threads.
    pub fn start(&'static self, chance: SmallRng) {
        let name = || self.disk.name.clone();
        self.threads.start(name(), || self.keep_switching(chance));
        self.threads.start(name(), || self.beat());
        self.threads.start(name(), || reader::read(self));
    }

    fn keep_switching(&self, mut chance: SmallRng) -> Result<()> {
        while !self.is_over() {
            sleep(chance.random_range(OFF.0..=OFF.1));
            *lock(&self.polled_since) = Some(Instant::now());
            self.disk.virtio.set(true)?;
            sleep(ON);
            self.disk.virtio.set(false)?;
            self.found().flips += 1;
        }
        Ok(())
    }

    fn beat(&self) -> Result<()> {
        cpus::pin(&[self.cpu])?;
        while !self.is_over() {
            let from = Instant::now();
            sleep(BEAT);
            if from.elapsed() > STALL {
                lock(&self.stalls).push((from, Instant::now()));
            }
        }
        Ok(())
    }

    /// When polling last began.
    pub fn polled_since(&self) -> Option<Instant> {
        *lock(&self.polled_since)
    }

    pub fn stood_still(&self, from: Instant, to: Instant) -> bool {
        // A beat that is late now is recorded within this time.
        sleep(BEAT * 3);
        lock(&self.stalls)
            .iter()
            .any(|&(start, end)| start < to && from < end)
    }

    pub fn is_over(&self) -> bool {
        self.threads.is_over()
    }

    pub fn found(&self) -> MutexGuard<'_, Found> {
        lock(&self.found)
    }

    /// The figures so far. The operation in flight is included if it is lost for good.
    pub fn result(&self) -> Found {
        let mut found = self.found().clone();
        if found.is_gone() {
            found.lost += 1;
            found.longest = found.longest.max(found.waits());
        }
        found
    }
}
