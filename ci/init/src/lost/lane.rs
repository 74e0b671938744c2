// SPDX-License-Identifier: GPL-2.0
//! A disk of the search: when it is polled, for a moment, then long not, again and again; and a pulse,
//! which wakes up often on the processor that the disk interrupts. That ends waits while the disk has
//! something to do, which is when an event can get lost. And where the pulse is late itself, the machine
//! stood still, and what the disk completes late is no loss.

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
/// A beat that came so late.
const STALL: Duration = Duration::from_millis(50);

pub struct Lane {
    pub disk: VirtioDisk,
    /// The processor that the disk interrupts.
    pub cpu: usize,
    chance: Mutex<SmallRng>,
    /// Since when the disk has been polled, this time or the last.
    polled_since: Mutex<Option<Instant>>,
    flips: AtomicU64,
    /// When the machine stood still: from, to.
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
            cpu: *cpus.first().context("a disk without a queue")?,
            chance: Mutex::new(chance),
            polled_since: Mutex::default(),
            flips: AtomicU64::new(0),
            stalls: Mutex::default(),
            found: Mutex::default(),
            over: AtomicBool::new(false),
            fault: OnceLock::new(),
        })
    }

    /// Its threads. One that waits for what is lost does not end.
    pub fn start(&'static self) {
        let works: [fn(&Lane) -> Result<()>; 3] = [Lane::keep_switching, Lane::beat, reader::read];
        for work in works {
            thread::spawn(move || {
                if let Err(err) = work(self) {
                    // The first is the one to tell.
                    let _ = self.fault.set(format!("{}: {err:#}", self.disk.name));
                }
            });
        }
    }

    fn keep_switching(&self) -> Result<()> {
        let switch = self.disk.virtio.switch();
        let mut chance = lock(&self.chance);
        while !self.is_over() {
            sleep(chance.random_range(OFF.0..=OFF.1));
            *lock(&self.polled_since) = Some(Instant::now());
            switch.set(true)?;
            sleep(ON);
            switch.set(false)?;
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

    /// The last time at which polling began.
    pub fn polled_since(&self) -> Option<Instant> {
        *lock(&self.polled_since)
    }

    pub fn stood_still(&self, from: Instant, to: Instant) -> bool {
        // A beat that is late now is told of in a moment.
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

    /// The operation that goes on is counted if it is lost for good.
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
    mutex.lock().expect("nobody panics with it")
}
