// SPDX-License-Identifier: GPL-2.0

//! Test doubles: what C implements for the core, and rings on real memory.

extern crate std;

use core::cell::{Cell, RefCell};
use core::sync::atomic::{fence, AtomicU16, Ordering::SeqCst};
use std::boxed::Box;
use std::thread_local;
use std::vec::Vec;

use super::bindings::{poll_borrow, poll_ring, poll_ring_kind_POLL_RING_PACKED};

/// A call of the core, in a wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    Clock,
    Hit {
        ring: *mut poll_ring,
        softirqs: bool,
        start: u64,
    },
    Softirqs {
        ring: *mut poll_ring,
        start: u64,
    },
}

type Script = Box<dyn FnMut(Call) -> u64>;

thread_local! {
    pub static SWAPS: Cell<usize> = const { Cell::new(0) };
    static SCRIPT: RefCell<Script> = RefCell::new(Box::new(|call| panic!("{call:?}")));
}

/// From now on `script` answers what the core calls in this thread.
pub fn answer(script: impl FnMut(Call) -> u64 + 'static) {
    SCRIPT.set(Box::new(script));
}

fn ask(call: Call) -> u64 {
    SCRIPT.with_borrow_mut(|script| script(call))
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

#[no_mangle]
extern "C" fn poll_core_clock() -> u64 {
    ask(Call::Clock)
}

#[no_mangle]
extern "C" fn poll_core_hit(ring: *mut poll_ring, softirqs: bool, start: u64) -> u64 {
    ask(Call::Hit {
        ring,
        softirqs,
        start,
    })
}

#[no_mangle]
extern "C" fn poll_core_softirqs(ring: *mut poll_ring, start: u64) -> u64 {
    ask(Call::Softirqs { ring, start })
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
pub fn ring(kind: u32, size: u16) -> (Box<poll_ring>, &'static Words) {
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
    let used = if kind == poll_ring_kind_POLL_RING_PACKED {
        words.descriptors[0][0].as_ptr()
    } else {
        words.used.as_ptr()
    };
    let ring = poll_ring {
        used,
        avail: words.avail.as_ptr(),
        event: words.event.as_ptr(),
        taken: words.taken.as_ptr(),
        shadow: words.shadow.as_ptr(),
        batch: core::ptr::null(),
        size,
        kind: kind as u8,
        weak_barriers: true,
        borrow: poll_borrow {
            looked: 0,
            wish: 0,
            mine: 0,
            at: 0,
            told: false,
            owed: false,
        },
        looks: 0,
        episodes: 0,
    };
    (Box::new(ring), words)
}
