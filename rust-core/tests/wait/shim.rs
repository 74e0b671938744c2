// SPDX-License-Identifier: GPL-2.0

//! A model of the shim: it adds and removes sources, and waits. The fuzzer uses it, too.

use poll_core::poll::poll_wait::wait;
use poll_core::poll::sched::{Sched, Slot, COLD_MISSES, MAX_SOURCES};

use crate::rings::{Ring, Rings, Turn};

/// An event for a CPU.
#[derive(Clone, Copy, Debug)]
pub enum Event {
    /// For the next wait. A wait takes as many turns as it needs.
    Turn(Turn),
    /// `Add` adds a source, `Remove` removes one. Before that the turns so far are taken.
    Add,
    Remove(u8),
    /// The same, and an interrupt of this source broke into the wait.
    Missed(u8),
}

/// The sources of a CPU, and the state that its waits are checked against.
pub struct Shim {
    sched: Sched,
    rings: Rings,
    limit: u64,
    waits: u32,
}

impl Shim {
    pub fn new(limit: u64, now: u64) -> Self {
        Self {
            sched: Sched::default(),
            rings: Rings::new(now),
            limit,
            waits: 0,
        }
    }

    pub fn happen(&mut self, event: Event) {
        if let Event::Turn(turn) = event {
            self.rings.turns.push_back(turn);
            return;
        }
        self.wait_for_all();
        match event {
            Event::Turn(_) => {}
            Event::Add => self.add(),
            Event::Remove(slot) => {
                self.sched.remove(Slot(slot));
                self.rings.rings.remove(&slot);
            }
            Event::Missed(slot) => self.sched.missed(Slot(slot)),
        }
    }

    /// Waits until all turns are taken.
    pub fn wait_for_all(&mut self) {
        while self.turns_left() > 0 {
            self.wait();
        }
    }

    /// Waits once.
    pub fn wait(&mut self) {
        let may_rest = self.rings.rings.is_empty() || self.waits >= COLD_MISSES.into();
        let now = self.rings.start(self.limit, may_rest);
        let told = wait(&mut self.sched, &mut self.rings, now, self.limit);

        self.rings.end(told);
        self.waits += 1;
    }

    pub fn turns_left(&self) -> usize {
        self.rings.turns.len()
    }

    fn add(&mut self) {
        let room = self.rings.rings.len() < MAX_SOURCES;
        let slot = self.sched.add();

        assert_eq!(slot.is_some(), room, "add() and `room` disagree");
        if let Some(Slot(slot)) = slot {
            let old = self.rings.rings.insert(slot, Ring::default());
            assert!(old.is_none(), "{slot} was in use already");
        }
    }
}
