// SPDX-License-Identifier: GPL-2.0

//! Tests each kind of ring on real memory, through the code behind the functions that C calls:
//! where the core reads, and what it concludes.

extern crate std;

use core::ffi::c_ulong;
use core::mem::MaybeUninit;

use super::doubles::{ring, Words};
use super::ffi::{action, input, kind, reason, PollCore, PollRing, Rings, ARG_SHIFT};
use super::poll::{Look, Owed, Slot, Sources};
use super::{
    poll_core_add, poll_core_init, poll_core_missed, poll_core_start, poll_core_step,
    poll_ring_is_borrowed,
};

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
    ring: std::boxed::Box<PollRing>,
    words: &'static Words,
}

impl One {
    fn new(ring_kind: u8, size: u16) -> Self {
        let (ring, words) = ring(ring_kind, size);

        Self { ring, words }
    }

    fn with<T>(&mut self, what: impl FnOnce(&mut Rings) -> T) -> T {
        let rings = [&raw mut *self.ring];
        let flags = 0;

        // SAFETY: `self` owns the ring, the flags are local, and nobody else uses them.
        what(&mut unsafe { Rings::new(rings.as_ptr(), &raw const flags, 8) })
    }

    fn look(&mut self) -> Look {
        self.with(|rings| rings.look(FIRST, 0))
    }

    fn give_back(&mut self) -> Owed {
        self.with(|rings| rings.give_back(FIRST, 0))
    }

    fn is_borrowed(&self) -> bool {
        // SAFETY: The ring is valid.
        unsafe { poll_ring_is_borrowed(&raw const *self.ring) }
    }
}

#[test]
fn an_event_index_is_borrowed_and_given_back() {
    let mut one = One::new(kind::EVENT, 256);

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
        let mut one = One::new(kind::EVENT, 4);

        one.words.used.set(used);
        assert_eq!(one.look(), look);
    }
}

#[test]
fn what_was_refused_is_owed_by_either_kind() {
    for ring_kind in [kind::EVENT, kind::FLAGS] {
        let mut one = One::new(ring_kind, 256);

        one.words.avail.set(2);
        one.words.used.set(1);
        assert_eq!(one.look(), Look::Work);
        one.with(|rings| rings.not_told(FIRST));
        assert_eq!(one.give_back(), Owed::News);
        assert_eq!(one.give_back(), Owed::Nothing);
    }
}

#[test]
fn a_split_rings_flags_are_borrowed_and_given_back() {
    let mut one = One::new(kind::FLAGS, 256);

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
    for ring_kind in [kind::FLAGS, kind::PACKED] {
        let mut one = One::new(ring_kind, 4);

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
    let mut one = One::new(kind::PACKED, 4);

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
    let mut one = One::new(kind::PACKED, 4);

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
            let mut one = One::new(kind::PACKED, 4);

            one.words.taken.set(index | wrap);
            assert_eq!(one.look(), Look::Borrowed);
            assert_eq!(one.give_back(), Owed::Nothing);
        }
    }
}

/// The driver still has to take buffers of the batch, which are no longer in the ring.
#[test]
fn a_batch_that_is_not_taken_whole_is_work() {
    for ring_kind in [kind::FLAGS, kind::PACKED] {
        let mut one = One::new(ring_kind, 4);

        one.ring.memory.batch = one.words.batch.as_ptr();
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
    let mut one = One::new(kind::PACKED, 4);

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

/// Runs a wait as C does, from the first step to the last.
#[test]
fn a_wait_goes_from_step_to_step() {
    let mut core = MaybeUninit::<PollCore>::uninit();
    let core = core.as_mut_ptr();
    let mut one = One::new(kind::EVENT, 256);
    let rings = [&raw mut *one.ring];
    let (mut flags, resched): (c_ulong, c_ulong) = (0, 8);
    let flags = &raw mut flags;
    // SAFETY: The core, the ring and the flags belong to this test, and nobody else uses them.
    let step =
        |input, now| unsafe { poll_core_step(core, rings.as_ptr(), flags, resched, input, now, 1) };
    let with = |action, arg: u8| action | u32::from(arg) << ARG_SHIFT;

    one.words.avail.set(4);
    one.words.used.set(1);
    // SAFETY: As above.
    let first = unsafe {
        poll_core_init(core);
        assert_eq!(poll_core_add(core), 0);
        poll_core_missed(core, 0);
        poll_core_start(core, rings.as_ptr(), flags, resched, 0, 1000)
    };
    assert_eq!(first, with(action::HIT, 0));
    // Changes nothing: a number that is no input, and the answer to another action.
    assert_eq!(step(77, 2000), with(action::HIT, 0));
    assert_eq!(step(input::CLOCK_READ, 2000), with(action::HIT, 0));
    assert_eq!(step(input::HIT_DONE, 1), action::CLOCK);
    assert!(one.words.event.get() > 1);
    one.words.event.set(1);
    assert_eq!(step(input::CLOCK_READ, 2), action::CLOCK);
    one.words.used.set(2);
    // SAFETY: As above.
    unsafe { flags.write(resched) };
    assert_eq!(step(input::CLOCK_READ, 3), with(action::HIT_ALONE, 0));
    assert_eq!(one.words.event.get(), 1);
    assert_eq!(step(input::HIT_DONE, 4), action::SOFTIRQS);
    let done = with(action::DONE, reason::RESCHED);
    assert_eq!(step(input::SOFTIRQS_DONE, 5), done);
    assert_eq!(step(input::RESTED, 6), done);
}
