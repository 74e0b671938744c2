// SPDX-License-Identifier: GPL-2.0

//! Tests the machine with hostile sources: there is always work, and handlers and
//! softirqs take up to [`LONGEST`]. The clock in [`Greedy`] shows how long they hold
//! the CPU.

use std::mem;

use poll_core::poll::machine::CLOCK_LOOKS;
use poll_core::poll::{Action, Input, Look, Machine, Owed, Reason, Slot, Sources, MAX_SOURCES};
use proptest::prelude::*;

/// The longest time of a handler or of softirqs, in ns: one millisecond, several times
/// the usual limit of a wait.
const LONGEST: u64 = 1_000_000;
const LOOK: u64 = 50;

/// Rings in which each look and each return finds work, and the record of one wait.
struct Greedy {
    time: u64,
    /// Number of looks, by source.
    looks: Vec<u64>,
    hits: u64,
    refused: bool,
    borrowed: Vec<bool>,
    /// The latest time at which a look is allowed.
    most: u64,
}

impl Sources for Greedy {
    fn resched(&self) -> bool {
        false
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

    fn not_told(&mut self, _slot: Slot) {}
}

fn wait(machine: &mut Machine, limit: u64, refused: bool, took: impl Fn(u8) -> u64) -> Greedy {
    let mut rings = Greedy {
        time: 0,
        looks: vec![0; MAX_SOURCES],
        hits: 0,
        refused,
        borrowed: vec![false; MAX_SOURCES],
        most: limit + MAX_SOURCES as u64 * 2 * LONGEST,
    };
    let mut action = machine.start(&mut rings, 0, limit);
    let mut last = 0;

    loop {
        let spent = match action {
            Action::Hit(Slot(slot)) => {
                last = slot;
                took(slot)
            }
            Action::HitAlone(Slot(slot)) => {
                last = slot;
                took(slot) / 2
            }
            Action::Softirqs => took(last),
            _ => LOOK,
        };
        rings.time += spent;
        let now = rings.time;
        let input = match action {
            Action::Hit(_) | Action::HitAlone(_) => {
                rings.hits += 1;
                if rings.refused {
                    Input::HitRefused
                } else {
                    Input::HitDone { now, spent }
                }
            }
            Action::Softirqs => Input::SoftirqsDone { now, spent },
            Action::Rest => Input::Rested,
            Action::Clock => Input::Clock { now },
            Action::Done(reason) => {
                assert_eq!(reason, Reason::Limit);
                return rings;
            }
        };
        action = machine.step(&mut rings, input);
    }
}

fn machine(sources: usize) -> Machine {
    let mut machine = Machine::new();

    for _ in 0..sources {
        machine.add().expect("there is room");
    }
    machine
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
        let mut machine = machine(sources);
        let longest = *times.iter().max().expect("there is at least one time");
        let wait = wait(&mut machine, limit, false, |slot| times[usize::from(slot) % times.len()]);

        let owed = (sources as u64 + 2) * longest;
        let looks = (u64::from(CLOCK_LOOKS) + 2) * 2 * LOOK;
        prop_assert!(wait.time <= limit + owed + looks, "the wait took {}", wait.time);
    }

    /// Refused hits do not keep the machine from reading the clock.
    #[test]
    fn refused_hits_do_not_hold_the_cpu(sources in 1..20usize, limit in 0..100_000u64) {
        let wait = wait(&mut machine(sources), limit, true, |_| LOOK);
        let steps = limit / LOOK + 2 * u64::from(CLOCK_LOOKS) + 2 * sources as u64;

        prop_assert!(wait.hits <= steps, "{} hits, more than {steps}", wait.hits);
    }

    /// However long the handler of one source takes, the others are looked at as often.
    #[test]
    fn a_greedy_source_does_not_starve_the_others(
        sources in 2..40usize,
        greedy in any::<u8>(),
        spent in 1..=LONGEST,
    ) {
        let greedy = greedy % sources as u8;
        let mut machine = machine(sources);

        (0..sources).for_each(|slot| machine.missed(Slot(slot as u8)));
        let wait = wait(&mut machine, 50 * LONGEST, false, |slot| {
            if slot == greedy { spent } else { 1 }
        });
        let looks = &wait.looks[..sources];
        let (least, most) = (looks.iter().min(), looks.iter().max());
        prop_assert!(most.zip(least).is_some_and(|(most, least)| most - least <= 1), "{looks:?}");
    }
}
