// SPDX-License-Identifier: GPL-2.0

//! One polled wait, as a state machine.
//!
//! The machine looks at the rings itself ([`Sources`]), says what else is to be done
//! ([`Action`]), and is told how that went ([`Input`]).
//!
//! ```text
//!             start()
//!   Armed -----------------> Polling <------------------+
//!     ^                       |   |  ^                  |
//!     |                       |   |  +-- clock, rest ---+
//!     |                       |   |  +-- hit done ------+
//!     |       resched, limit, |   +----> Hit -----------+
//!     |       a slow hit done |
//!     |                       v
//!     |                    Stopping: gives back all rings;
//!     |                       |      hits those with work
//!     |             any hit   |
//!     |          +------------+
//!     |          v            | none
//!     |       Softirqs        |
//!     |          |            |
//!     +--- Done -+------------+
//!                |
//!                +--> Polling, if only a slow hit had ended it
//! ```
//!
//! # Softirqs
//!
//! A hit raises softirqs, and nobody looks at the other rings while they run. Given
//! back, those would interrupt for whatever comes in that time; borrowed, it waits.
//! So they stay borrowed if the source's softirqs have been short lately
//! ([`Sched::is_slow`]), and are given back before long ones run.
//!
//! # Invariants
//!
//! - [`Action::Done`] and [`Action::Softirqs`] come only when no ring is borrowed.
//! - After `resched` no ring is looked at. What is left is to give back each borrowed
//!   ring, and one hit for each of those that had work by then: an interrupt that is
//!   owed to the driver.
//! - Before each look `resched` is read.
//! - A hit that was refused is owed: [`Sources::not_told`] remembers it.
//! - After [`Action::HitAlone`], done or refused, softirqs are left alone until
//!   [`Action::Softirqs`], which comes before [`Action::Done`].
//! - The wait is over at its limit, whatever its hits took.
//! - A CPU that has something to run by the end is told so, whatever ended the
//!   wait. But if only a hit in doubt ([`Owed::Doubt`]) after the limit can have come of
//!   it, the wait was in vain. A driver that leaves its buffer would wake its thread in
//!   each wait, and its CPU would never halt.
//! - An input that does not answer the last action changes nothing: the action
//!   is asked for again.

use super::borrow::{
    Look,
    Owed, //
};
use super::sched::{
    Sched,
    Slot, //
};

/// Looks between two readings of the clock.
pub const CLOCK_LOOKS: u8 = 32;

/// The rings of one CPU, and whether it has something to run.
pub trait Sources {
    /// Whether the CPU has something to run.
    fn resched(&self) -> bool;

    /// Looks at a source's ring, and borrows it first where it can.
    fn look(&mut self, slot: Slot, now: u64) -> Look;

    /// Gives a source's ring back to its driver. But for [`Owed::Nothing`] an interrupt
    /// is owed.
    fn give_back(&mut self, slot: Slot, now: u64) -> Owed;

    /// The hit that the source was to have was refused.
    fn not_told(&mut self, slot: Slot);
}

/// What is to be done next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Run the source's handler as an interrupt, then softirqs.
    Hit(Slot),
    /// Run the source's handler as an interrupt, and leave softirqs for later.
    HitAlone(Slot),
    /// Run the softirqs that were left.
    Softirqs,
    /// No source deserves a look: relax the CPU a moment.
    Rest,
    /// Read the clock.
    Clock,
    /// The wait is over.
    Done(Reason),
}

/// How the last action went. Times are in nanoseconds of one CPU's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    /// To [`Action::Hit`] and [`Action::HitAlone`].
    HitDone {
        /// The time now.
        now: u64,
        /// What the handler took, and the softirqs after it.
        spent: u64,
    },
    /// To the same: the interrupt core could not run the handler.
    HitRefused,
    /// To [`Action::Softirqs`].
    SoftirqsDone {
        /// The time now.
        now: u64,
        /// What they took.
        spent: u64,
    },
    /// To [`Action::Rest`].
    Rested,
    /// To [`Action::Clock`].
    Clock {
        /// The time now.
        now: u64,
    },
}

/// Why a wait ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The CPU has something to run.
    Resched,
    /// The wait reached its limit.
    Limit,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Armed,
    Polling,
    Stopping,
    Softirqs,
}

/// The polling of one CPU. It belongs to that CPU: nothing here is shared.
pub struct Machine {
    sched: Sched,
    state: State,
    last: Action,
    /// Why it stops. None: for softirqs alone.
    reason: Option<Reason>,
    /// The source whose softirqs are left because they may take long.
    slow: Option<Slot>,
    /// Softirqs are left to run.
    softirqs: bool,
    /// What is to run may come of a hit in doubt alone.
    doubt: bool,
    started: u64,
    /// When the clock was read last.
    now: u64,
    limit: u64,
    /// Until the clock is read again.
    looks: u8,
}

impl Machine {
    /// A machine without sources, armed.
    pub const fn new() -> Self {
        Self {
            sched: Sched::new(),
            state: State::Armed,
            last: Action::Done(Reason::Limit),
            reason: None,
            slow: None,
            softirqs: false,
            doubt: false,
            started: 0,
            now: 0,
            limit: 0,
            looks: 0,
        }
    }

    /// Adds a source, between waits. Returns `None` if there is no room, or a
    /// wait is going on.
    pub fn add(&mut self) -> Option<Slot> {
        if self.state == State::Armed {
            self.sched.add()
        } else {
            None
        }
    }

    /// Removes a source, between waits. Returns whether it is gone.
    pub fn remove(&mut self, slot: Slot) -> bool {
        let armed = self.state == State::Armed;
        if armed {
            self.sched.remove(slot);
        }
        armed
    }

    /// The source's interrupt broke into the wait.
    pub fn missed(&mut self, slot: Slot) {
        self.sched.missed(slot);
    }

    /// Starts a wait of `limit` nanoseconds at `now`.
    pub fn start<S: Sources>(&mut self, sources: &mut S, now: u64, limit: u64) -> Action {
        if self.state == State::Armed {
            self.state = State::Polling;
            self.reason = None;
            self.slow = None;
            self.softirqs = false;
            self.started = now;
            self.now = now;
            self.limit = limit;
            self.looks = CLOCK_LOOKS;
            self.sched.begin();
            self.last = self.poll(sources);
        }
        self.last
    }

    /// Takes the answer to the last action and returns the next one.
    pub fn step<S: Sources>(&mut self, sources: &mut S, input: Input) -> Action {
        self.last = match (self.last, input) {
            (Action::Clock, Input::Clock { now }) => self.poll_at(sources, now),
            (Action::Rest, Input::Rested) => self.poll(sources),
            (last, input) => self.step_after(sources, last, input),
        };
        self.last
    }

    /// As [`Machine::step`], for what comes less often.
    #[inline(never)]
    fn step_after<S: Sources>(&mut self, sources: &mut S, last: Action, input: Input) -> Action {
        match (last, input) {
            (Action::Hit(slot), Input::HitDone { now, spent }) => {
                self.sched.hit(slot);
                self.sched.took(slot, spent);
                self.poll_at(sources, now)
            }
            (Action::HitAlone(slot), Input::HitDone { now, .. }) => {
                self.now = now;
                self.softirqs = true;
                if self.state == State::Polling {
                    self.sched.hit(slot);
                    self.slow = Some(slot);
                    self.stop(sources, None)
                } else {
                    self.give_back(sources)
                }
            }
            (Action::Hit(slot), Input::HitRefused) => {
                sources.not_told(slot);
                self.poll(sources)
            }
            (Action::HitAlone(slot), Input::HitRefused) => {
                // The next wait is to look at it.
                self.sched.missed(slot);
                sources.not_told(slot);
                self.softirqs = true;
                if self.state == State::Polling {
                    self.stop(sources, None)
                } else {
                    self.give_back(sources)
                }
            }

            (Action::Softirqs, Input::SoftirqsDone { now, spent }) => {
                self.softirqs = false;
                if let Some(slot) = self.slow.take() {
                    self.sched.took(slot, spent);
                }
                match self.reason {
                    Some(_) => self.done(sources),
                    None => {
                        self.state = State::Polling;
                        self.poll_at(sources, now)
                    }
                }
            }

            (last, _) => last,
        }
    }

    /// What is to be done, asked for again.
    pub fn last(&self) -> Action {
        self.last
    }

    #[inline]
    fn poll_at<S: Sources>(&mut self, sources: &mut S, now: u64) -> Action {
        self.now = now;
        if now.saturating_sub(self.started) > self.limit {
            return self.stop(sources, Some(Reason::Limit));
        }
        self.looks = CLOCK_LOOKS;
        self.poll(sources)
    }

    fn poll<S: Sources>(&mut self, sources: &mut S) -> Action {
        if !self.sched.has_next() {
            return self.rest(sources);
        }
        let mut looks = self.looks;
        while !sources.resched() {
            if looks == 0 {
                return Action::Clock;
            }
            looks -= 1;
            let slot = self.sched.next_source();
            match sources.look(slot, self.now) {
                Look::NotMine | Look::Nothing => {}
                Look::Borrowed => self.sched.own(slot),
                Look::Work => {
                    self.looks = looks;
                    return self.found(slot);
                }
            }
        }
        self.stop(sources, Some(Reason::Resched))
    }

    /// As [`Machine::poll`] with nothing to look at.
    #[cold]
    #[inline(never)]
    fn rest<S: Sources>(&mut self, sources: &mut S) -> Action {
        if sources.resched() {
            return self.stop(sources, Some(Reason::Resched));
        }
        if self.looks == 0 {
            return Action::Clock;
        }
        self.looks -= 1;
        Action::Rest
    }

    /// A look found work.
    #[cold]
    #[inline(never)]
    fn found(&mut self, slot: Slot) -> Action {
        self.sched.own(slot);
        if self.sched.is_slow(slot) {
            Action::HitAlone(slot)
        } else {
            Action::Hit(slot)
        }
    }

    #[cold]
    #[inline(never)]
    fn stop<S: Sources>(&mut self, sources: &mut S, reason: Option<Reason>) -> Action {
        self.state = State::Stopping;
        self.reason = reason;
        self.doubt = false;
        self.give_back(sources)
    }

    fn give_back<S: Sources>(&mut self, sources: &mut S) -> Action {
        while let Some(slot) = self.sched.any_owned() {
            let owed = sources.give_back(slot, self.now);
            let news = owed == Owed::News;

            self.sched.disown(news, self.reason.is_some());
            if owed != Owed::Nothing {
                self.doubt = !news && (self.doubt || !sources.resched());
                return Action::HitAlone(slot);
            }
        }
        if self.softirqs {
            self.state = State::Softirqs;
            return Action::Softirqs;
        }
        self.done(sources)
    }

    fn done<S: Sources>(&mut self, sources: &mut S) -> Action {
        self.state = State::Armed;
        Action::Done(if sources.resched() && !self.doubt {
            Reason::Resched
        } else {
            self.reason.unwrap_or(Reason::Limit)
        })
    }
}

impl Default for Machine {
    fn default() -> Self {
        Self::new()
    }
}
