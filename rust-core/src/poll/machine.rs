// SPDX-License-Identifier: GPL-2.0

//! One episode of polling, as a state machine.
//!
//! The machine says what to do ([`Action`]); the shim does it and says how it
//! went ([`Input`]). Whether the CPU should reschedule comes with every step.
//!
//! ```text
//!           start()
//!   Armed -----------> Polling <-------------------+
//!     ^                |  |  ^                     |
//!     |                |  |  +- nothing, not mine, |
//!     |                |  |     rested, clock      | hit done
//!     |                |  +----- work -----------> Hitting
//!     |                |                             |
//!     |        resched, limit, budget     resched, limit, budget
//!     |                |                             |
//!     |                v                             |
//!     +--- Done --- Stopping <-----------------------+
//!      none owned   |  ^  ^
//!                   |  |  +-- hit done -- Settling
//!                   |  |                     ^
//!      handed back -+--+                     |
//!                   +---- handed back, but with work
//! ```
//!
//! # Invariants
//!
//! - [`Action::Done`] comes only when no source is owned: nothing stays
//!   suppressed outside polling.
//! - After the first step with `resched`, nothing is looked at any more. What
//!   is left is one hand-back for each owned source, and one hit for each of
//!   those that had work by then: an interrupt that is owed to the driver.
//! - Between two hits `resched`, the budget and the limit are looked at.
//! - A CPU that has something to run by the end is told so, whatever ended the
//!   wait: it did not wait in vain.
//! - An input that does not answer the last action changes nothing: the action
//!   is asked for again.

use super::sched::{
    Sched,
    Slot, //
};

/// Looks between two readings of the clock.
pub const CLOCK_LOOKS: u8 = 32;

/// What the shim is to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Look at a source, taking it over first (`gate::look()`).
    Look(Slot),
    /// Run the source's handler as an interrupt.
    Hit(Slot),
    /// Hand the source back to its driver (`gate::hand_back()`).
    HandBack(Slot),
    /// No source deserves a look: relax the CPU a moment.
    Rest,
    /// Read the clock.
    Clock,
    /// The episode is over.
    Done(Reason),
}

/// How the last action went. Times are in nanoseconds of one CPU's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    /// To [`Action::Look`]: the driver does not want events, or the gate is shut.
    NotMine,
    /// To [`Action::Look`]: owned, and no work.
    Nothing,
    /// To [`Action::Look`]: owned, and work.
    Work,
    /// To [`Action::Hit`].
    HitDone {
        /// The time now.
        now: u64,
        /// What the handler took.
        spent: u64,
    },
    /// To [`Action::HandBack`]: the driver has it, nothing is pending.
    HandedBack,
    /// To [`Action::HandBack`]: the driver has it, and is owed an interrupt.
    HandedBackWork,
    /// To [`Action::Rest`].
    Rested,
    /// To [`Action::Clock`].
    Clock {
        /// The time now.
        now: u64,
    },
}

/// Why an episode ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The CPU has something to run.
    Resched,
    /// The wait reached its limit: time to halt.
    Limit,
    /// The handlers used up their budget: the device is too busy to be polled.
    Budget,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Armed,
    Polling,
    Hitting,
    Stopping,
    Settling,
}

/// The polling of one CPU. It belongs to that CPU: nothing here is shared.
pub struct Machine {
    sched: Sched,
    state: State,
    last: Action,
    reason: Reason,
    started: u64,
    limit: u64,
    budget: u64,
    spent: u64,
    looks: u8,
}

impl Machine {
    /// A machine without sources, armed.
    pub const fn new() -> Self {
        Self {
            sched: Sched::new(),
            state: State::Armed,
            last: Action::Done(Reason::Limit),
            reason: Reason::Limit,
            started: 0,
            limit: 0,
            budget: 0,
            spent: 0,
            looks: 0,
        }
    }

    /// Adds a source, between episodes. Returns `None` if there is no room, or
    /// an episode is running.
    pub fn add(&mut self) -> Option<Slot> {
        if self.state == State::Armed {
            self.sched.add()
        } else {
            None
        }
    }

    /// Removes a source, between episodes. Returns whether it is gone.
    pub fn remove(&mut self, slot: Slot) -> bool {
        let armed = self.state == State::Armed;
        if armed {
            self.sched.remove(slot);
        }
        armed
    }

    /// An interrupt for `slot` arrived during the episode.
    pub fn missed(&mut self, slot: Slot) {
        self.sched.missed(slot);
    }

    /// Starts an episode at `now` that waits for `limit` at most, of which the
    /// handlers may run for `budget` before the poller gives up.
    pub fn start(&mut self, now: u64, limit: u64, budget: u64, resched: bool) -> Action {
        if self.state == State::Armed {
            self.state = State::Polling;
            self.started = now;
            self.limit = limit;
            self.budget = budget;
            self.spent = 0;
            self.looks = 0;
            self.sched.begin();
            self.last = self.poll(resched);
        }
        self.last
    }

    /// Takes the answer to the last action and returns the next one.
    pub fn step(&mut self, input: Input, resched: bool) -> Action {
        self.last = match (self.state, self.last, input) {
            (State::Polling, Action::Look(_), Input::NotMine)
            | (State::Polling, Action::Rest, Input::Rested) => self.poll(resched),

            (State::Polling, Action::Look(slot), Input::Nothing) => {
                self.sched.own(slot);
                self.poll(resched)
            }
            (State::Polling, Action::Look(slot), Input::Work) => {
                self.sched.own(slot);
                if resched {
                    // The hand-back finds the work again and delivers it.
                    self.stop(Reason::Resched, resched)
                } else {
                    self.state = State::Hitting;
                    Action::Hit(slot)
                }
            }
            (State::Polling, Action::Clock, Input::Clock { now }) => self.poll_at(now, resched),

            (State::Hitting, Action::Hit(slot), Input::HitDone { now, spent }) => {
                self.sched.hit(slot);
                self.state = State::Polling;
                self.spent = self.spent.saturating_add(spent);
                if self.spent > self.budget {
                    self.stop(Reason::Budget, resched)
                } else {
                    self.poll_at(now, resched)
                }
            }

            (State::Stopping, Action::HandBack(_), Input::HandedBack) => {
                self.sched.disown(false);
                self.hand_back(resched)
            }
            (State::Stopping, Action::HandBack(slot), Input::HandedBackWork) => {
                self.sched.disown(true);
                self.state = State::Settling;
                Action::Hit(slot)
            }
            (State::Settling, Action::Hit(_), Input::HitDone { .. }) => self.hand_back(resched),

            (_, last, _) => last,
        };
        self.last
    }

    fn poll_at(&mut self, now: u64, resched: bool) -> Action {
        if now.saturating_sub(self.started) > self.limit {
            return self.stop(Reason::Limit, resched);
        }
        self.looks = 0;
        self.poll(resched)
    }

    fn poll(&mut self, resched: bool) -> Action {
        if resched {
            return self.stop(Reason::Resched, resched);
        }
        if self.looks >= CLOCK_LOOKS {
            return Action::Clock;
        }
        self.looks += 1;
        match self.sched.next_source() {
            Some(slot) => Action::Look(slot),
            None => Action::Rest,
        }
    }

    fn stop(&mut self, reason: Reason, resched: bool) -> Action {
        self.reason = reason;
        self.hand_back(resched)
    }

    fn hand_back(&mut self, resched: bool) -> Action {
        match self.sched.any_owned() {
            Some(slot) => {
                self.state = State::Stopping;
                Action::HandBack(slot)
            }
            None => {
                self.state = State::Armed;
                Action::Done(if resched {
                    Reason::Resched
                } else {
                    self.reason
                })
            }
        }
    }
}

impl Default for Machine {
    fn default() -> Self {
        Self::new()
    }
}
