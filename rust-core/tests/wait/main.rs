// SPDX-License-Identifier: GPL-2.0

//! Tests properties of the wait with any rings, times and interrupts, including a clock that goes
//! back or wraps. A failing sequence is shrunk.

mod hostile;
mod rings;
mod shim;

use poll_core::poll::poll_wait::CLOCK_LOOKS;
use proptest::prelude::*;
use rings::{Clock, Turn};
use shim::{Event, Shim};

const LIMIT: u64 = 10_000;
/// The most sources.
const SOURCES: usize = 5;

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
        40 => (0..300u64).prop_map(Clock::On),
        1 => any_time().prop_map(Clock::Jump),
    ]
}

fn turns() -> impl Strategy<Value = Turn> {
    let resched = prop::option::weighted(0.05, prop_oneof![Just(0), 0..40u8]);
    // Some softirqs are slow.
    let spent = prop_oneof![20 => 0..300u64, 2 => 0..1_000_000u64, 1 => any_time()];
    let refused = prop::bool::weighted(0.2);

    (any::<u32>(), resched, clocks(), spent, refused).prop_map(
        |(seed, resched, clock, spent, refused)| Turn {
            seed,
            resched,
            clock,
            spent,
            refused,
        },
    )
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let event = prop_oneof![
        100 => turns().prop_map(Event::Turn),
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
        sources in 0..=SOURCES,
        events in events(),
    ) {
        let mut shim = Shim::new(limit, now);

        (0..sources).for_each(|_| shim.happen(Event::Add));
        for event in events {
            shim.happen(event);
        }
        shim.wait_for_all();
    }

    /// Every wait ends if the clock advances.
    #[test]
    fn every_wait_ends(
        sources in 0..=SOURCES,
        seeds in prop::collection::vec(any::<u32>(), 64),
        spent in prop::collection::vec(0..1_000_000u64, 64),
    ) {
        let mut shim = Shim::new(LIMIT, 0);

        (0..sources).for_each(|_| shim.happen(Event::Add));
        // A turn takes 100 ns, a hit two turns. After the limit there are only refused hits until
        // the clock is read, a slow hit, a hit for each source, and softirqs.
        let turns = LIMIT / 100 + 2 * (u64::from(CLOCK_LOOKS) + SOURCES as u64 + 3);
        let answers = seeds.into_iter().zip(spent).cycle();
        for (seed, spent) in answers.take(turns as usize) {
            shim.happen(Event::Turn(Turn {
                seed,
                resched: None,
                clock: Clock::On(100),
                spent,
                refused: seed % 4 == 0,
            }));
        }
        shim.wait();
        prop_assert!(shim.turns_left() > 0, "the wait does not end");
    }
}
