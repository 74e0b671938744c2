// SPDX-License-Identifier: GPL-2.0
//! Threads that work until they are told to end, or until one of them fails. A thread that waits
//! for a lost operation never ends, so nobody joins them.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;

use anyhow::{Result, bail};

use crate::port::panic_message;

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
            let worked = catch_unwind(AssertUnwindSafe(work))
                .unwrap_or_else(|panic| bail!("panicked: {}", panic_message(&*panic)));
            if let Err(err) = worked {
                // Keep the first error: later ones may result from it.
                let _ = self.fault.set(format!("{name}: {err:#}"));
            }
            // Only this thread's entry: others may have the same name.
            let mut running = lock(&self.running);
            if let Some(own) = running.iter().position(|it| *it == name) {
                running.swap_remove(own);
            }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::soon::until;

    #[test]
    fn a_panic_is_the_error_of_its_thread() {
        let threads: &Threads = Box::leak(Box::default());
        threads.start("disk".into(), || panic!("no {}", 1));
        until("it has failed", || threads.is_over()).unwrap();
        let err = threads.check().unwrap_err().to_string();
        assert_eq!(err, "disk: panicked: no 1");
    }
}
