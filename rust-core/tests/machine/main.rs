// SPDX-License-Identifier: GPL-2.0

//! Properties of the machine, for every sequence of inputs, nonsense and a clock
//! that goes back or around included. What fails is shrunk.

mod hostile;
mod shim;

use poll_core::poll::machine::CLOCK_LOOKS;
use proptest::prelude::*;
use shim::{Clock, Event, Shim, Terms};

const TERMS: Terms = Terms {
    limit: 10_000,
    budget: 2_000,
};

/// Any, the ends of the range more often.
fn any_time() -> impl Strategy<Value = u64> {
    prop_oneof![
        4 => 0..20_000u64,
        1 => Just(0),
        1 => u64::MAX - 20_000..=u64::MAX,
        1 => any::<u64>(),
    ]
}

fn clocks() -> impl Strategy<Value = Clock> {
    prop_oneof![
        20 => (0..300u64).prop_map(Clock::On),
        1 => any_time().prop_map(Clock::Jump),
    ]
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let resched = || prop::bool::weighted(0.02);
    let spent = prop_oneof![20 => 0..300u64, 1 => any_time()];
    let answer =
        (any::<u8>(), resched(), clocks(), spent).prop_map(|(choice, resched, clock, spent)| {
            Event::Answer {
                choice,
                resched,
                clock,
                spent,
            }
        });
    let nonsense =
        (any::<u8>(), resched()).prop_map(|(choice, resched)| Event::Nonsense { choice, resched });
    let event = prop_oneof![
        40 => answer,
        10 => nonsense,
        1 => Just(Event::Add),
        1 => (0..8u8).prop_map(Event::Remove),
        1 => (0..8u8).prop_map(Event::Missed),
    ];

    prop::collection::vec(event, 1..400)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2000) })]

    #[test]
    fn invariants_hold_for_any_input(
        limit in any_time(),
        budget in any_time(),
        now in any_time(),
        sources in 0..6usize,
        events in events(),
    ) {
        let mut shim = Shim::new(Terms { limit, budget }, now, sources);

        for event in events {
            shim.happen(event);
        }
    }

    /// With true answers and a clock that moves, every episode ends.
    #[test]
    fn every_episode_ends(sources in 0..6usize, choices in prop::collection::vec(any::<u8>(), 64)) {
        let mut shim = Shim::new(TERMS, 0, sources);
        let mut choices = choices.into_iter().cycle();

        shim.start(false);
        // The clock is read once in CLOCK_LOOKS looks; each source then takes
        // a hand-back and a hit.
        let steps = (TERMS.limit / 100 + 2) * (u64::from(CLOCK_LOOKS) + 1) * 2 + 20;
        for _ in 0..steps {
            if !shim.is_running() {
                return Ok(());
            }
            let choice = choices.next().expect("endless");
            let (clock, spent) = (Clock::On(100), 100);
            shim.happen(Event::Answer { choice, resched: false, clock, spent });
        }
        prop_assert!(false, "still {:?}", shim.action);
    }
}
