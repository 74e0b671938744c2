// SPDX-License-Identifier: GPL-2.0
//! One disk of the search. Its switch is on for a moment, then off for long, again and again. A
//! pulse wakes up often on the CPU that the disk interrupts. This ends waits while the disk is
//! busy, and then an event can get lost. If the pulse itself is late, the machine stood still, and
//! a late completion is not a loss.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, OnceLock};
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use guest_protocol::losses::{OFF, ON};
use rand::Rng;
use rand::rngs::SmallRng;

use super::reader::{self, Found};
use crate::cpus;
use crate::disk::VirtioDisk;

const BEAT: Duration = Duration::from_millis(3);
/// A beat that takes longer than this means that the machine stood still.
const STALL: Duration = Duration::from_millis(50);

pub struct Lane {
    pub disk: VirtioDisk,
    /// The CPU that the disk interrupts.
    pub cpu: usize,
    chance: Mutex<SmallRng>,
    /// When polling last began.
    polled_since: Mutex<Option<Instant>>,
    flips: AtomicU64,
    /// Times when the machine stood still: from, to.
    stalls: Mutex<Vec<(Instant, Instant)>>,
    found: Mutex<Found>,
    over: AtomicBool,
    fault: OnceLock<String>,
}

impl Lane {
    pub fn new(disk: VirtioDisk, chance: SmallRng) -> Result<Lane> {
        let cpus = disk.irq_cpus()?;
        Ok(Lane {
            disk,
            cpu: *cpus.first().context("the disk has no queue")?,
            chance: Mutex::new(chance),
            polled_since: Mutex::default(),
            flips: AtomicU64::new(0),
            stalls: Mutex::default(),
            found: Mutex::default(),
            over: AtomicBool::new(false),
            fault: OnceLock::new(),
        })
    }

    /// Starts the lane's threads. A thread that waits for a lost completion never ends.
    pub fn start(&'static self) {
        let works: [fn(&Lane) -> Result<()>; 3] = [Lane::keep_switching, Lane::beat, reader::read];
        for work in works {
            thread::spawn(move || {
                if let Err(err) = work(self) {
                    // Keep the first error only.
                    let _ = self.fault.set(format!("{}: {err:#}", self.disk.name));
                }
            });
        }
    }

    fn keep_switching(&self) -> Result<()> {
        let mut chance = lock(&self.chance);
        while !self.is_over() {
            sleep(chance.random_range(OFF.0..=OFF.1));
            *lock(&self.polled_since) = Some(Instant::now());
            self.disk.virtio.set(true)?;
            sleep(ON);
            self.disk.virtio.set(false)?;
            self.flips.fetch_add(1, Relaxed);
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

    pub fn flips(&self) -> u64 {
        self.flips.load(Relaxed)
    }

    pub fn fault(&self) -> Option<&str> {
        self.fault.get().map(String::as_str)
    }

    pub fn is_over(&self) -> bool {
        self.over.load(Relaxed)
    }

    pub fn end(&self) {
        self.over.store(true, Relaxed);
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

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("no thread panics with the lock")
}
