// SPDX-License-Identifier: GPL-2.0

//! Test doubles: the exchange, which C implements for the core, and rings on real memory.

extern crate std;

use core::cell::Cell;
use core::sync::atomic::{fence, AtomicU16, Ordering::SeqCst};
use std::boxed::Box;
use std::thread_local;
use std::vec::Vec;

use super::ffi::{kind, Memory, PollRing};

thread_local! {
    pub static SWAPS: Cell<usize> = const { Cell::new(0) };
}

#[no_mangle]
extern "C" fn poll_ring_swap(event: *mut u16, old: u16, new: u16, _weak: bool) -> bool {
    // SAFETY: The word belongs to `Words`, which outlives the ring that points to it.
    let event = unsafe { AtomicU16::from_ptr(event) };
    let swapped = event.compare_exchange(old, new, SeqCst, SeqCst).is_ok();

    fence(SeqCst);
    SWAPS.set(SWAPS.get() + 1);
    swapped
}

/// The memory that a ring points to. Tests write it as the driver and the device do.
#[derive(Debug)]
pub struct Words {
    /// The used index.
    pub used: Cell<u16>,
    pub avail: Cell<u16>,
    pub event: Cell<u16>,
    pub taken: Cell<u16>,
    pub shadow: Cell<u16>,
    pub batch: Cell<u32>,
    /// A packed ring's descriptors. The first word here is the descriptor's flags.
    pub descriptors: Vec<[Cell<u16>; 8]>,
}

/// Makes a ring with `size` entries on real memory, which outlives the ring.
pub fn ring(ring_kind: u8, size: u16) -> (Box<PollRing>, &'static Words) {
    let words: &'static Words = Box::leak(Box::new(Words {
        used: Cell::new(0),
        avail: Cell::new(0),
        event: Cell::new(0),
        taken: Cell::new(0),
        shadow: Cell::new(0),
        batch: Cell::new(u32::MAX),
        // One descriptor more than the ring has: it is out of range.
        descriptors: (0..=size).map(|_| Default::default()).collect(),
    }));
    let used = match ring_kind {
        kind::PACKED => words.descriptors[0][0].as_ptr(),
        _ => words.used.as_ptr(),
    };
    let ring = PollRing {
        memory: Memory {
            used,
            avail: words.avail.as_ptr(),
            event: words.event.as_ptr(),
            taken: words.taken.as_ptr(),
            shadow: words.shadow.as_ptr(),
            batch: core::ptr::null(),
            size,
            kind: ring_kind,
            weak_barriers: true,
        },
        index: Default::default(),
        flags: Default::default(),
        looks: 0,
        episodes: 0,
    };
    (Box::new(ring), words)
}
