// SPDX-License-Identifier: GPL-2.0

//! A model of the shim. It gives the machine the answers that a test asks for, and checks each
//! action of the machine. The fuzzer uses it, too.

use poll_core::poll::sched::SLOW_US;
use poll_core::poll::{Action, Input, Machine, Owed, Reason, Slot, MAX_SOURCES};

use crate::rings::{Ring, Rings, Why};

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
            rings: Rings::new(now),
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
