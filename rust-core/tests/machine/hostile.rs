// SPDX-License-Identifier: GPL-2.0

//! Sources that want the CPU for themselves: there is always work, and handlers
//! take what they like. The shim's clock tells what that comes to.

use poll_core::poll::machine::CLOCK_LOOKS;
use poll_core::poll::{Action, Input, Machine, Reason, Slot, MAX_SOURCES};
use proptest::prelude::*;

/// A millisecond, a hundred times what a wait's budget often is.
const LONGEST: u64 = 1_000_000;
const LOOK: u64 = 50;

/// What one wait came to.
#[derive(Default)]
struct Wait {
    reason: Option<Reason>,
    /// In all, and in handlers.
    time: u64,
    spent: u64,
    owned: u64,
    /// By source.
    looks: Vec<u64>,
}

/// A wait with sources of which each look and each hand-back finds work.
fn wait(machine: &mut Machine, limit: u64, budget: u64, handler: impl Fn(u8) -> u64) -> Wait {
    let mut wait = Wait {
        looks: vec![0; MAX_SOURCES],
        ..Wait::default()
    };
    let mut owned = [false; MAX_SOURCES];
    let mut action = machine.start(0, limit, budget, false);

    loop {
        let input = match action {
            Action::Look(Slot(slot)) => {
                owned[usize::from(slot)] = true;
                wait.looks[usize::from(slot)] += 1;
                wait.time += LOOK;
                Input::Work
            }
            Action::Hit(Slot(slot)) => {
                let spent = handler(slot);
                wait.time += spent;
                wait.spent += spent;
                let now = wait.time;
                Input::HitDone { now, spent }
            }
            Action::HandBack(_) => {
                wait.owned += 1;
                Input::HandedBackWork
            }
            Action::Rest => {
                wait.time += LOOK;
                Input::Rested
            }
            Action::Clock => Input::Clock { now: wait.time },
            Action::Done(reason) => {
                wait.reason = Some(reason);
                assert_eq!(
                    wait.owned,
                    owned.iter().filter(|&&owned| owned).count() as u64
                );
                return wait;
            }
        };
        action = machine.step(input, false);
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

    /// The bound of the docs: the budget, the handler that went over it, and the
    /// interrupt that each source taken over is owed at the end.
    #[test]
    fn the_cpu_is_not_held_beyond_the_budget(
        sources in 1..=MAX_SOURCES,
        limit in 0..5_000_000u64,
        share in 0..=4u64,
        times in prop::collection::vec(0..=LONGEST, 1..16),
    ) {
        let budget = limit / 4 * share;
        let mut machine = machine(sources);
        let longest = *times.iter().max().expect("one at least");
        let wait = wait(&mut machine, limit, budget, |slot| times[usize::from(slot) % times.len()]);

        let at_the_end = (1 + wait.owned) * longest;
        prop_assert!(wait.spent <= budget + at_the_end, "{} in handlers", wait.spent);
        prop_assert!(
            wait.time <= limit + at_the_end + (u64::from(CLOCK_LOOKS) + 1) * LOOK,
            "{} in all", wait.time
        );
        prop_assert_ne!(wait.reason, Some(Reason::Resched));
    }

    /// However long one's handler takes, the others are looked at as often.
    #[test]
    fn a_greedy_source_does_not_starve_the_others(
        sources in 2..40usize,
        greedy in any::<u8>(),
        spent in 1..=LONGEST,
    ) {
        let greedy = greedy % sources as u8;
        let mut machine = machine(sources);

        (0..sources).for_each(|slot| machine.missed(Slot(slot as u8)));
        let wait = wait(&mut machine, 50 * LONGEST, 50 * LONGEST, |slot| {
            if slot == greedy { spent } else { 1 }
        });
        let looks = &wait.looks[..sources];
        let (least, most) = (looks.iter().min(), looks.iter().max());
        prop_assert!(most.zip(least).is_some_and(|(most, least)| most - least <= 1), "{looks:?}");
    }
}
