// SPDX-License-Identifier: GPL-2.0

//! The shim, as the machine's invariants see it: it answers as it is told to, and
//! checks what it is asked. What is owned, what was spent and what is there it
//! tracks by itself. The fuzzer uses it as well.

use std::collections::BTreeSet;

use poll_core::poll::machine::CLOCK_LOOKS;
use poll_core::poll::{Action, Input, Machine, Reason, Slot, MAX_SOURCES};

/// How long a wait may be, and its handlers.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    pub limit: u64,
    pub budget: u64,
}

/// The clock, which need not behave.
#[derive(Clone, Copy, Debug)]
pub enum Clock {
    /// It goes on by so much.
    On(u64),
    /// It says this, whatever it said before.
    Jump(u64),
}

/// What can happen to a machine.
#[derive(Clone, Copy, Debug)]
pub enum Event {
    /// The last action is answered; `choice` is which of the answers that make
    /// sense. A handler took `spent`. The next wait starts if none is running.
    Answer {
        choice: u8,
        resched: bool,
        clock: Clock,
        spent: u64,
    },
    /// Something else is answered.
    Nonsense {
        choice: u8,
        resched: bool,
    },
    /// A source comes or goes; refused while the machine runs.
    Add,
    Remove(u8),
    /// An interrupt broke into the wait.
    Missed(u8),
}

/// The machine and what is known about it.
pub struct Shim {
    machine: Machine,
    pub action: Action,
    terms: Terms,
    present: BTreeSet<u8>,
    owned: BTreeSet<u8>,
    now: u64,
    started: u64,
    /// The machine was told that the wait has lasted long enough. A clock that
    /// went back, or around, is not there yet.
    late: bool,
    /// In handlers, in this wait.
    spent: u64,
    looks: u8,
    /// Hand-backs and hits still allowed, once `resched` was seen.
    left: Option<(usize, usize)>,
    /// The slot that has work, if the last answer said so.
    work: Option<u8>,
}

impl Shim {
    pub fn new(terms: Terms, now: u64, sources: usize) -> Self {
        let mut shim = Self {
            machine: Machine::new(),
            action: Action::Done(Reason::Limit),
            terms,
            present: BTreeSet::new(),
            owned: BTreeSet::new(),
            now,
            started: 0,
            late: false,
            spent: 0,
            looks: 0,
            left: None,
            work: None,
        };

        (0..sources).for_each(|_| shim.happen(Event::Add));
        shim
    }

    pub fn happen(&mut self, event: Event) {
        match event {
            Event::Answer {
                choice,
                resched,
                clock,
                spent,
            } => {
                self.now = match clock {
                    Clock::On(time) => self.now.wrapping_add(time),
                    Clock::Jump(now) => now,
                };
                self.answer(choice, resched, spent);
            }
            Event::Nonsense { choice, resched } => self.misanswer(choice, resched),
            Event::Add => self.add(),
            Event::Remove(slot) => self.remove(slot),
            Event::Missed(slot) => self.machine.missed(Slot(slot)),
        }
    }

    pub fn is_running(&self) -> bool {
        !matches!(self.action, Action::Done(_))
    }

    fn add(&mut self) {
        let room = !self.is_running() && self.present.len() < MAX_SOURCES;
        let slot = self.machine.add();

        assert_eq!(slot.is_some(), room, "a place for a source");
        if let Some(Slot(slot)) = slot {
            assert!(self.present.insert(slot), "{slot} was taken");
        }
    }

    fn remove(&mut self, slot: u8) {
        let gone = self.machine.remove(Slot(slot));

        assert_eq!(gone, !self.is_running(), "removed");
        if gone {
            self.present.remove(&slot);
        }
    }

    pub fn start(&mut self, resched: bool) {
        let Terms { limit, budget } = self.terms;

        self.started = self.now;
        self.late = false;
        self.spent = 0;
        self.looks = 0;
        self.left = resched.then_some((0, 0));
        self.work = None;
        self.action = self.machine.start(self.now, limit, budget, resched);
        self.check();
    }

    /// An input that answers another action than the last one.
    fn misanswer(&mut self, choice: u8, resched: bool) {
        let before = self.action;
        let now = self.now;
        let inputs = [
            Input::NotMine,
            Input::Nothing,
            Input::Work,
            Input::HitDone { now, spent: 1 },
            Input::HandedBack,
            Input::HandedBackWork,
            Input::Rested,
            Input::Clock { now },
        ];
        let input = inputs[usize::from(choice) % inputs.len()];

        if !fits(before, input) {
            self.action = self.machine.step(input, resched);
            assert_eq!(self.action, before, "{input:?} is no answer");
        }
    }

    fn answer(&mut self, choice: u8, resched: bool, spent: u64) {
        let asked = self.action;
        let Some(input) = self.input(choice, spent) else {
            return self.start(resched);
        };

        if let Input::HitDone { spent, .. } = input {
            self.spent = self.spent.saturating_add(spent);
        }
        if matches!(input, Input::HitDone { .. } | Input::Clock { .. }) {
            self.late |= self.now.saturating_sub(self.started) > self.terms.limit;
            self.looks = 0;
        }
        if resched && self.left.is_none() {
            // Handed back just now, and its hit yet to come.
            let owed = usize::from(input == Input::HandedBackWork);
            self.left = Some((self.owned.len(), self.owned.len() + owed));
        }
        self.action = self.machine.step(input, resched);
        self.check_hit(asked);
        self.check();
    }

    /// A true answer; none if nothing was asked.
    fn input(&mut self, choice: u8, spent: u64) -> Option<Input> {
        let now = self.now;

        self.work = None;
        Some(match self.action {
            Action::Look(Slot(slot)) => match choice % 3 {
                0 if !self.owned.contains(&slot) => Input::NotMine,
                1 => {
                    self.owned.insert(slot);
                    self.work = Some(slot);
                    Input::Work
                }
                _ => {
                    self.owned.insert(slot);
                    Input::Nothing
                }
            },
            Action::Hit(_) => Input::HitDone { now, spent },
            Action::HandBack(Slot(slot)) => {
                assert!(self.owned.remove(&slot), "{slot} is not owned");
                if choice.is_multiple_of(2) {
                    Input::HandedBack
                } else {
                    self.work = Some(slot);
                    Input::HandedBackWork
                }
            }
            Action::Rest => Input::Rested,
            Action::Clock => Input::Clock { now },
            Action::Done(_) => return None,
        })
    }

    /// A hit is for work just reported, and within bounds.
    fn check_hit(&self, asked: Action) {
        let Action::Hit(Slot(slot)) = self.action else {
            return;
        };
        assert_eq!(self.work, Some(slot), "a hit without work");
        if matches!(asked, Action::Look(_)) {
            assert!(self.spent <= self.terms.budget, "a hit beyond the budget");
            assert!(!self.late, "a hit after the limit");
        }
    }

    fn check(&mut self) {
        match self.action {
            Action::Done(reason) => {
                assert!(self.owned.is_empty(), "{:?} stay owned", self.owned);
                let is_true = match reason {
                    Reason::Resched => self.left.is_some(),
                    Reason::Limit => self.late,
                    Reason::Budget => self.spent > self.terms.budget,
                };
                assert!(is_true, "{reason:?} is not why");
            }
            Action::Look(_) | Action::Rest => {
                self.looks += 1;
                assert!(self.looks <= CLOCK_LOOKS, "the clock is not read");
            }
            _ => {}
        }
        if let Action::Look(Slot(slot)) = self.action {
            assert!(self.present.contains(&slot), "a look at nothing");
        }
        if let Some((hand_backs, hits)) = &mut self.left {
            let left = match self.action {
                Action::HandBack(_) => hand_backs,
                Action::Hit(_) => hits,
                Action::Done(_) => return,
                action => panic!("{action:?} after resched"),
            };
            *left = left.checked_sub(1).expect("work after resched is bounded");
        }
    }
}

/// Whether `input` answers `action`.
fn fits(action: Action, input: Input) -> bool {
    match action {
        Action::Look(_) => matches!(input, Input::NotMine | Input::Nothing | Input::Work),
        Action::Hit(_) => matches!(input, Input::HitDone { .. }),
        Action::HandBack(_) => matches!(input, Input::HandedBack | Input::HandedBackWork),
        Action::Rest => input == Input::Rested,
        Action::Clock => matches!(input, Input::Clock { .. }),
        Action::Done(_) => false,
    }
}
