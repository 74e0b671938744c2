// SPDX-License-Identifier: GPL-2.0

//! One polled wait: look at the rings, hit those with work, and give all back.
//!
//! ```text
//!   wait() --> poll: looks, hits <---------------------+
//!               |                                      |
//!               | something to run, the limit,         | only slow softirqs
//!               | work whose softirqs are slow         | had ended it
//!               v                                      |
//!              stop: gives back all rings, hits those  |
//!               |    with work, then runs softirqs ----+
//!               v
//!              the wait is over
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
//! - No ring is borrowed when the wait is over, nor while [`Cpu::softirqs`] runs.
//! - After [`Cpu::resched`] no ring is looked at. What is left is to give back each
//!   borrowed ring, and one hit for each of those that had work by then: an interrupt
//!   that is owed to the driver.
//! - Before each look `resched` is read.
//! - After a hit without softirqs, done or refused, softirqs are left alone until
//!   [`Cpu::softirqs`], which comes before the end.
//! - The wait is over at its limit, whatever its hits took.
//! - A CPU that has something to run by the end is told so, whatever ended the
//!   wait. But if only a hit in doubt ([`Owed::Doubt`]) after the limit can have come of
//!   it, the wait was in vain. A driver that leaves its buffer would wake its thread in
//!   each wait, and its CPU would never halt.

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

/// A CPU that waits, and its rings. Times are in nanoseconds of its clock.
pub trait Cpu {
    /// Whether the CPU has something to run.
    fn resched(&self) -> bool;

    /// Reads the clock.
    fn clock(&mut self) -> u64;

    /// No source deserves a look: relaxes the CPU a moment.
    fn rest(&mut self);

    /// Looks at a source's ring, and borrows it first where it can.
    fn look(&mut self, slot: Slot, now: u64) -> Look;

    /// Gives a source's ring back to its driver. But for [`Owed::Nothing`] an interrupt
    /// is owed.
    fn give_back(&mut self, slot: Slot, now: u64) -> Owed;

    /// Runs a source's handler as an interrupt, then softirqs, or leaves those for later.
    /// Returns the time after that, or `None` if the handler was refused: then
    /// [`Cpu::give_back`] says that it is owed.
    fn hit(&mut self, slot: Slot, softirqs: bool, start: u64) -> Option<u64>;

    /// Runs the softirqs that were left, by the hit of `slot` first. Returns the time
    /// after that.
    fn softirqs(&mut self, slot: Slot, start: u64) -> u64;
}

/// Why polling stops.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stop {
    /// The CPU has something to run, or the wait is at its limit.
    Over,
    /// There is work, whose softirqs may take long.
    Slow(Slot),
}

struct Wait<'a, C> {
    sched: &'a mut Sched,
    cpu: &'a mut C,
    started: u64,
    limit: u64,
    /// When the clock was read last.
    now: u64,
}

/// Waits for something to run, for `limit` nanoseconds from `now` on, and polls the
/// sources of the CPU. Returns whether the CPU has something to run.
pub fn wait<C: Cpu>(sched: &mut Sched, cpu: &mut C, now: u64, limit: u64) -> bool {
    let mut wait = Wait {
        sched,
        cpu,
        started: now,
        limit,
        now,
    };

    wait.sched.begin();
    loop {
        let why = wait.poll();
        let doubt = wait.stop(why);

        if why == Stop::Over || wait.is_at_limit() {
            return wait.cpu.resched() && !doubt;
        }
    }
}

/// Why looking stops.
enum Seen {
    /// The CPU has something to run.
    Resched,
    /// The looks are at an end.
    Nothing,
    /// There is work.
    Work(Slot),
}

/// Looks at the sources in turn. A function of its own, so that all it needs is in
/// registers.
#[inline]
fn look<C: Cpu>(sched: &mut Sched, cpu: &mut C, now: u64, looks: &mut u8) -> Seen {
    while !cpu.resched() {
        if *looks == 0 {
            return Seen::Nothing;
        }
        *looks -= 1;
        let slot = sched.next_source();
        match cpu.look(slot, now) {
            Look::NotMine | Look::Nothing => {}
            Look::Borrowed => sched.own(slot),
            Look::Work => return Seen::Work(slot),
        }
    }
    Seen::Resched
}

/// As [`look`], where there is nothing to look at.
fn rest<C: Cpu>(cpu: &mut C, looks: &mut u8) -> Seen {
    while !cpu.resched() {
        if *looks == 0 {
            return Seen::Nothing;
        }
        *looks -= 1;
        cpu.rest();
    }
    Seen::Resched
}

impl<C: Cpu> Wait<'_, C> {
    fn is_at_limit(&self) -> bool {
        self.now.saturating_sub(self.started) > self.limit
    }

    #[inline]
    fn poll(&mut self) -> Stop {
        let mut looks = CLOCK_LOOKS;

        loop {
            let seen = if self.sched.has_next() {
                look(self.sched, self.cpu, self.now, &mut looks)
            } else {
                rest(self.cpu, &mut looks)
            };
            match seen {
                Seen::Resched => break,
                Seen::Nothing => self.now = self.cpu.clock(),
                Seen::Work(slot) => {
                    self.sched.own(slot);
                    if self.sched.is_slow(slot) {
                        return Stop::Slow(slot);
                    }
                    if !self.hit(slot) {
                        continue;
                    }
                }
            }
            if self.is_at_limit() {
                break;
            }
            looks = CLOCK_LOOKS;
        }
        Stop::Over
    }

    /// Hits a source whose softirqs are short. Returns whether it was not refused.
    #[cold]
    #[inline(never)]
    fn hit(&mut self, slot: Slot) -> bool {
        let start = self.cpu.clock();
        let Some(now) = self.cpu.hit(slot, true, start) else {
            return false;
        };

        self.sched.hit(slot);
        self.sched.took(slot, now.saturating_sub(start));
        self.now = now;
        true
    }

    /// Hits a source, and leaves softirqs for later. Returns whether it was not refused.
    fn hit_alone(&mut self, slot: Slot) -> bool {
        let start = self.cpu.clock();
        let Some(now) = self.cpu.hit(slot, false, start) else {
            // The next wait is to look at it.
            self.sched.missed(slot);
            return false;
        };

        self.now = now;
        true
    }

    /// Gives back all rings, and runs softirqs if there were hits. Returns whether what
    /// is to run may come of a hit in doubt alone.
    #[cold]
    #[inline(never)]
    fn stop(&mut self, why: Stop) -> bool {
        let over = why == Stop::Over;
        let mut doubt = false;
        // Whose hit was the first that left softirqs.
        let mut first = None;
        let mut slow = None;

        if let Stop::Slow(slot) = why {
            first = Some(slot);
            if self.hit_alone(slot) {
                self.sched.hit(slot);
                slow = first;
            }
        }
        while let Some(slot) = self.sched.any_owned() {
            let owed = self.cpu.give_back(slot, self.now);
            let news = owed == Owed::News;

            self.sched.disown(news, over);
            if owed != Owed::Nothing {
                doubt = !news && (doubt || !self.cpu.resched());
                first.get_or_insert(slot);
                self.hit_alone(slot);
            }
        }
        if let Some(slot) = first {
            let start = self.cpu.clock();

            self.now = self.cpu.softirqs(slot, start);
            if let Some(slot) = slow {
                self.sched.took(slot, self.now.saturating_sub(start));
            }
        }
        doubt && over
    }
}
