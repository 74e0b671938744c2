// SPDX-License-Identifier: GPL-2.0
//! What all threads of the stress share: the posts of the devices, the counts of the injected
//! faults, the first error.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError, RwLock};

use anyhow::Result;
use guest_protocol::{Device, Stress, Stressed, Struck, Trouble};

use super::post::Post;
use crate::port::Asker;

pub struct Field {
    pub posts: Vec<Post>,
    /// How often each fault struck.
    pub troubles: Vec<Mutex<Struck>>,
    pub asker: Asker,
    /// Whether devices are polled at all.
    pub polled: bool,
    /// Held for reading by code that takes a device away, and for writing by code that stops all
    /// tasks.
    pub awake: RwLock<()>,
    over: AtomicBool,
    fault: OnceLock<String>,
    running: Mutex<Vec<String>>,
}

impl Field {
    pub fn new(stress: &Stress, asker: &Asker) -> Field {
        let post = |&device: &Device| Post::new(device, asker.clone());
        let struck = |&trouble: &Trouble| {
            Mutex::new(Struck {
                trouble,
                times: 0,
                refused: 0,
                untried: None,
            })
        };
        Field {
            posts: stress.board.devices.iter().map(post).collect(),
            troubles: stress.troubles.iter().map(struck).collect(),
            asker: asker.clone(),
            polled: stress.polled,
            awake: RwLock::new(()),
            over: AtomicBool::new(false),
            fault: OnceLock::new(),
            running: Mutex::new(Vec::new()),
        }
    }

    /// Runs a thread's work. Its error is the error of the whole stress, unless there was one
    /// before.
    pub fn keep(&self, name: &str, work: impl FnOnce() -> Result<()>) {
        lock(&self.running).push(name.to_owned());
        if let Err(err) = work() {
            self.fail(format!("{name}: {err:#}"));
        }
        lock(&self.running).retain(|running| running != name);
    }

    pub fn fail(&self, what: String) {
        // Keep the first error: later ones may result from it.
        let _ = self.fault.set(what);
    }

    pub fn fault(&self) -> Option<&str> {
        self.fault.get().map(String::as_str)
    }

    pub fn end(&self) {
        self.over.store(true, Relaxed);
    }

    pub fn is_over(&self) -> bool {
        self.over.load(Relaxed) || self.fault().is_some()
    }

    pub fn still_running(&self) -> Vec<String> {
        lock(&self.running).clone()
    }

    pub fn post(&self, device: Device) -> Option<&Post> {
        self.posts.iter().find(|post| post.device == device)
    }

    pub fn stressed(&self, seconds: u32) -> Stressed {
        let troubles = self.troubles.iter();
        Stressed {
            seconds,
            works: self.posts.iter().map(Post::worked).collect(),
            troubles: troubles.map(|struck| lock(struck).clone()).collect(),
        }
    }

    pub fn summary(&self) -> String {
        let stressed = self.stressed(0);
        let works = stressed
            .works
            .iter()
            .map(|worked| format!("{} {}", worked.device, worked.operations));
        let troubles = stressed
            .troubles
            .iter()
            .filter(|struck| struck.times > 0)
            .map(|struck| format!("{} {}", struck.trouble, struck.times));
        works.chain(troubles).collect::<Vec<_>>().join(", ")
    }
}

/// A thread that panicked has reported that. The data under its lock is still good enough for
/// counts.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
