// SPDX-License-Identifier: GPL-2.0
//! The machine under any sequence of events, a clock that jumps included. The
//! invariants are those of the random tests.

#![no_main]

#[path = "../../rust-core/tests/machine/shim.rs"]
mod shim;

use libfuzzer_sys::fuzz_target;
use shim::{Clock, Event, Shim, Terms};

/// Two bytes of time, from either end of the clock.
fn time([low, high]: [u8; 2]) -> u64 {
    let time = u64::from(u16::from_le_bytes([low, high & 0x7f]));
    if high & 0x80 == 0 { time } else { !time }
}

fn event([kind, choice, low, high]: [u8; 4]) -> Event {
    let time = time([low, high]);
    let answer = |resched, clock| Event::Answer {
        choice,
        resched,
        clock,
        spent: time,
    };

    match kind % 16 {
        11 => answer(true, Clock::On(1)),
        12 => answer(false, Clock::Jump(time)),
        13 => Event::Nonsense {
            choice,
            resched: low & 1 != 0,
        },
        14 => Event::Add,
        15 if low & 1 != 0 => Event::Remove(choice),
        15 => Event::Missed(choice),
        _ => answer(false, Clock::On(u64::from(low))),
    }
}

fuzz_target!(|bytes: &[u8]| {
    let Some((&[sources, ref terms @ ..], events)) = bytes.split_first_chunk::<7>() else {
        return;
    };
    let [limit, budget, now] = [0, 2, 4].map(|at| time([terms[at], terms[at + 1]]));
    let mut shim = Shim::new(Terms { limit, budget }, now, sources.into());

    for bytes in events.as_chunks().0 {
        shim.happen(event(*bytes));
    }
});
