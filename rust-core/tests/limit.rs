// SPDX-License-Identifier: GPL-2.0

//! Tests the limit of the wait under any parameters, and compares it with the haltpoll
//! governor.

use poll_core::limit::{after_halt, after_hit, Limits};
use proptest::prelude::*;

fn limits() -> impl Strategy<Value = Limits> {
    let any_factor = prop_oneof![0..4u32, any::<u32>()];
    let any_time = || prop_oneof![0..1_000_000u32, any::<u32>()];
    (
        any_time(),
        any_time(),
        any_factor.clone(),
        any_factor,
        any::<bool>(),
    )
        .prop_map(|(max, grow_start, grow, shrink, allow_shrink)| Limits {
            max,
            grow_start,
            grow,
            shrink,
            allow_shrink,
        })
}

/// An event on a CPU, with a time in nanoseconds.
#[derive(Clone, Copy, Debug)]
enum Event {
    Halted(u64),
    Hit(u64),
}

fn event() -> impl Strategy<Value = Event> {
    let any_time = || prop_oneof![0..2_000_000u64, any::<u64>()];
    prop_oneof![
        any_time().prop_map(Event::Halted),
        any_time().prop_map(Event::Hit)
    ]
}

fn after(limit: u64, limits: &Limits, event: Event) -> u64 {
    match event {
        Event::Halted(time) => after_halt(limit, limits, time),
        Event::Hit(time) => after_hit(limit, limits, time),
    }
}

/// `adjust_poll_limit()` of drivers/cpuidle/governors/haltpoll.c, with the statements
/// in the original order. There the product is an unsigned int; parameters that
/// overflow it are not compared.
fn governor(limit: u64, limits: &Limits, halted: u64) -> u64 {
    let (max, grow_start) = (u64::from(limits.max), u64::from(limits.grow_start));
    let mut value = limit;
    if halted > limit && halted <= max {
        value = limit * u64::from(limits.grow);
        if value < grow_start {
            value = grow_start;
        }
        if value > max {
            value = max;
        }
    } else if halted > max && limits.allow_shrink {
        value = match limits.shrink {
            0 => 0,
            shrink => limit / u64::from(shrink),
        };
        if value < grow_start {
            value = 0;
        }
    }
    value
}

proptest! {
    #[test]
    fn a_limit_stays_in_bounds(limits in limits(), events in prop::collection::vec(event(), 1..50)) {
        let mut limit = 0;
        for event in events {
            limit = after(limit, &limits, event);
            prop_assert!(limit <= u64::from(limits.max), "above the maximum: {limit}");
            let least = limits.grow_start.min(limits.max);
            prop_assert!(limit == 0 || limit >= u64::from(least), "below the start: {limit}");
        }
    }

    #[test]
    fn halts_count_as_for_the_governor(
        limits in limits().prop_filter("grows", |limits| (1..1000).contains(&limits.grow)),
        halts in prop::collection::vec(0..1_000_000u64, 1..50),
    ) {
        let mut limit = 0;
        for halted in halts {
            // No wait precedes these halts.
            let expected = governor(limit, &limits, halted);
            limit = after_halt(limit, &limits, halted);
            prop_assert_eq!(limit, expected);
        }
    }

    #[test]
    fn a_hit_never_shortens_the_wait(limits in limits(), start in any::<u32>(), waited in any::<u64>()) {
        let limit = u64::from(start).min(limits.max.into());
        prop_assert!(after_hit(limit, &limits, waited) >= limit);
    }
}

const HALTPOLL: Limits = Limits {
    max: 200_000,
    grow_start: 50_000,
    grow: 2,
    shrink: 2,
    allow_shrink: true,
};

#[test]
fn a_device_of_100_us_is_waited_for_after_three_halts() {
    let mut limit = 0;
    for expected in [50_000, 100_000, 200_000] {
        limit = after_halt(limit, &HALTPOLL, 100_001);
        assert_eq!(limit, expected);
    }
    assert_eq!(after_halt(limit, &HALTPOLL, 100_001), 200_000);
}

/// If only the halt counted, 40 us each time, the limit would stay at 50 us.
#[test]
fn the_wait_before_a_halt_counts() {
    let mut limit = 0;
    for expected in [50_000, 100_000, 100_000] {
        limit = after_halt(limit, &HALTPOLL, 90_000);
        assert_eq!(limit, expected);
    }
}

#[test]
fn late_hits_lengthen_the_wait_and_early_ones_do_not() {
    assert_eq!(after_hit(100_000, &HALTPOLL, 60_000), 200_000);
    assert_eq!(after_hit(100_000, &HALTPOLL, 40_000), 100_000);
}

#[test]
fn an_idle_system_stops_waiting() {
    let mut limit = 200_000;
    for expected in [100_000, 50_000, 0, 0] {
        limit = after_halt(limit, &HALTPOLL, 4_000_000);
        assert_eq!(limit, expected);
    }
}
