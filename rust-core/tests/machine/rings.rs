// SPDX-License-Identifier: GPL-2.0

//! A model of the rings. It gives the answers that a test asks for, and checks each look and each
//! return. It keeps its own record of which rings exist, are borrowed and are owed a hit.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};

use poll_core::poll::machine::CLOCK_LOOKS;
use poll_core::poll::{Look, Owed, Slot, Sources};

/// The poller's view of a source's ring.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ring {
    pub borrowed: bool,
    /// A hit was refused, and the driver has not asked again.
    pub owed: bool,
    /// Looks in this wait saw the ring borrowed, and it was not given back since.
    pub owned: bool,
    /// The longest recent time of its softirqs, in microseconds.
    pub took_us: u16,
}

/// The rings, and the state that the machine's calls are checked against.
pub struct Rings {
    pub rings: BTreeMap<u8, Ring>,
    /// Seed of the rings' answers, and readings until the CPU has something to run.
    pub seed: u32,
    pub resched_in: Cell<Option<u8>>,
    pub resched: Cell<bool>,
    /// `resched` was read since the last look, and was not set.
    pub fresh: Cell<bool>,
    /// Number of looks since the clock was read.
    pub looks: u8,
    /// The time that looks must be given, and whether it is beyond the limit.
    pub now: u64,
    pub late: bool,
    /// `held`: softirqs were left to run. Those of the slot `slow` may take long.
    pub held: bool,
    pub slow: Option<u8>,
    /// All rings are being given back. No ring may be looked at.
    pub stopping: bool,
    /// The slot that has work, if the last call reported work.
    pub work: Option<(u8, Why)>,
    /// The CPU may have something to run only because of hits in doubt.
    pub doubt: bool,
    /// The slot whose hit was refused. The machine has not reported it yet.
    pub refused: Option<u8>,
    /// The slots that had a hit since `resched` was seen.
    pub hits: BTreeSet<u8>,
}

/// Where work was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    Look,
    GiveBack(Owed),
}

impl Rings {
    pub fn new(now: u64) -> Self {
        Self {
            rings: BTreeMap::new(),
            seed: 1,
            resched_in: Cell::new(None),
            resched: Cell::new(false),
            fresh: Cell::new(false),
            looks: 0,
            now,
            late: false,
            held: false,
            slow: None,
            stopping: false,
            work: None,
            doubt: false,
            refused: None,
            hits: BTreeSet::new(),
        }
    }

    fn random(&mut self, below: u32) -> u32 {
        // Xorshift.
        self.seed ^= self.seed << 13;
        self.seed ^= self.seed >> 17;
        self.seed ^= self.seed << 5;
        self.seed % below
    }

    pub fn ring(&mut self, slot: Slot) -> &mut Ring {
        self.rings.get_mut(&slot.0).expect("the source exists")
    }

    /// As `Sched::took()`.
    pub fn took(&mut self, slot: u8, spent: u64) {
        let spent = u16::try_from(spent / 1000).unwrap_or(u16::MAX);
        let ring = self.ring(Slot(slot));

        ring.took_us = spent.max(ring.took_us - ring.took_us / 8);
    }

    pub fn count_look(&mut self) {
        assert!(
            self.fresh.replace(false),
            "a look without a check of resched before it"
        );
        assert!(!self.late, "a look after the limit");
        assert!(!self.held, "a look before pending softirqs have run");
        assert!(!self.stopping, "a look after a source was given back");
        self.looks += 1;
        assert!(self.looks <= CLOCK_LOOKS, "too many looks, clock not read");
    }

    pub fn no_work_waits(&self) {
        assert_eq!(self.work, None, "work was found, but no hit followed");
    }
}

impl Sources for Rings {
    fn resched(&self) -> bool {
        if let Some(readings) = self.resched_in.get() {
            self.resched_in.set(readings.checked_sub(1));
            self.resched.set(self.resched.get() | (readings == 0));
        }
        self.fresh.set(!self.resched.get());
        self.resched.get()
    }

    fn look(&mut self, slot: Slot, now: u64) -> Look {
        self.no_work_waits();
        self.count_look();
        assert_eq!(now, self.now, "a look with the wrong time");

        let choice = self.random(16);
        let ring = self.ring(slot);
        if choice == 0 {
            // The driver asked again: the word holds the driver's value.
            *ring = Ring {
                borrowed: false,
                owed: false,
                ..*ring
            };
            return Look::NotMine;
        }
        if choice == 1 && !ring.borrowed && !ring.owed {
            return Look::NotMine;
        }
        let before = std::mem::replace(&mut ring.borrowed, true);
        ring.owned = true;
        if choice < 4 {
            self.work = Some((slot.0, Why::Look));
            return Look::Work;
        }
        match before {
            true => Look::Nothing,
            false => Look::Borrowed,
        }
    }

    fn give_back(&mut self, slot: Slot, now: u64) -> Owed {
        self.no_work_waits();
        assert_eq!(now, self.now, "given back with the wrong time");
        self.stopping = true;
        let choice = self.random(8);
        let ring = self.ring(slot);
        assert!(ring.owned, "{slot:?} was given back, but is not owned");
        // With choice 0 the driver asked again.
        let work = ring.borrowed && choice != 0 && (ring.owed || choice < 4);
        let owed = match work {
            false => Owed::Nothing,
            true if !ring.owed && choice == 1 => Owed::Doubt,
            true => Owed::News,
        };

        *ring = Ring {
            borrowed: false,
            owned: false,
            owed: false,
            ..*ring
        };
        if work {
            self.work = Some((slot.0, Why::GiveBack(owed)));
        }
        owed
    }

    fn not_told(&mut self, slot: Slot) {
        assert_eq!(self.refused.take(), Some(slot.0), "the hit was not refused");
        self.ring(slot).owed = true;
    }
}
