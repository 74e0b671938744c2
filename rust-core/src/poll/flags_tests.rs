// SPDX-License-Identifier: GPL-2.0

//! The rules of borrowing flags by example, as in `borrow_tests.rs`.

#[cfg_attr(
    CONFIG_CPU_IDLE_POLL_SOURCE_KUNIT_TEST,
    kernel::macros::kunit_tests(poll_flags)
)]
mod suite {
    use super::super::borrow::Look;
    use super::super::flags::{
        FlagBorrow,
        Flags,
        PATIENCE, //
    };
    use core::cell::Cell;

    /// A ring with flags, all on this CPU.
    struct Flagged {
        flags: Cell<u16>,
        shadow: Cell<u16>,
        used: Cell<u16>,
        taken: Cell<u16>,
        loose: Cell<bool>,
    }

    impl Flagged {
        const ON: u16 = 2;

        fn waiting() -> Self {
            Self {
                flags: Cell::new(Self::ON),
                shadow: Cell::new(Self::ON),
                used: Cell::new(7),
                taken: Cell::new(7),
                loose: Cell::new(false),
            }
        }

        fn uses(&self, buffers: u16) {
            self.used.set(self.used.get() + buffers);
        }

        fn switches(&self, flags: u16) {
            self.shadow.set(flags);
            self.flags.set(flags);
        }
    }

    impl Flags for Flagged {
        fn flags(&self) -> u16 {
            self.flags.get()
        }

        fn swap(&self, old: u16, new: u16) -> bool {
            self.loose.set(true);
            self.flags.get() == old && {
                self.flags.set(new);
                true
            }
        }

        fn barrier(&self) {
            self.loose.set(false);
        }

        fn wanted(&self) -> bool {
            self.shadow.get() != Self::OFF
        }

        fn taken(&self) -> u16 {
            self.taken.get()
        }

        fn more_used(&self) -> bool {
            assert!(!self.loose.get());
            self.taken.get() != self.used.get()
        }

        fn period(&self) -> u32 {
            512
        }
    }

    #[test]
    fn they_are_borrowed_and_given_back() {
        let ring = Flagged::waiting();
        let mut borrow = FlagBorrow::new();

        assert_eq!(borrow.look(&ring, 0), Look::Borrowed);
        assert_eq!(ring.flags.get(), Flagged::OFF);
        ring.uses(1);
        assert_eq!(borrow.look(&ring, 0), Look::Work);
        assert_eq!(borrow.look(&ring, 0), Look::Nothing);
        assert!(!borrow.give_back(&ring, 0));
        assert_eq!(ring.flags.get(), Flagged::ON);
        assert!(!borrow.is_borrowed());
    }

    #[test]
    fn those_of_a_driver_that_is_off_stay_off() {
        let ring = Flagged::waiting();
        let mut borrow = FlagBorrow::new();

        assert_eq!(borrow.look(&ring, 0), Look::Borrowed);
        ring.switches(Flagged::OFF);
        ring.uses(1);
        assert_eq!(borrow.look(&ring, 0), Look::Nothing);
        assert!(!borrow.give_back(&ring, 0));
        assert_eq!(ring.flags.get(), Flagged::OFF);
        assert_eq!(borrow.look(&ring, 0), Look::NotMine);
    }

    #[test]
    fn what_is_used_before_they_are_back_is_owed() {
        let ring = Flagged::waiting();
        let mut borrow = FlagBorrow::new();

        assert_eq!(borrow.look(&ring, 0), Look::Borrowed);
        ring.uses(1);
        assert!(borrow.give_back(&ring, 0));
        // The driver was told, and has only queued work.
        assert_eq!(borrow.look(&ring, 0), Look::Borrowed);
        assert!(!borrow.give_back(&ring, 0));
        ring.taken.set(8);
        ring.uses(1);
        assert_eq!(borrow.look(&ring, 0), Look::Work);
    }

    /// A packed ring's index comes round after two laps.
    #[test]
    fn what_was_told_is_forgotten_in_time() {
        let ring = Flagged::waiting();
        let mut borrow = FlagBorrow::new();

        ring.uses(1);
        assert_eq!(borrow.look(&ring, 0), Look::Work);
        assert_eq!(borrow.look(&ring, 512 * 15), Look::Nothing);
        assert!(!borrow.give_back(&ring, 2 * 512 * 15));
        assert_eq!(borrow.look(&ring, PATIENCE), Look::Borrowed);
        // In doubt since.
        assert!(borrow.give_back(&ring, PATIENCE));
        assert!(!borrow.give_back(&ring, PATIENCE));
        assert_eq!(borrow.look(&ring, 2 * PATIENCE + 1), Look::Work);
    }

    #[test]
    fn those_stored_anew_are_borrowed_anew() {
        let ring = Flagged::waiting();
        let mut borrow = FlagBorrow::new();

        ring.uses(1);
        assert_eq!(borrow.look(&ring, 0), Look::Work);
        ring.switches(Flagged::ON);
        assert_eq!(borrow.look(&ring, 0), Look::Work);
        ring.switches(0);
        assert!(!borrow.give_back(&ring, 0));
        assert_eq!(ring.flags.get(), 0);
    }

    #[test]
    fn what_nobody_was_told_is_owed() {
        let ring = Flagged::waiting();
        let mut borrow = FlagBorrow::new();

        ring.uses(1);
        assert_eq!(borrow.look(&ring, 0), Look::Work);
        borrow.not_told();
        assert!(borrow.give_back(&ring, 0));
        assert!(!borrow.give_back(&ring, 0));
    }
}
