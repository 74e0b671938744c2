// SPDX-License-Identifier: GPL-2.0

//! Borrowing a ring's event flags, where there is no event index to borrow: split
//! rings without VIRTIO_F_EVENT_IDX, and packed rings.
//!
//! ```text
//!                  look(): flags -> OFF
//!   the driver's ------------------------> borrowed
//!     ^      ^                               |  |
//!     |      +------ driver's own store -----+  |
//!     +-----------------------------------------+
//!       give_back(): OFF -> flags, unless the driver is off too
//! ```
//!
//! A packed ring with VIRTIO_F_EVENT_IDX has an index as well, which is left
//! alone: the flags then say whether it counts.
//!
//! # Invariants
//!
//! As in `borrow.rs`, but for these:
//!
//! - The driver's OFF cannot be told from the poller's. Where the word is OFF and
//!   the poller did not put it there, it is the driver's. When it is given back it
//!   stays OFF if the driver's own note, its shadow, says so: a driver that is off
//!   stores the word when it switches on.
//! - There is work if the driver's own `more_used()` says so, and its events are
//!   on. That is before an index beside the flags is passed, at times: a hit too
//!   many.
//! - A wish is told once: until the driver takes a buffer, or stores its flags.
//! - What was told is known by the index of what the driver took last. A packed
//!   ring comes round to it after two laps, which may be short. So it is read
//!   before `more_used()`: a driver that takes a buffer and asks again between the
//!   two has an index of its own. And where nobody looked for as long as coming round
//!   may take, it is *in doubt*: when the flags are given back it counts for nothing.
//! - While the flags are borrowed, what is in doubt still counts for [`PATIENCE`]. A
//!   hit takes longer than coming round a small ring may take, and a driver that does
//!   not take its buffer at once would be told of it hit after hit.
//!
//! With VIRTIO_F_IN_ORDER the driver may have buffers that are used but not taken
//! and not in the ring either; its `more_used()` counts them.

use super::borrow::{
    Look,
    LAPSE, //
};

/// How long a driver that was told of a buffer, and may have come round to another, is
/// not told again in the wait, in nanoseconds.
pub const PATIENCE: u64 = 200_000;

/// A ring, in memory that driver, device and poller share, and what its driver
/// notes.
pub trait Flags {
    /// The word if it asks for no interrupts: VRING_AVAIL_F_NO_INTERRUPT and
    /// VRING_PACKED_EVENT_FLAG_DISABLE.
    const OFF: u16 = 1;

    /// The word as it stands. A single relaxed reading.
    fn flags(&self) -> u16;

    /// Replaces `old` by `new` in the word if it is `old`; returns whether.
    /// Atomic, but for the order see [`Flags::barrier`].
    fn swap(&self, old: u16, new: u16) -> bool;

    /// As [`Ring::barrier`](super::borrow::Ring::barrier).
    fn barrier(&self);

    /// Whether the driver's shadow of the flags asks for interrupts. Who reads
    /// what the driver stored to the word reads what it noted before: that is so
    /// on x86, elsewhere the driver needs a barrier between the two.
    fn wanted(&self) -> bool;

    /// The index of what the driver takes next, and in a packed ring its wrap
    /// counter.
    fn taken(&self) -> u16;

    /// Whether there is a used buffer to take, as the driver's `more_used()`.
    fn more_used(&self) -> bool;

    /// After how many buffers [`Flags::taken`] comes round. In a packed ring that
    /// is after twice its entries, if each buffer takes one; a driver needs more time
    /// for one that takes more.
    fn period(&self) -> u32 {
        1 << 16
    }
}

/// One queue as its poller knows it. All zero is a queue that is not borrowed.
#[repr(C)]
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct FlagBorrow {
    /// The time of the last look.
    looked: u64,
    /// What the driver had in the word.
    wish: u16,
    /// What the driver was to take when it was told.
    at: u16,
    borrowed: bool,
    /// The driver was told of the buffer at `at`.
    told: bool,
    /// The driver was to be told, and was not.
    owed: bool,
    /// The buffer at `at` may be another by now.
    doubt: bool,
}

impl FlagBorrow {
    /// Nothing is borrowed.
    pub const fn new() -> Self {
        Self {
            looked: 0,
            wish: 0,
            at: 0,
            borrowed: false,
            told: false,
            owed: false,
            doubt: false,
        }
    }

    /// Whether the word may hold what the poller put there.
    pub fn is_borrowed(&self) -> bool {
        self.borrowed
    }

    /// As [`Borrow::look`](super::borrow::Borrow::look), but `now` counts: a driver
    /// may come round since it was read, and that is not noticed.
    pub fn look<R: Flags>(&mut self, ring: &R, now: u64) -> Look {
        let lapsed = self.away(ring, now) > PATIENCE;
        let flags = ring.flags();
        let mut quiet = Look::Nothing;

        if flags != R::OFF {
            if self.borrowed {
                self.asked_again();
            }
            if !ring.swap(flags, R::OFF) {
                return Look::NotMine;
            }
            self.borrowed = true;
            self.wish = flags;
            quiet = Look::Borrowed;
            // As in give_back(). What is missed here a later look finds.
            ring.barrier();
        } else if !self.borrowed {
            return Look::NotMine;
        }
        if self.has_news(ring, lapsed) {
            Look::Work
        } else {
            quiet
        }
    }

    /// As [`Borrow::give_back`](super::borrow::Borrow::give_back). `now` should be
    /// read after the last look.
    pub fn give_back<R: Flags>(&mut self, ring: &R, now: u64) -> bool {
        self.away(ring, now);
        if !self.borrowed {
            return false;
        }
        if !ring.wanted() || !ring.swap(R::OFF, self.wish) {
            // The driver looks at the ring after it switched its events on.
            self.asked_again();
            return false;
        }
        self.borrowed = false;
        // Pairs with the device's, between its write of a used buffer and its
        // reading of the word.
        ring.barrier();
        let work = self.has_news(ring, self.doubt) || self.owed;
        self.owed = false;
        work
    }

    /// As [`Borrow::not_told`](super::borrow::Borrow::not_told).
    pub fn not_told(&mut self) {
        self.owed = true;
    }

    /// The word is the driver's own.
    fn asked_again(&mut self) {
        self.borrowed = false;
        self.told = false;
        self.owed = false;
        self.doubt = false;
    }

    /// How long nobody looked. If the driver may have come round in that time, what it
    /// was told is in doubt.
    fn away<R: Flags>(&mut self, ring: &R, now: u64) -> u64 {
        // Another CPU's clock may be behind: then this is huge.
        let away = now.wrapping_sub(self.looked);

        self.looked = now;
        self.doubt |= away > u64::from(ring.period()).wrapping_mul(LAPSE >> 16);
        away
    }

    /// Whether there is work that the driver waits for, and was not told of.
    fn has_news<R: Flags>(&mut self, ring: &R, lapsed: bool) -> bool {
        let taken = ring.taken();

        if taken != self.at {
            self.owed = false;
            self.doubt = false;
        }
        self.told &= !lapsed && taken == self.at;
        if self.told || !ring.wanted() || !ring.more_used() {
            return false;
        }
        self.told = true;
        self.owed = false;
        self.doubt = false;
        self.at = taken;
        true
    }
}
