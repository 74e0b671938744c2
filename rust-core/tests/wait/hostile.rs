// SPDX-License-Identifier: GPL-2.0

//! Tests the wait with hostile sources: there is always work, and handlers and softirqs take up to
//! [`LONGEST`]. The clock in [`Greedy`] shows how long they hold the CPU.

use std::mem;

use poll_core::poll::borrow::{Look, Owed};
use poll_core::poll::poll_wait::{self, Cpu, CLOCK_LOOKS};
use poll_core::poll::sched::{Sched, Slot, MAX_SOURCES};
use proptest::prelude::*;

/// The longest time of a handler or of softirqs, in ns: one millisecond, several times
/// the usual limit of a wait.
const LONGEST: u64 = 1_000_000;
/// The time of a look, and of a reading of the clock.
const LOOK: u64 = 50;

/// Rings in which each look and each return finds work, and the record of one wait.
struct Greedy<T> {
    time: u64,
    /// Number of looks, by source.
    looks: Vec<u64>,
    hits: u64,
    refused: bool,
    borrowed: Vec<bool>,
    /// The latest time at which a look is allowed.
    most: u64,
    /// What a source's handler and softirqs take.
    took: T,
}

impl<T: Fn(u8) -> u64> Cpu for Greedy<T> {
    fn resched(&self) -> bool {
        false
    }

    fn clock(&mut self) -> u64 {
        self.time += LOOK;
        self.time
    }

    fn rest(&mut self) {
        panic!("there is always a source to look at");
    }

    fn look(&mut self, slot: Slot, _now: u64) -> Look {
        assert!(self.time <= self.most, "a look too late, at {}", self.time);
        self.looks[usize::from(slot.0)] += 1;
        self.borrowed[usize::from(slot.0)] = true;
        self.time += LOOK;
        Look::Work
    }

    fn give_back(&mut self, slot: Slot, _now: u64) -> Owed {
        assert!(
            mem::take(&mut self.borrowed[usize::from(slot.0)]),
            "given back twice"
        );
        Owed::News
    }

    fn hit(&mut self, slot: Slot, softirqs: bool, _start: u64) -> Option<u64> {
        let took = (self.took)(slot.0);

        self.hits += 1;
        self.time += if softirqs { took } else { took / 2 };
        (!self.refused).then_some(self.time)
    }

    fn softirqs(&mut self, slot: Slot, _start: u64) -> u64 {
        self.time += (self.took)(slot.0);
        self.time
    }
}

fn wait<T: Fn(u8) -> u64>(sched: &mut Sched, limit: u64, refused: bool, took: T) -> Greedy<T> {
    let mut rings = Greedy {
        time: 0,
        looks: vec![0; MAX_SOURCES],
        hits: 0,
        refused,
        borrowed: vec![false; MAX_SOURCES],
        most: limit + LONGEST,
        took,
    };

    assert!(
        !poll_wait::wait(sched, &mut rings, 0, limit),
        "the CPU has nothing to run"
    );
    rings
}

fn sched(sources: usize) -> Sched {
    let mut sched = Sched::default();

    for _ in 0..sources {
        sched.add().expect("there is room");
    }
    sched
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(500) })]

    /// After the limit, only the action in progress goes on, and each source gets the
    /// interrupt that it is owed.
    #[test]
    fn the_cpu_is_not_held_beyond_the_limit(
        sources in 1..=MAX_SOURCES,
        limit in 0..5_000_000u64,
        times in prop::collection::vec(0..=LONGEST, 1..16),
    ) {
        let took = |slot| times[usize::from(slot) % times.len()];
        let wait = wait(&mut sched(sources), limit, false, took);
        let longest = *times.iter().max().expect("there is at least one time");

        let owed = (sources as u64 + 2) * (longest + LOOK);
        let looks = (u64::from(CLOCK_LOOKS) + 2) * 2 * LOOK;
        prop_assert!(wait.time <= limit + owed + looks, "the wait took {}", wait.time);
    }

    /// Refused hits do not keep the wait from reading the clock.
    #[test]
    fn refused_hits_do_not_hold_the_cpu(sources in 1..20usize, limit in 0..100_000u64) {
        let wait = wait(&mut sched(sources), limit, true, |_| LOOK);
        // A look, the clock and the hit. After the limit, those until the clock is read.
        let hits = limit / (3 * LOOK) + 1 + u64::from(CLOCK_LOOKS) + sources as u64;

        prop_assert!(wait.hits <= hits, "{} hits, more than {hits}", wait.hits);
    }

    /// However long the handler of one source takes, the others are looked at as often.
    #[test]
    fn a_greedy_source_does_not_starve_the_others(
        sources in 2..40usize,
        greedy in any::<u8>(),
        spent in 1..=LONGEST,
    ) {
        let greedy = greedy % sources as u8;
        let mut sched = sched(sources);

        (0..sources).for_each(|slot| sched.missed(Slot(slot as u8)));
        let took = |slot| if slot == greedy { spent } else { 1 };
        let wait = wait(&mut sched, 50 * LONGEST, false, took);
        let looks = &wait.looks[..sources];
        let (least, most) = (looks.iter().min(), looks.iter().max());
        prop_assert!(most.zip(least).is_some_and(|(most, least)| most - least <= 1), "{looks:?}");
    }
}
