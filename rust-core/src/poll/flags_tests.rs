// SPDX-License-Identifier: GPL-2.0

//! The rules of borrowing flags by example, as in `borrow_tests.rs`.

#[cfg_attr(
    CONFIG_CPU_IDLE_POLL_SOURCE_KUNIT_TEST,
    kernel::macros::kunit_tests(poll_flags)
)]
mod suite {
    use super::super::borrow::{
        Borrow,
        Look,
        Owed,
        Word, //
    };
    use super::super::flags::{
        Flags,
        OFF, //
    };
    use core::cell::Cell;

    /// A ring with flags, all on this CPU.
    struct Flagged {
        flags: Cell<u16>,
        shadow: Cell<u16>,
        used: Cell<u16>,
        taken: Cell<u16>,
        loose: Cell<bool>,
        /// The driver takes a buffer, and the device uses another, between two readings.
        races: Cell<bool>,
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
                races: Cell::new(false),
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

    impl Word for Flagged {
        fn event(&self) -> u16 {
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
    }

    impl Flags for Flagged {
        fn wanted(&self) -> bool {
            self.shadow.get() != OFF
        }

        fn taken(&self) -> u16 {
            self.taken.get()
        }

        fn more_used(&self) -> bool {
            assert!(!self.loose.get());
            if self.races.take() {
                self.taken.set(self.taken.get() + 1);
                self.uses(1);
            }
            self.taken.get() != self.used.get()
        }
    }

    #[test]
    fn they_are_borrowed_and_given_back() {
        let ring = Flagged::waiting();
        let mut borrow = Borrow::default();

        assert_eq!(borrow.look_at_flags(&ring), Look::Borrowed);
        assert_eq!(ring.flags.get(), OFF);
        ring.uses(1);
        assert_eq!(borrow.look_at_flags(&ring), Look::Work);
        assert_eq!(borrow.look_at_flags(&ring), Look::Nothing);
        ring.taken.set(8);
        assert_eq!(borrow.give_back_flags(&ring), Owed::Nothing);
        assert_eq!(ring.flags.get(), Flagged::ON);
        assert!(!borrow.is_borrowed());
    }

    #[test]
    fn those_of_a_driver_that_is_off_stay_off() {
        let ring = Flagged::waiting();
        let mut borrow = Borrow::default();

        assert_eq!(borrow.look_at_flags(&ring), Look::Borrowed);
        ring.switches(OFF);
        ring.uses(1);
        assert_eq!(borrow.look_at_flags(&ring), Look::Nothing);
        assert_eq!(borrow.give_back_flags(&ring), Owed::Nothing);
        assert_eq!(ring.flags.get(), OFF);
        assert_eq!(borrow.look_at_flags(&ring), Look::NotMine);
    }

    #[test]
    fn what_is_used_before_they_are_back_is_owed() {
        let ring = Flagged::waiting();
        let mut borrow = Borrow::default();

        assert_eq!(borrow.look_at_flags(&ring), Look::Borrowed);
        ring.uses(1);
        assert_eq!(borrow.give_back_flags(&ring), Owed::News);
        // The driver was told, and has only queued work.
        assert_eq!(borrow.look_at_flags(&ring), Look::Borrowed);
        ring.taken.set(8);
        ring.uses(1);
        assert_eq!(borrow.look_at_flags(&ring), Look::Work);
    }

    #[test]
    fn what_comes_while_a_look_reads_is_news() {
        let ring = Flagged::waiting();
        let mut borrow = Borrow::default();

        ring.uses(1);
        ring.races.set(true);
        assert_eq!(borrow.look_at_flags(&ring), Look::Work);
        assert_eq!(borrow.look_at_flags(&ring), Look::Work);
        assert_eq!(borrow.look_at_flags(&ring), Look::Nothing);
    }

    /// What the poller sees is the same if the driver leaves its buffer, and if it takes
    /// two laps of a packed ring and waits again.
    #[test]
    fn what_was_told_is_in_doubt_at_the_return() {
        let ring = Flagged::waiting();
        let mut borrow = Borrow::default();

        ring.uses(1);
        assert_eq!(borrow.look_at_flags(&ring), Look::Work);
        assert_eq!(borrow.look_at_flags(&ring), Look::Nothing);
        assert_eq!(borrow.give_back_flags(&ring), Owed::Doubt);
        assert_eq!(borrow.look_at_flags(&ring), Look::Borrowed);
        assert_eq!(borrow.give_back_flags(&ring), Owed::Doubt);

        assert_eq!(borrow.look_at_flags(&ring), Look::Borrowed);
        ring.switches(OFF);
        assert_eq!(borrow.give_back_flags(&ring), Owed::Nothing);
    }

    #[test]
    fn those_stored_anew_are_borrowed_anew() {
        let ring = Flagged::waiting();
        let mut borrow = Borrow::default();

        ring.uses(1);
        assert_eq!(borrow.look_at_flags(&ring), Look::Work);
        ring.switches(Flagged::ON);
        assert_eq!(borrow.look_at_flags(&ring), Look::Work);
        ring.switches(0);
        assert_eq!(borrow.give_back_flags(&ring), Owed::Nothing);
        assert_eq!(ring.flags.get(), 0);
    }

    #[test]
    fn what_nobody_was_told_is_owed() {
        let ring = Flagged::waiting();
        let mut borrow = Borrow::default();

        ring.uses(1);
        assert_eq!(borrow.look_at_flags(&ring), Look::Work);
        borrow.not_told();
        assert_eq!(borrow.give_back_flags(&ring), Owed::News);
        assert_eq!(borrow.give_back_flags(&ring), Owed::Nothing);
    }
}
