// SPDX-License-Identifier: GPL-2.0

//! Tests properties of the machine with any sequence of inputs, including wrong answers
//! and a clock that goes back or wraps. A failing sequence is shrunk.

mod hostile;
mod rings;
mod shim;

use poll_core::poll::machine::CLOCK_LOOKS;
use proptest::prelude::*;
use shim::{Clock, Event, Shim};

const LIMIT: u64 = 10_000;

/// Any time. Times near the ends of the range come more often.
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
    let resched = prop::option::weighted(0.05, 0..40u8);
    // Some softirqs are slow.
    let spent = prop_oneof![20 => 0..300u64, 2 => 0..1_000_000u64, 1 => any_time()];
    let refused = prop::bool::weighted(0.2);
    let answer = (any::<u32>(), resched, clocks(), spent, refused).prop_map(
        |(seed, resched, clock, spent, refused)| Event::Answer {
            seed,
            resched,
            clock,
            spent,
            refused,
        },
    );
    let event = prop_oneof![
        40 => answer,
        10 => any::<u8>().prop_map(|choice| Event::Nonsense { choice }),
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
        now in any_time(),
        sources in 0..6usize,
        events in events(),
    ) {
        let mut shim = Shim::new(limit, now);

        (0..sources).for_each(|_| shim.happen(Event::Add));
        for event in events {
            shim.happen(event);
        }
    }

    /// Every wait ends if the answers are right and the clock advances.
    #[test]
    fn every_wait_ends(
        sources in 0..6usize,
        seeds in prop::collection::vec(any::<u32>(), 64),
        spent in prop::collection::vec(0..1_000_000u64, 64),
    ) {
        let mut shim = Shim::new(LIMIT, 0);
        let mut answers = seeds.into_iter().zip(spent).cycle();

        (0..sources).for_each(|_| shim.happen(Event::Add));
        shim.start();
        // A step takes 100 ns. After the limit there are only the steps until the clock
        // is read, then a hit for each source, and softirqs.
        let steps = LIMIT / 100 + 2 * u64::from(CLOCK_LOOKS) + 20;
        for _ in 0..steps {
            if !shim.is_running() {
                return Ok(());
            }
            let (seed, spent) = answers.next().expect("endless");
            shim.happen(Event::Answer {
                seed,
                resched: None,
                clock: Clock::On(100),
                spent,
                refused: seed % 4 == 0,
            });
        }
        prop_assert!(false, "the wait does not end: {:?}", shim.action);
    }
}
