// SPDX-License-Identifier: GPL-2.0
//! Threads that work until they are told to end, or until one of them fails. A thread that waits
//! for a lost operation never ends, so nobody joins them.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;

use anyhow::{Result, bail};

#[derive(Default)]
pub struct Threads {
    over: AtomicBool,
    fault: OnceLock<String>,
    running: Mutex<Vec<String>>,
}

impl Threads {
    /// Starts a thread.
    pub fn start(&'static self, name: String, work: impl FnOnce() -> Result<()> + Send + 'static) {
        lock(&self.running).push(name.clone());
        thread::spawn(move || {
            if let Err(err) = work() {
                // Keep the first error: later ones may result from it.
                let _ = self.fault.set(format!("{name}: {err:#}"));
            }
            lock(&self.running).retain(|running| *running != name);
        });
    }

    /// Fails with the first error of a thread.
    pub fn check(&self) -> Result<()> {
        match self.fault.get() {
            Some(fault) => bail!("{fault}"),
            None => Ok(()),
        }
    }

    pub fn end(&self) {
        self.over.store(true, Relaxed);
    }

    pub fn is_over(&self) -> bool {
        self.over.load(Relaxed) || self.fault.get().is_some()
    }

    pub fn still_running(&self) -> Vec<String> {
        lock(&self.running).clone()
    }
}

/// A thread that panicked has reported that. The data under its lock is still good enough for
/// counts.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
