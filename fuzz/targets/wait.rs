// SPDX-License-Identifier: GPL-2.0
//! Fuzzes the wait with any sequence of events, and with a clock that may jump. The invariants are
//! those of the random tests.

#![no_main]

#[path = "../../rust-core/tests/wait/rings.rs"]
mod rings;
#[path = "../../rust-core/tests/wait/shim.rs"]
mod shim;

use libfuzzer_sys::fuzz_target;
use rings::{Clock, Turn};
use shim::{Event, Shim};

/// A time from two bytes, near either end of the clock's range.
fn time([low, high]: [u8; 2]) -> u64 {
    let time = u64::from(u16::from_le_bytes([low, high & 0x7f]));
    if high & 0x80 == 0 { time } else { !time }
}

fn event([kind, choice, low, high]: [u8; 4]) -> Event {
    let time = time([low, high]);
    let turn = |resched, clock, refused| {
        Event::Turn(Turn {
            seed: u32::from_le_bytes([kind, choice, low, high]).wrapping_mul(0x9e37_79b9),
            resched,
            clock,
            // From us to ns, so that some handlers and softirqs are slow.
            spent: time.wrapping_mul(1000),
            refused,
        })
    };

    match kind % 16 {
        10 => turn(None, Clock::On(1), true),
        11 => turn(Some(choice % 64), Clock::On(1), false),
        12 => turn(None, Clock::Jump(time), false),
        14 => Event::Add,
        15 if low & 1 != 0 => Event::Remove(choice),
        15 => Event::Missed(choice),
        _ => turn(None, Clock::On(u64::from(low)), false),
    }
}

fuzz_target!(|bytes: &[u8]| {
    let Some((&[sources, ref terms @ ..], events)) = bytes.split_first_chunk::<5>() else {
        return;
    };
    let [limit, now] = [0, 2].map(|at| time([terms[at], terms[at + 1]]));
    let mut shim = Shim::new(limit, now);

    for _ in 0..sources % 8 {
        shim.happen(Event::Add);
    }
    for bytes in events.as_chunks().0 {
        shim.happen(event(*bytes));
    }
    shim.wait_for_all();
});
