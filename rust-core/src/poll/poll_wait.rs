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

struct Wait<'a, C> {
    sched: &'a mut Sched,
    cpu: &'a mut C,
    /// The limit.
    end: u64,
    /// When the clock was read last.
    now: u64,
}

/// Waits for something to run, for `limit` nanoseconds from `now` on, and polls the
/// sources of the CPU. Returns whether the CPU has something to run.
pub fn wait<C: Cpu>(sched: &mut Sched, cpu: &mut C, now: u64, limit: u64) -> bool {
    let end = now.saturating_add(limit);
    let mut wait = Wait {
        sched,
        cpu,
        end,
        now,
    };

    wait.sched.begin();
    loop {
        let slow = wait.poll();
        let doubt = wait.stop(slow);

        if slow.is_none() || wait.now > end {
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
    /// Polls until the wait is over, or until there is work whose softirqs may take
    /// long: returns its source.
    #[inline]
    fn poll(&mut self) -> Option<Slot> {
        let mut looks = CLOCK_LOOKS;

        loop {
            let seen = if self.sched.has_next() {
                look(self.sched, self.cpu, self.now, &mut looks)
            } else {
                rest(self.cpu, &mut looks)
            };
            match seen {
                Seen::Resched => return None,
                Seen::Nothing => self.now = self.cpu.clock(),
                Seen::Work(slot) => {
                    self.sched.own(slot);
                    if self.sched.is_slow(slot) {
                        return Some(slot);
                    }
                    let Some(spent) = self.hit(slot, true) else {
                        continue;
                    };
                    self.sched.hit(slot);
                    self.sched.took(slot, spent);
                }
            }
            if self.now > self.end {
                return None;
            }
            looks = CLOCK_LOOKS;
        }
    }

    /// As [`Cpu::hit`], but returns what it took.
    #[cold]
    #[inline(never)]
    fn hit(&mut self, slot: Slot, softirqs: bool) -> Option<u64> {
        let start = self.cpu.clock();

        self.now = self.cpu.hit(slot, softirqs, start)?;
        Some(self.now.saturating_sub(start))
    }

    /// Hits a source, and leaves softirqs for later. Returns whether it was not refused.
    fn hit_alone(&mut self, slot: Slot) -> bool {
        let told = self.hit(slot, false).is_some();

        if !told {
            // The next wait is to look at it.
            self.sched.missed(slot);
        }
        told
    }

    /// Hits the source with `slow` softirqs if there is one, gives back all rings, and
    /// runs softirqs if there were hits. Returns whether what is to run may come of a hit
    /// in doubt alone.
    #[cold]
    #[inline(never)]
    fn stop(&mut self, slow: Option<Slot>) -> bool {
        let over = slow.is_none();
        let told = slow.filter(|&slot| self.hit_alone(slot));
        // Whose hit was the first that left softirqs.
        let mut first = slow;
        let mut doubt = false;

        if let Some(slot) = told {
            self.sched.hit(slot);
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
            if let Some(slot) = told {
                self.sched.took(slot, self.now.saturating_sub(start));
            }
        }
        doubt && over
    }
}
