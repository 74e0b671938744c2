// SPDX-License-Identifier: GPL-2.0
//! When a disk is polled: for a moment, then long not, again and again.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::thread::sleep;
use std::time::Instant;

use anyhow::Result;
use guest_protocol::losses::{OFF, ON};
use rand::Rng;
use rand::rngs::SmallRng;

use super::Lane;
use crate::switch::Switch;

pub struct Schedule {
    switch: Switch,
    chance: Mutex<SmallRng>,
    /// Since when the disk has been polled, this time or the last.
    on: Mutex<Option<Instant>>,
    flips: AtomicU64,
}

impl Schedule {
    pub fn new(switch: Switch, chance: SmallRng) -> Schedule {
        Schedule {
            switch,
            chance: Mutex::new(chance),
            on: Mutex::new(None),
            flips: AtomicU64::new(0),
        }
    }

    pub fn keep(&self, lane: &Lane) -> Result<()> {
        let mut chance = self.chance.lock().expect("nobody panics with it");
        while !lane.is_over() {
            sleep(chance.random_range(OFF.0..=OFF.1));
            *self.on.lock().expect("nobody panics with it") = Some(Instant::now());
            self.switch.set(true)?;
            sleep(ON);
            self.switch.set(false)?;
            self.flips.fetch_add(1, Relaxed);
        }
        Ok(())
    }

    /// The last time at which polling began.
    pub fn polled_since(&self) -> Option<Instant> {
        *self.on.lock().expect("nobody panics with it")
    }

    pub fn flips(&self) -> u64 {
        self.flips.load(Relaxed)
    }
}
