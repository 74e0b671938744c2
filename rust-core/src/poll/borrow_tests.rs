// SPDX-License-Identifier: GPL-2.0

//! The rules of borrowing by example, one step at a time.
//!
//! As `tests.rs`: fit for KUnit. What several CPUs make of it is for a model
//! checker, on a host.

#[cfg_attr(
    CONFIG_CPU_IDLE_POLL_SOURCE_KUNIT_TEST,
    kernel::macros::kunit_tests(poll_borrow)
)]
mod suite {
    use super::super::borrow::{
        Borrow,
        Look,
        Ring,
        Word,
        LAPSE, //
    };
    use core::cell::Cell;

    /// A ring, all on this CPU.
    #[derive(Default)]
    struct Split {
        event: Cell<u16>,
        used: Cell<u16>,
        /// What the device uses right after an exchange, by and by.
        uses: Cell<[u16; 3]>,
        /// An exchange, and no barrier so far.
        loose: Cell<bool>,
        swaps: Cell<u16>,
        /// The device has nothing to use.
        idle: Cell<bool>,
    }

    impl Split {
        /// Used up to an index, which the driver waits for.
        fn waiting(index: u16) -> Self {
            let ring = Self::default();

            ring.event.set(index);
            ring.used.set(index);
            ring
        }

        fn uses(&self, buffers: u16) {
            self.used.set(self.used.get().wrapping_add(buffers));
        }
    }

    impl Word for Split {
        fn event(&self) -> u16 {
            self.event.get()
        }

        fn swap(&self, old: u16, new: u16) -> bool {
            if self.event.get() != old {
                return false;
            }
            let [now, next, last] = self.uses.take();
            self.uses(now);
            self.uses.set([next, last, 0]);
            self.event.set(new);
            self.loose.set(true);
            self.swaps.set(self.swaps.get() + 1);
            true
        }

        fn barrier(&self) {
            self.loose.set(false);
        }
    }

    impl Ring for Split {
        fn used(&self) -> u16 {
            assert!(!self.loose.get());
            self.used.get()
        }

        fn in_flight(&self) -> bool {
            !self.idle.get()
        }

        fn size(&self) -> u16 {
            256
        }
    }

    #[test]
    fn all_zero_is_not_borrowed() {
        assert!(!Borrow::default().is_borrowed());
        assert!(!Borrow::default().give_back(&Split::waiting(7), 0));
    }

    #[test]
    fn a_look_puts_the_event_far_away() {
        let ring = Split::waiting(7);
        let mut borrow = Borrow::default();

        assert_eq!(borrow.look(&ring, 0), Look::Borrowed);
        assert!(borrow.is_borrowed());
        assert_eq!(ring.event.get(), 7 + 0x7fff);
        assert!(!borrow.give_back(&ring, 0));
        assert_eq!(ring.event.get(), 7);
        assert!(!borrow.is_borrowed());
    }

    /// 0 is what drivers store to switch events off.
    #[test]
    fn what_is_put_there_is_neither_0_nor_what_was_there() {
        let ring = Split::waiting(0x8001);
        let mut borrow = Borrow::default();

        assert_eq!(borrow.look(&ring, 0), Look::Borrowed);
        assert_eq!(ring.event.get(), 0xffff);

        let ring = Split::waiting(7);
        let mut borrow = Borrow::default();
        ring.event.set(7 + 0x7fff);
        assert_eq!(borrow.look(&ring, 0), Look::Borrowed);
        assert_eq!(ring.event.get(), 7 + 0x7ffe);
    }

    #[test]
    fn a_wish_is_told_once() {
        let ring = Split::waiting(7);
        let mut borrow = Borrow::default();

        assert_eq!(borrow.look(&ring, 0), Look::Borrowed);
        ring.uses(1);
        assert_eq!(borrow.look(&ring, 0), Look::Work);
        ring.uses(1);
        assert_eq!(borrow.look(&ring, 0), Look::Nothing);
        assert!(!borrow.give_back(&ring, 0));
    }

    #[test]
    fn a_new_wish_is_told_too() {
        let ring = Split::waiting(7);
        let mut borrow = Borrow::default();

        ring.uses(1);
        assert_eq!(borrow.look(&ring, 0), Look::Work);
        ring.event.set(8);
        assert_eq!(borrow.look(&ring, 0), Look::Borrowed);
        assert!(ring.event.get() != 8);
        ring.uses(1);
        assert_eq!(borrow.look(&ring, 0), Look::Work);
    }

    /// The device saw the old event when it used the buffer, or else the new one.
    #[test]
    fn what_is_used_at_the_exchange_is_told() {
        let ring = Split::waiting(7);
        let mut borrow = Borrow::default();

        ring.uses.set([1, 0, 0]);
        assert_eq!(borrow.look(&ring, 0), Look::Work);

        let ring = Split::waiting(7);
        let mut borrow = Borrow::default();
        ring.uses.set([0, 1, 0]);
        assert_eq!(borrow.look(&ring, 0), Look::Borrowed);
        assert!(borrow.give_back(&ring, 0));
        assert_eq!(ring.event.get(), 7);
    }

    #[test]
    fn no_wish_is_further_behind_than_a_ring() {
        let ring = Split::waiting(7);

        ring.uses(256);
        assert_eq!(Borrow::default().look(&ring, 0), Look::Work);
        ring.event.set(7);
        ring.uses(1);
        assert_eq!(Borrow::default().look(&ring, 0), Look::Borrowed);
    }

    #[test]
    fn what_the_driver_stored_stays() {
        let ring = Split::waiting(7);
        let mut borrow = Borrow::default();

        assert_eq!(borrow.look(&ring, 0), Look::Borrowed);
        ring.uses(1);
        ring.event.set(8);
        assert!(!borrow.give_back(&ring, 0));
        assert_eq!(ring.event.get(), 8);
        assert!(!borrow.is_borrowed());
    }

    /// NAPI is at work, say.
    #[test]
    fn a_driver_that_was_told_is_left_alone() {
        let ring = Split::waiting(7);
        let mut borrow = Borrow::default();

        ring.uses(1);
        assert_eq!(borrow.look(&ring, 0), Look::Work);
        assert!(!borrow.give_back(&ring, 0));
        let swaps = ring.swaps.get();
        for _ in 0..3 {
            ring.uses(1);
            assert_eq!(borrow.look(&ring, LAPSE), Look::NotMine);
            assert!(!borrow.give_back(&ring, LAPSE));
        }
        assert_eq!(ring.swaps.get(), swaps);

        ring.event.set(9);
        assert_eq!(borrow.look(&ring, LAPSE), Look::Work);
    }

    #[test]
    fn what_was_told_is_forgotten_in_time() {
        let ring = Split::waiting(7);
        let mut borrow = Borrow::default();

        ring.uses(1);
        assert_eq!(borrow.look(&ring, 0), Look::Work);
        assert!(!borrow.give_back(&ring, 0));
        assert_eq!(borrow.look(&ring, LAPSE + 1), Look::Work);
        // The clock of another CPU.
        assert!(!borrow.give_back(&ring, LAPSE + 1));
        assert_eq!(borrow.look(&ring, LAPSE), Look::Work);

        // While it is borrowed: since the last look.
        assert_eq!(borrow.look(&ring, 2 * LAPSE), Look::Nothing);
        assert_eq!(borrow.look(&ring, 3 * LAPSE), Look::Nothing);
        assert_eq!(borrow.look(&ring, 4 * LAPSE + 1), Look::Work);
    }

    #[test]
    fn what_was_told_is_forgotten_out_of_reach() {
        let ring = Split::waiting(7);
        let mut borrow = Borrow::default();

        ring.uses(1);
        assert_eq!(borrow.look(&ring, 0), Look::Work);
        assert!(!borrow.give_back(&ring, 0));
        ring.uses(256);
        assert_eq!(borrow.look(&ring, 0), Look::Borrowed);
        assert!(!borrow.give_back(&ring, 0));
        ring.used.set(8);
        assert_eq!(borrow.look(&ring, 0), Look::Work);

        // While it is borrowed.
        ring.uses(256);
        assert_eq!(borrow.look(&ring, 0), Look::Nothing);
        ring.used.set(8);
        assert_eq!(borrow.look(&ring, 0), Look::Work);
    }

    /// What is given back in doubt is what the device is at, once it stands still.
    #[test]
    fn in_doubt_the_next_buffer_is_asked_for() {
        for uses in [[0, 0x4000, 0], [0, 0x3fff, 1]] {
            let ring = Split::waiting(7);
            let mut borrow = Borrow::default();

            ring.uses.set(uses);
            assert_eq!(borrow.look(&ring, 0), Look::Borrowed);
            ring.uses(1);
            assert!(borrow.give_back(&ring, 0));
            assert_eq!(ring.event.get(), ring.used.get());
        }
    }

    #[test]
    fn what_nobody_was_told_is_owed() {
        let ring = Split::waiting(7);
        let mut borrow = Borrow::default();

        ring.uses(1);
        assert_eq!(borrow.look(&ring, 0), Look::Work);
        borrow.not_told();
        assert_eq!(borrow.look(&ring, 0), Look::Nothing);
        assert!(borrow.give_back(&ring, 0));
        // Refused again.
        borrow.not_told();
        assert_eq!(borrow.look(&ring, 0), Look::Borrowed);
        assert!(borrow.give_back(&ring, 0));
        assert_eq!(borrow.look(&ring, 0), Look::NotMine);
    }

    /// What is used is owed, whatever comes.
    #[test]
    fn an_idle_device_is_left_alone_if_nothing_is_owed() {
        let ring = Split::waiting(7);
        let mut borrow = Borrow::default();

        ring.idle.set(true);
        assert_eq!(borrow.look(&ring, 0), Look::NotMine);
        assert_eq!(ring.swaps.get(), 0);
        ring.idle.set(false);
        ring.uses(1);
        assert_eq!(borrow.look(&ring, 0), Look::Work);
        borrow.not_told();
        assert!(borrow.give_back(&ring, 0));
        borrow.not_told();
        ring.idle.set(true);
        assert_eq!(borrow.look(&ring, 0), Look::Borrowed);
        assert!(borrow.give_back(&ring, 0));
    }

    #[test]
    fn nothing_is_owed_to_a_driver_that_asked_again() {
        let ring = Split::waiting(7);
        let mut borrow = Borrow::default();

        ring.uses(1);
        assert_eq!(borrow.look(&ring, 0), Look::Work);
        borrow.not_told();
        ring.event.set(8);
        assert_eq!(borrow.look(&ring, 0), Look::Borrowed);
        assert!(!borrow.give_back(&ring, 0));
    }
}
