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
//! - While the flags are borrowed a wish is told once: until the driver takes a buffer,
//!   or stores its flags.
//! - What was told is known by the index of what the driver takes next. A packed
//!   ring comes round to it after two laps, which may be short, and no look can tell.
//!   So that is enough for looks alone. When the flags are given back, a driver that
//!   was told and has a buffer to take is *in doubt*, and is told again.
//! - The index is read before `more_used()`: a driver that takes a buffer and asks
//!   again between the two has an index of its own.
//!
//! With VIRTIO_F_IN_ORDER the driver may have buffers that are used but not taken
//! and not in the ring either; its `more_used()` counts them.

use super::borrow::{
    Borrow,
    Look,
    Owed,
    Word, //
};

/// The word if it asks for no interrupts: VRING_AVAIL_F_NO_INTERRUPT and
/// VRING_PACKED_EVENT_FLAG_DISABLE.
pub const OFF: u16 = 1;

/// A ring whose flags are borrowed, and what its driver notes.
pub trait Flags: Word {
    /// Whether the driver's shadow of the flags asks for interrupts. Who reads
    /// what the driver stored to the word reads what it noted before: that is so
    /// on x86, elsewhere the driver needs a barrier between the two.
    fn wanted(&self) -> bool;

    /// The index of what the driver takes next, and in a packed ring its wrap
    /// counter.
    fn taken(&self) -> u16;

    /// Whether there is a used buffer to take, as the driver's `more_used()`.
    fn more_used(&self) -> bool;
}

impl Borrow {
    /// As [`Borrow::look`], of flags.
    pub fn look_at_flags<R: Flags>(&mut self, ring: &R) -> Look {
        let flags = ring.event();
        let mut quiet = Look::Nothing;

        if flags != OFF {
            if self.is_borrowed() {
                self.asked_again();
            }
            if !ring.swap(flags, OFF) {
                return Look::NotMine;
            }
            self.mine = OFF;
            self.wish = flags;
            quiet = Look::Borrowed;
            // See Word::barrier. What is missed here a later look finds.
            ring.barrier();
        } else if !self.is_borrowed() {
            return Look::NotMine;
        }
        match self.judge_flags(ring) {
            Owed::News => Look::Work,
            Owed::Doubt | Owed::Nothing => quiet,
        }
    }

    /// Gives flags back to their driver, which the caller must tell of what is owed.
    pub fn give_back_flags<R: Flags>(&mut self, ring: &R) -> Owed {
        if !self.is_borrowed() {
            return Owed::Nothing;
        }
        if !ring.wanted() || !ring.swap(OFF, self.wish) {
            // The driver looks at the ring after it switched its events on.
            self.asked_again();
            return Owed::Nothing;
        }
        self.mine = 0;
        // See Word::barrier.
        ring.barrier();
        let owed = self.judge_flags(ring);
        if core::mem::take(&mut self.owed) {
            return Owed::News;
        }
        owed
    }

    /// Whether there is work that the driver waits for, and whether it was told of it.
    fn judge_flags<R: Flags>(&mut self, ring: &R) -> Owed {
        let taken = ring.taken();

        if taken != self.at {
            self.told = false;
            self.owed = false;
        }
        if !ring.wanted() || !ring.more_used() {
            return Owed::Nothing;
        }
        if self.told {
            return Owed::Doubt;
        }
        self.told = true;
        self.owed = false;
        self.at = taken;
        Owed::News
    }
}
