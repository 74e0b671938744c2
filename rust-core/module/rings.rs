// SPDX-License-Identifier: GPL-2.0

//! Tests each kind of ring on real memory, through the code behind the functions that C calls:
//! where the core reads, and what it concludes.

extern crate std;

use core::cell::{Cell, RefCell};
use core::mem::MaybeUninit;
use std::boxed::Box;
use std::rc::Rc;
use std::vec::Vec;

use super::bindings::{
    poll_core, poll_ring, poll_ring_kind_POLL_RING_EVENT as EVENT,
    poll_ring_kind_POLL_RING_FLAGS as FLAGS, poll_ring_kind_POLL_RING_PACKED as PACKED,
};
use super::doubles::{answer, ring, Call, Words};
use super::ffi::Waiting;
use super::poll::borrow::{Look, Owed};
use super::poll::poll_wait::Cpu;
use super::poll::sched::{Slot, MAX_SOURCES};
use super::{poll_core_add, poll_core_missed, poll_core_remove, poll_core_wait};

const FIRST: Slot = Slot(0);
/// VRING_PACKED_EVENT_FLAG_ENABLE, _DISABLE and _DESC.
const ENABLE: u16 = 0;
const DISABLE: u16 = 1;
const DESC: u16 = 2;
/// VRING_PACKED_DESC_F_AVAIL and _USED, and the driver's wrap counter in [`Words::taken`].
const AVAIL: u16 = 1 << 7;
const USED: u16 = 1 << 15;
const WRAP: u16 = 1 << 15;

/// One ring with the poller's state, and its memory.
struct One {
    ring: Box<poll_ring>,
    words: &'static Words,
}

impl One {
    fn new(kind: u32, size: u16) -> Self {
        let (ring, words) = ring(kind, size);

        Self { ring, words }
    }

    fn with<T>(&mut self, what: impl FnOnce(&mut Waiting) -> T) -> T {
        let rings = [&raw mut *self.ring];
        let flags = 0;

        // SAFETY: `self` owns the ring, the flags are local, and nobody else uses them.
        what(&mut unsafe { Waiting::new(rings.as_ptr(), &raw const flags, 8) })
    }

    fn look(&mut self) -> Look {
        self.with(|cpu| cpu.look(FIRST, 0))
    }

    fn give_back(&mut self) -> Owed {
        self.with(|cpu| cpu.give_back(FIRST, 0))
    }

    fn is_borrowed(&self) -> bool {
        self.ring.borrow.mine != 0
    }
}

#[test]
fn an_event_index_is_borrowed_and_given_back() {
    let mut one = One::new(EVENT, 256);

    one.words.used.set(7);
    one.words.event.set(7);
    one.words.avail.set(7);
    assert_eq!(one.look(), Look::NotMine);
    assert!(!one.is_borrowed());

    one.words.avail.set(9);
    assert_eq!(one.look(), Look::Borrowed);
    assert!(one.is_borrowed());
    assert_eq!(one.words.event.get(), 7 + 0x7fff);
    one.words.used.set(8);
    assert_eq!(one.look(), Look::Work);
    one.words.event.set(8);
    assert_eq!(one.look(), Look::Borrowed);
    one.words.used.set(9);
    assert_eq!(one.give_back(), Owed::News);
    assert_eq!(one.words.event.get(), 8);
    assert!(!one.is_borrowed());
    assert_eq!((one.ring.looks, one.ring.episodes), (4, 1));
}

/// A stale wish does not count once the used index is more than a ring beyond it.
#[test]
fn an_event_index_is_judged_by_the_rings_size() {
    for (used, look) in [(4, Look::Work), (5, Look::Borrowed)] {
        let mut one = One::new(EVENT, 4);

        one.words.used.set(used);
        assert_eq!(one.look(), look);
    }
}

#[test]
fn what_was_refused_is_owed_by_either_kind() {
    for kind in [EVENT, FLAGS] {
        let mut one = One::new(kind, 256);

        one.words.avail.set(2);
        one.words.used.set(1);
        assert_eq!(one.look(), Look::Work);
        answer(|_| 0);
        assert_eq!(one.with(|cpu| cpu.hit(FIRST, true, 1)), None);
        assert_eq!(one.give_back(), Owed::News);
        assert_eq!(one.give_back(), Owed::Nothing);
    }
}

#[test]
fn a_split_rings_flags_are_borrowed_and_given_back() {
    let mut one = One::new(FLAGS, 256);

    assert_eq!(one.look(), Look::Borrowed);
    assert!(one.is_borrowed());
    assert_eq!(one.words.event.get(), DISABLE);
    one.words.used.set(1);
    assert_eq!(one.look(), Look::Work);
    one.words.taken.set(1);
    assert_eq!(one.look(), Look::Nothing);
    assert_eq!(one.give_back(), Owed::Nothing);
    assert_eq!(one.words.event.get(), ENABLE);
}

#[test]
fn flags_of_a_driver_that_is_off_stay_off() {
    for kind in [FLAGS, PACKED] {
        let mut one = One::new(kind, 4);

        one.words.taken.set(WRAP);
        one.words.used.set(WRAP);
        assert_eq!(one.look(), Look::Borrowed);
        one.words.shadow.set(DISABLE);
        one.words.used.set(WRAP + 1);
        one.words.descriptors[0][0].set(AVAIL | USED);
        assert_eq!(one.look(), Look::Nothing);
        assert_eq!(one.give_back(), Owed::Nothing);
        assert_eq!(one.words.event.get(), DISABLE);
        assert_eq!(one.look(), Look::NotMine);
    }
}

/// A descriptor is used if both its flags equal the driver's wrap counter.
#[test]
fn a_packed_ring_is_looked_at_where_its_driver_takes_next() {
    let mut one = One::new(PACKED, 4);

    one.words.event.set(DESC);
    one.words.shadow.set(DESC);
    one.words.taken.set(2 | WRAP);
    one.words.descriptors[2][0].set(AVAIL);
    assert_eq!(one.look(), Look::Borrowed);
    assert_eq!(one.words.event.get(), DISABLE);
    // The neighbouring descriptors do not count.
    one.words.descriptors[1][0].set(AVAIL | USED);
    one.words.descriptors[3][0].set(AVAIL | USED);
    assert_eq!(one.look(), Look::Nothing);
    one.words.descriptors[2][0].set(AVAIL | USED);
    assert_eq!(one.look(), Look::Work);
    assert_eq!(one.give_back(), Owed::Doubt);
    assert_eq!(one.words.event.get(), DESC);
}

#[test]
fn a_packed_ring_comes_round() {
    let mut one = One::new(PACKED, 4);

    // The last descriptor of the first lap.
    one.words.taken.set(3 | WRAP);
    one.words.descriptors[3][0].set(AVAIL | USED);
    assert_eq!(one.look(), Look::Work);
    // The driver has taken it. In the next lap both flags of a used descriptor are 0. Both are
    // still 1 from the lap before, and they differ if the driver has made the descriptor available.
    one.words.taken.set(0);
    for flags in [AVAIL | USED, USED, AVAIL] {
        one.words.descriptors[0][0].set(flags);
        assert_eq!(one.look(), Look::Nothing);
    }
    one.words.descriptors[0][0].set(0);
    assert_eq!(one.look(), Look::Work);
}

/// Such an index means that the core does not know this `struct vring_virtqueue`, or read it torn.
#[test]
fn an_index_that_is_out_of_range_is_not_followed() {
    for index in [4, 5, 0x7fff] {
        for wrap in [0, WRAP] {
            let mut one = One::new(PACKED, 4);

            one.words.taken.set(index | wrap);
            assert_eq!(one.look(), Look::Borrowed);
            assert_eq!(one.give_back(), Owed::Nothing);
        }
    }
}

/// The driver still has to take buffers of the batch, which are no longer in the ring.
#[test]
fn a_batch_that_is_not_taken_whole_is_work() {
    for kind in [FLAGS, PACKED] {
        let mut one = One::new(kind, 4);

        one.ring.batch = one.words.batch.as_ptr();
        one.words.taken.set(WRAP);
        one.words.used.set(WRAP);
        assert_eq!(one.look(), Look::Borrowed);
        one.words.batch.set(3);
        assert_eq!(one.look(), Look::Work);
        assert_eq!(one.look(), Look::Nothing);
        one.words.batch.set(u32::MAX);
        one.words.taken.set(WRAP + 1);
        one.words.used.set(WRAP + 1);
        assert_eq!(one.look(), Look::Nothing);
        assert_eq!(one.give_back(), Owed::Nothing);
    }
}

/// At the return nobody can know whether the driver waits for the same buffer, so it is in doubt.
#[test]
fn what_a_ring_with_flags_was_told_counts_until_it_is_back() {
    let mut one = One::new(PACKED, 4);

    one.words.taken.set(WRAP);
    one.words.descriptors[0][0].set(AVAIL | USED);
    assert_eq!(one.look(), Look::Work);
    assert_eq!(one.look(), Look::Nothing);
    assert_eq!(one.give_back(), Owed::Doubt);
    assert_eq!(one.look(), Look::Borrowed);
    one.words.taken.set(1 | WRAP);
    one.words.descriptors[1][0].set(AVAIL | USED);
    assert_eq!(one.look(), Look::Work);
}

/// As C has it at first.
fn zeroed() -> Box<poll_core> {
    // SAFETY: C's type has no invalid bytes.
    Box::new(unsafe { MaybeUninit::zeroed().assume_init() })
}

/// C only zeroes the core.
#[test]
fn a_zeroed_core_has_no_sources() {
    let mut core = zeroed();
    let core = &raw mut *core;

    // SAFETY: The core belongs to this test, and nobody else uses it.
    unsafe {
        for slot in 0..MAX_SOURCES {
            assert_eq!(poll_core_add(core), slot as i32);
        }
        assert!(poll_core_add(core) < 0);
        poll_core_remove(core, 7);
        assert_eq!(poll_core_add(core), 7);
    }
}

/// The first look finds work, and the hit is refused. So it is owed when the ring is given back,
/// and done.
#[test]
fn a_wait_calls_c() {
    const RESCHED: u64 = 8;
    let mut core = zeroed();
    let core = &raw mut *core;
    let (mut idle, mut one) = (One::new(EVENT, 256), One::new(EVENT, 256));
    let ring = &raw mut *one.ring;
    let rings = [&raw mut *idle.ring, ring];
    let event = &one.words.event;
    let flags: &'static Cell<u64> = Box::leak(Box::new(Cell::new(7)));
    let calls = Rc::new(RefCell::new(Vec::new()));
    let noted = Rc::clone(&calls);

    one.words.avail.set(4);
    one.words.used.set(1);
    answer(move |call| {
        let mut noted = noted.borrow_mut();

        // Whether the ring is borrowed is seen in the word.
        noted.push((call, event.get() != 0));
        match (call, noted.len()) {
            (Call::Hit { softirqs: true, .. }, _) => return 0,
            // What there is to run comes after a turn.
            (Call::Clock, 3) => flags.set(RESCHED),
            _ => {}
        }
        100 * noted.len() as u64
    });
    // SAFETY: The core, the ring and the flags belong to this test, and nobody else uses them.
    let resched = unsafe {
        for slot in 0..2 {
            assert_eq!(poll_core_add(core), slot.into());
            poll_core_missed(core, slot);
        }
        poll_core_wait(core, rings.as_ptr(), flags.as_ptr(), RESCHED, 50, 10_000)
    };
    let hit = |softirqs, start| Call::Hit {
        ring,
        softirqs,
        start,
    };
    let wanted = [
        (Call::Clock, true),
        (hit(true, 100), true),
        (Call::Clock, true),
        (Call::Clock, false),
        (hit(false, 400), false),
        (Call::Clock, false),
        (Call::Softirqs { ring, start: 600 }, false),
    ];
    assert_eq!(*calls.borrow(), wanted);
    assert!(resched);
    assert!(!one.is_borrowed());
    assert_eq!((one.ring.looks, one.ring.episodes), (16, 1));
}
