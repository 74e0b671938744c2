// SPDX-License-Identifier: GPL-2.0
//! What all threads of the stress share: the devices' posts, the troubles' counts, the first fault.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError, RwLock};

use anyhow::Result;
use guest_protocol::{Device, Stress, Stressed, Struck, Trouble};

use super::post::Post;
use crate::port::Asker;

pub struct Field {
    pub posts: Vec<Post>,
    pub troubles: Vec<Strikes>,
    pub asker: Asker,
    /// Whether devices are polled at all.
    pub polled: bool,
    /// Held for reading by whoever takes a device away, and for writing by what stops all tasks.
    pub awake: RwLock<()>,
    over: AtomicBool,
    fault: OnceLock<String>,
    running: Mutex<Vec<String>>,
}

/// How often a trouble struck.
pub struct Strikes {
    pub trouble: Trouble,
    pub times: AtomicU64,
    pub refused: AtomicU64,
    pub untried: OnceLock<String>,
}

impl Field {
    pub fn new(stress: &Stress, asker: &Asker) -> Result<Field> {
        let post = |&device: &Device| Ok(Post::new(device, asker.try_clone()?));
        let strikes = |&trouble: &Trouble| Strikes {
            trouble,
            times: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            untried: OnceLock::new(),
        };
        Ok(Field {
            posts: stress
                .board
                .devices
                .iter()
                .map(post)
                .collect::<Result<_>>()?,
            troubles: stress.troubles.iter().map(strikes).collect(),
            asker: asker.try_clone()?,
            polled: stress.polled,
            awake: RwLock::new(()),
            over: AtomicBool::new(false),
            fault: OnceLock::new(),
            running: Mutex::new(Vec::new()),
        })
    }

    /// Runs a thread's work; its error is the fault of the whole, unless there was one before.
    pub fn keep(&self, name: &str, work: impl FnOnce() -> Result<()>) {
        lock(&self.running).push(name.to_owned());
        if let Err(err) = work() {
            self.fail(format!("{name}: {err:#}"));
        }
        lock(&self.running).retain(|running| running != name);
    }

    pub fn fail(&self, what: String) {
        // The first is the one to tell: others may come of it.
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
        let struck = |strikes: &Strikes| Struck {
            trouble: strikes.trouble,
            times: strikes.times.load(Relaxed),
            refused: strikes.refused.load(Relaxed),
            untried: strikes.untried.get().cloned(),
        };
        Stressed {
            seconds,
            works: self.posts.iter().map(Post::worked).collect(),
            troubles: self.troubles.iter().map(struck).collect(),
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

/// A thread that panicked has said so; what it held is still good for counting.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
