// SPDX-License-Identifier: GPL-2.0
//! A device at work, and how other threads take it away from its work.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::sync::{Mutex, MutexGuard};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use guest_protocol::{Device, Worked};

use super::field::Field;
use crate::matrix::work::{Debt, DeviceWork, Meter};
use crate::port::Asker;
use crate::threads::lock;
use crate::virtio::Virtio;

/// Pause between two batches, in which others may take the device.
const BREATH: Duration = Duration::from_millis(2);
/// How long to wait for the end of a batch. A batch may take longer: the scan of a new SCSI bus
/// alone takes half a minute.
const RESTS: Duration = Duration::from_secs(4);

pub struct Post {
    pub device: Device,
    /// Held during a batch, and by a thread that needs the device at rest.
    work: Mutex<Option<DeviceWork>>,
    /// Whether a thread is waiting for the device.
    wanted: AtomicBool,
    /// Held during a change of the device.
    change: Mutex<()>,
    /// Number of begins and ends of changes: odd during a change.
    changes: AtomicU64,
    pub progress: Mutex<Progress>,
}

/// The progress of the work, for the watchdog.
#[derive(Default)]
pub struct Progress {
    /// The meter of the current work.
    meter: Option<(Meter, Debt)>,
    /// Operations of all earlier works.
    done: u64,
    /// The meter's value when the current work began.
    start: u64,
    /// The meter's value when it was last read.
    last: u64,
    /// Since when the device has owed an answer; None outside of a batch.
    owes: Option<Instant>,
    /// The value of the post's `changes` when the batch began.
    changes: u64,
    slowest: Duration,
    pub told: bool,
    batches: u64,
    cut_short: u64,
}

impl Progress {
    /// Reads the meter. If the device is gone, the last value stays.
    pub fn read(&mut self) {
        let Some((meter, debt)) = &self.meter else {
            return;
        };
        let now = meter().unwrap_or(self.last);
        let waits = now == self.last && debt();
        if let Some(owes) = self.owes.as_mut() {
            if now != self.last {
                self.slowest = self.slowest.max(owes.elapsed());
            }
            if !waits {
                *owes = Instant::now();
                self.told = false;
            }
        }
        self.last = now;
    }

    /// How long the device has owed an answer.
    pub fn wait(&self) -> Option<Duration> {
        self.owes.map(|since| since.elapsed())
    }

    fn begin(&mut self, changes: u64) {
        self.changes = changes;
        self.owes = Some(Instant::now());
    }

    fn pause(&mut self) {
        self.read();
        self.owes = None;
        self.told = false;
    }

    fn renew(&mut self, meter: Option<(Meter, Debt)>) {
        self.read();
        self.done += self.last.saturating_sub(self.start);
        let now = meter.as_ref().and_then(|(meter, _)| meter().ok());
        (self.start, self.last) = (now.unwrap_or(0), now.unwrap_or(0));
        self.meter = meter;
    }

    pub fn operations(&self) -> u64 {
        self.done + self.last.saturating_sub(self.start)
    }
}

impl Post {
    pub fn new(device: Device) -> Post {
        Post {
            device,
            work: Mutex::new(None),
            wanted: AtomicBool::new(false),
            change: Mutex::new(()),
            changes: AtomicU64::new(0),
            progress: Mutex::new(Progress::default()),
        }
    }

    /// Does batch after batch, until the stress has ended.
    pub fn work(&self, field: &Field) -> Result<()> {
        while !field.is_over() {
            let mut work = lock(&self.work);
            let before = self.changes.load(SeqCst);
            let outcome = self.batch(&mut work, &field.asker, before);
            if outcome.is_err() {
                self.drop_work(&mut work);
            }
            drop(work);
            match outcome {
                Ok(()) => lock(&self.progress).batches += 1,
                Err(_) if self.changed_since(before) => lock(&self.progress).cut_short += 1,
                Err(err) => return Err(err),
            }
            sleep(BREATH);
            while self.wanted.load(SeqCst) && !field.is_over() {
                sleep(BREATH);
            }
        }
        self.drop_work(&mut lock(&self.work));
        Ok(())
    }

    /// Whether the device was being changed when `changes` was `before`, or has been changed since.
    /// If so, an answer that a batch of that time waits for may never come.
    fn changed_since(&self, before: u64) -> bool {
        before % 2 == 1 || self.changes.load(SeqCst) != before
    }

    /// Whether that is true for the current batch.
    pub fn is_excused(&self) -> bool {
        let before = lock(&self.progress).changes;
        self.changed_since(before)
    }

    fn batch(&self, work: &mut Option<DeviceWork>, asker: &Asker, changes: u64) -> Result<()> {
        if work.is_none() {
            let opened = DeviceWork::open(self.device, &self.virtio()?, asker)?;
            lock(&self.progress).renew(Some((opened.meter(), opened.debt())));
            *work = Some(opened);
        }
        let work = work.as_mut().context("it was just made")?;
        lock(&self.progress).begin(changes);
        let outcome = work.batch();
        lock(&self.progress).pause();
        outcome
    }

    fn drop_work(&self, work: &mut Option<DeviceWork>) {
        lock(&self.progress).renew(None);
        *work = None;
    }

    pub fn virtio(&self) -> Result<Virtio> {
        Virtio::find(self.device)
    }

    /// Changes the device, and may lose its operations in flight. `at_work`: a batch may be
    /// running. Otherwise the change waits for the end of the batch. Returns how often the change
    /// took effect; 0 if the device did not come to rest.
    pub fn change(&self, at_work: bool, change: impl FnOnce() -> Result<u64>) -> Result<u64> {
        let _one_at_a_time = lock(&self.change);
        let mut idle = None;
        if !at_work {
            idle = self.take_work();
            match idle.as_mut() {
                Some(work) => self.drop_work(work),
                None => return Ok(0),
            }
        }
        self.mark();
        let outcome = change();
        self.mark();
        drop(idle);
        outcome
    }

    /// Waits for the end of a batch. Gives up after `RESTS`.
    fn take_work(&self) -> Option<MutexGuard<'_, Option<DeviceWork>>> {
        self.wanted.store(true, SeqCst);
        let start = Instant::now();
        let taken = loop {
            match self.work.try_lock() {
                Ok(work) => break Some(work),
                Err(_) if start.elapsed() < RESTS => sleep(BREATH),
                Err(_) => break None,
            }
        };
        self.wanted.store(false, SeqCst);
        taken
    }

    /// Counts the beginning or the end of a change.
    pub fn mark(&self) {
        self.changes.fetch_add(1, SeqCst);
    }

    /// Does something to the device that must lose nothing, while no change runs.
    pub fn keep_from_changing<T>(&self, act: impl FnOnce() -> Result<T>) -> Result<T> {
        let _one_at_a_time = lock(&self.change);
        act()
    }

    pub fn worked(&self) -> Worked {
        let progress = lock(&self.progress);
        Worked {
            device: self.device,
            operations: progress.operations(),
            batches: progress.batches,
            cut_short: progress.cut_short,
            slowest_ms: progress.slowest.as_millis() as u64,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matrix::work::Counter;

    fn of(counter: &Counter, owes: bool) -> Option<(Meter, Debt)> {
        Some((counter.meter(), Box::new(move || owes)))
    }

    #[test]
    fn operations_add_up_over_works() {
        let mut progress = Progress::default();
        let counter = Counter::default();
        counter.add(5);
        progress.renew(of(&counter, true));
        progress.begin(0);
        counter.add(3);
        progress.pause();
        assert_eq!(progress.operations(), 3);
        progress.renew(of(&Counter::default(), true));
        progress.renew(None);
        assert_eq!(progress.operations(), 3);
    }

    #[test]
    fn only_who_owes_an_answer_is_waited_for() {
        let wait = Duration::from_millis(20);
        for owes in [true, false] {
            let counter = Counter::default();
            let mut progress = Progress::default();
            progress.renew(of(&counter, owes));
            progress.begin(0);
            sleep(wait);
            progress.read();
            assert_eq!(progress.wait().unwrap() >= wait, owes);
            counter.add(1);
            progress.read();
            assert!(progress.wait().unwrap() < wait);
            assert_eq!(progress.slowest >= wait, owes);
        }
    }
}
