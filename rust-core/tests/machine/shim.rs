// SPDX-License-Identifier: GPL-2.0

//! A model of the shim and the rings. It gives the answers that a test asks for, and
//! checks each call of the machine. It keeps its own record of which rings exist, are
//! borrowed and are owed a hit. The fuzzer uses it, too.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};

use poll_core::poll::machine::CLOCK_LOOKS;
use poll_core::poll::sched::SLOW_US;
use poll_core::poll::{Action, Input, Look, Machine, Owed, Reason, Slot, Sources, MAX_SOURCES};

/// A change of the clock. The clock may be wrong.
#[derive(Clone, Copy, Debug)]
pub enum Clock {
    /// The clock advances by this time.
    On(u64),
    /// The clock shows this time, whatever it showed before.
    Jump(u64),
}

/// An event for a machine.
#[derive(Clone, Copy, Debug)]
pub enum Event {
    /// Answers the last action, or starts the next wait if none is running. `seed`
    /// chooses the rings' answers. `resched`: readings after which the CPU has
    /// something to run. `spent`: time that a handler, or softirqs, took. `refused`:
    /// the handler was refused.
    Answer {
        seed: u32,
        resched: Option<u8>,
        clock: Clock,
        spent: u64,
        refused: bool,
    },
    /// Gives an input that does not answer the last action.
    Nonsense {
        choice: u8,
    },
    /// `Add` adds a source, `Remove` removes one. Refused while the machine runs.
    Add,
    Remove(u8),
    /// An interrupt of this source broke into the wait.
    Missed(u8),
}

/// The poller's view of a source's ring.
#[derive(Clone, Copy, Debug, Default)]
struct Ring {
    borrowed: bool,
    /// A hit was refused, and the driver has not asked again.
    owed: bool,
    /// Looks in this wait saw the ring borrowed, and it was not given back since.
    owned: bool,
    /// The longest recent time of its softirqs, in microseconds.
    took_us: u16,
}

/// The rings, and the state that the machine's calls are checked against.
struct Rings {
    rings: BTreeMap<u8, Ring>,
    /// Seed of the rings' answers, and readings until the CPU has something to run.
    seed: u32,
    resched_in: Cell<Option<u8>>,
    resched: Cell<bool>,
    /// `resched` was read since the last look, and was not set.
    fresh: Cell<bool>,
    /// Number of looks since the clock was read.
    looks: u8,
    /// The time that looks must be given, and whether it is beyond the limit.
    now: u64,
    late: bool,
    /// `held`: softirqs were left to run. Those of the slot `slow` may take long.
    held: bool,
    slow: Option<u8>,
    /// All rings are being given back. No ring may be looked at.
    stopping: bool,
    /// The slot that has work, if the last call reported work.
    work: Option<(u8, Why)>,
    /// The CPU may have something to run only because of hits in doubt.
    doubt: bool,
    /// The slot whose hit was refused. The machine has not reported it yet.
    refused: Option<u8>,
    /// The slots that had a hit since `resched` was seen.
    hits: BTreeSet<u8>,
}

/// Where work was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Why {
    Look,
    GiveBack(Owed),
}

impl Rings {
    fn random(&mut self, below: u32) -> u32 {
        // Xorshift.
        self.seed ^= self.seed << 13;
        self.seed ^= self.seed >> 17;
        self.seed ^= self.seed << 5;
        self.seed % below
    }

    fn ring(&mut self, slot: Slot) -> &mut Ring {
        self.rings.get_mut(&slot.0).expect("the source exists")
    }

    /// As `Sched::took()`.
    fn took(&mut self, slot: u8, spent: u64) {
        let spent = u16::try_from(spent / 1000).unwrap_or(u16::MAX);
        let ring = self.ring(Slot(slot));

        ring.took_us = spent.max(ring.took_us - ring.took_us / 8);
    }

    fn count_look(&mut self) {
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

    fn no_work_waits(&self) {
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

/// The machine and the state that it is checked against.
pub struct Shim {
    machine: Machine,
    pub action: Action,
    rings: Rings,
    limit: u64,
    now: u64,
    started: u64,
}

impl Shim {
    pub fn new(limit: u64, now: u64) -> Self {
        Self {
            machine: Machine::new(),
            action: Action::Done(Reason::Limit),
            rings: Rings {
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
            },
            limit,
            now,
            started: 0,
        }
    }

    pub fn happen(&mut self, event: Event) {
        match event {
            Event::Answer {
                seed,
                resched,
                clock,
                spent,
                refused,
            } => {
                self.now = match clock {
                    Clock::On(time) => self.now.wrapping_add(time),
                    Clock::Jump(now) => now,
                };
                self.rings.seed = seed.max(1);
                if resched.is_some() {
                    self.rings.resched_in.set(resched);
                }
                self.answer(spent, refused);
            }
            Event::Nonsense { choice } => self.misanswer(choice),
            Event::Add => self.add(),
            Event::Remove(slot) => self.remove(slot),
            Event::Missed(slot) => self.machine.missed(Slot(slot)),
        }
    }

    pub fn is_running(&self) -> bool {
        !matches!(self.action, Action::Done(_))
    }

    fn add(&mut self) {
        let room = !self.is_running() && self.rings.rings.len() < MAX_SOURCES;
        let slot = self.machine.add();

        assert_eq!(slot.is_some(), room, "add() and `room` disagree");
        if let Some(Slot(slot)) = slot {
            let old = self.rings.rings.insert(slot, Ring::default());
            assert!(old.is_none(), "{slot} was in use already");
        }
    }

    fn remove(&mut self, slot: u8) {
        let gone = self.machine.remove(Slot(slot));

        assert_eq!(gone, !self.is_running(), "remove() fails only in a wait");
        if gone {
            self.rings.rings.remove(&slot);
        }
    }

    pub fn start(&mut self) {
        let rings = &mut self.rings;

        self.started = self.now;
        rings.now = self.now;
        rings.late = false;
        rings.looks = 0;
        rings.resched.set(false);
        rings.stopping = false;
        rings.doubt = false;
        rings.hits.clear();
        self.action = self.machine.start(rings, self.now, self.limit);
        self.check();
    }

    /// Gives an input that does not answer the last action. Nothing may change.
    fn misanswer(&mut self, choice: u8) {
        let before = self.action;
        let now = self.now;
        let inputs = [
            Input::HitDone { now, spent: 1 },
            Input::HitRefused,
            Input::SoftirqsDone { now, spent: 1 },
            Input::Rested,
            Input::Clock { now },
        ];
        let input = inputs[usize::from(choice) % inputs.len()];

        if !fits(before, input) {
            let looks = self.rings.looks;
            self.action = self.machine.step(&mut self.rings, input);
            assert_eq!(self.action, before, "{input:?} must change nothing");
            assert_eq!(self.rings.looks, looks, "{input:?} must change nothing");
        }
    }

    fn answer(&mut self, spent: u64, refused: bool) {
        let asked = self.action;
        let Some(input) = self.input(spent, refused) else {
            return self.start();
        };

        self.told(asked, input);
        self.action = self.machine.step(&mut self.rings, input);
        assert_eq!(self.rings.refused, None, "a refused hit was forgotten");
        self.check();
    }

    /// A right answer to the last action; None if the machine asked for nothing.
    fn input(&mut self, spent: u64, refused: bool) -> Option<Input> {
        let now = self.now;

        Some(match self.action {
            Action::Hit(_) | Action::HitAlone(_) if refused => Input::HitRefused,
            Action::Hit(_) | Action::HitAlone(_) => Input::HitDone { now, spent },
            Action::Softirqs => Input::SoftirqsDone { now, spent },
            Action::Rest => Input::Rested,
            Action::Clock => Input::Clock { now },
            Action::Done(_) => return None,
        })
    }

    /// Records an answer, before the machine gets it.
    fn told(&mut self, asked: Action, input: Input) {
        let rings = &mut self.rings;

        match input {
            Input::HitDone { now, .. } | Input::SoftirqsDone { now, .. } | Input::Clock { now } => {
                rings.now = now;
                rings.looks = 0;
                // After HitAlone, softirqs come before the check of the limit.
                if !matches!(asked, Action::HitAlone(_)) {
                    rings.late |= now.saturating_sub(self.started) > self.limit;
                }
            }
            Input::HitRefused | Input::Rested => {}
        }
        match (asked, input) {
            (Action::Hit(Slot(slot)), Input::HitDone { spent, .. }) => rings.took(slot, spent),
            (Action::Softirqs, Input::SoftirqsDone { spent, .. }) => {
                rings.held = false;
                rings.stopping = false;
                rings.doubt &= rings.late;
                if let Some(slot) = rings.slow.take() {
                    rings.took(slot, spent);
                }
            }
            (Action::Hit(Slot(slot)) | Action::HitAlone(Slot(slot)), Input::HitRefused) => {
                rings.refused = Some(slot);
            }
            _ => {}
        }
        if let Action::HitAlone(Slot(slot)) = asked {
            if !rings.stopping && input != Input::HitRefused {
                rings.slow = Some(slot);
            }
            rings.held = true;
        }
    }

    /// Checks that a hit is for the work that was just found.
    fn check_hit(&mut self, slot: u8, alone: bool) {
        let rings = &mut self.rings;
        let Some((with_work, why)) = rings.work.take() else {
            panic!("a hit without work");
        };

        assert_eq!(with_work, slot, "a hit of a source without work");
        match why {
            Why::Look => {
                let is_slow = rings.ring(Slot(slot)).took_us > SLOW_US;
                assert_eq!(alone, is_slow, "only a slow source must be hit alone");
            }
            Why::GiveBack(owed) => {
                assert!(alone, "a source that is given back must be hit alone");
                rings.doubt = owed == Owed::Doubt && (rings.doubt || !rings.resched.get());
            }
        }
        if rings.resched.get() {
            assert_ne!(why, Why::Look, "a look after resched");
            assert!(rings.hits.insert(slot), "two hits after resched");
        }
    }

    fn check(&mut self) {
        match self.action {
            Action::Hit(Slot(slot)) => self.check_hit(slot, false),
            Action::HitAlone(Slot(slot)) => self.check_hit(slot, true),
            _ => self.rings.no_work_waits(),
        }
        let rings = &mut self.rings;
        let all_back = rings
            .rings
            .values()
            .all(|ring| !ring.borrowed && !ring.owned);
        match self.action {
            Action::Hit(_) | Action::HitAlone(_) => {}
            Action::Softirqs => {
                assert!(all_back, "softirqs with owned rings: {:?}", rings.rings);
                assert!(rings.held, "softirqs run, but none are pending");
            }
            Action::Rest => rings.count_look(),
            Action::Clock => assert!(rings.fresh.get(), "no check of resched before the clock"),
            Action::Done(reason) => {
                assert!(all_back, "ended with owned rings: {:?}", rings.rings);
                assert!(!rings.held, "the wait ended before pending softirqs ran");
                let is_true = match reason {
                    Reason::Resched => rings.resched.get(),
                    Reason::Limit => rings.late && (rings.doubt || !rings.resched.get()),
                };
                assert!(is_true, "the wait did not end because of {reason:?}");
            }
        }
    }
}

/// Whether `input` answers `action`.
fn fits(action: Action, input: Input) -> bool {
    match action {
        Action::Hit(_) | Action::HitAlone(_) => {
            matches!(input, Input::HitDone { .. } | Input::HitRefused)
        }
        Action::Softirqs => matches!(input, Input::SoftirqsDone { .. }),
        Action::Rest => input == Input::Rested,
        Action::Clock => matches!(input, Input::Clock { .. }),
        Action::Done(_) => false,
    }
}
