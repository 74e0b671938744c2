// SPDX-License-Identifier: GPL-2.0

//! Borrowing a split ring's event index: the poller suppresses a queue's
//! interrupts behind the back of its driver.
//!
//! With VIRTIO_F_EVENT_IDX the device interrupts when its used index passes
//! `used_event`, a word that the driver stores and never reads back. The poller
//! swaps in an index that is far away (`mine`), remembers the driver's (the
//! wish), judges the used index by the wish as the device would have, and swaps
//! the wish back in the end:
//!
//! ```text
//!                look(): wish -> mine
//!   the driver's --------------------> borrowed
//!     ^      ^                          |   |
//!     |      +--- driver's own store ---+   |
//!     +-------------------------------------+
//!              give_back(): mine -> wish
//! ```
//!
//! The driver runs on any CPU and takes no part: its stores are plain ones, and
//! win.
//!
//! # Invariants
//!
//! An interrupt too many is allowed, an interrupt too few is not.
//!
//! - The word is written by a compare-and-exchange alone, against `mine` or the
//!   wish that was just read: what the driver stored in between stays.
//! - Used is judged by the wish absolutely: passed if it is beyond the wish by
//!   no more than a ring. "Passed since the last look" would miss what the
//!   device used between the reading and the exchange.
//! - After each exchange comes a full barrier, then a reading of used. The device
//!   does the opposite: it writes used, then reads the word. So one of them sees
//!   the other.
//! - After the wish is back, the poller looks once more: nobody was told of what
//!   the device used before.
//! - `mine` is far ahead of used, so the device does not reach it soon (just
//!   behind used, some devices interrupt at once). It is not 0, which a driver
//!   stores to switch its events off, nor what the word held.
//! - `mine` in the word may be the driver's own wish, once used has come near it.
//!   As long as it is there the device acts by it, so a look need not care. But when
//!   the poller takes it out, and half of the way to it is gone, the poller does not
//!   know whose it was. It is *in doubt*: it asks the device for the next buffer,
//!   and reports work. Both are right whatever the driver wanted.
//! - The way that is left is looked at after the exchange. Before it, the driver
//!   could store `mine` in between. It does not matter how long the poller stood
//!   still, nor whether used went round: while the driver waits at `mine`, used
//!   stays within a ring of it.
//! - The next buffer is asked for until used stands still. If it moved in between,
//!   what was asked for may have taken the place of a wish beyond it.
//! - A wish is told once, as by an interrupt. A new one forgets that.
//! - A driver that was told and does not ask again leaves its old wish in the
//!   word. That is remembered over the end of a borrow, and the word left alone:
//!   neither told again nor borrowed. Not for longer than [`LAPSE`] without a
//!   look, nor once used is out of reach of the wish: the index will come round.
//! - Nobody is told of a hit that is put off, because the CPU has something to run
//!   or the irq core refuses: it is owed until the driver stores another wish.
//! - One poller at a time has a queue. Two would take each other's `mine` for a
//!   wish. The caller sees to it, and gives back before the ring is reset or
//!   gone.
//! - A ring has no more than 0x2000 entries, in memory that is cached.
//!
//! With VIRTIO_F_IN_ORDER used jumps by batches, which changes nothing here.
//! Rings without an index of their own to borrow are in `flags.rs`.

/// How long it is remembered what a driver was told, in nanoseconds. Used does not
/// go round in that time: 65,536 buffers take longer.
pub const LAPSE: u64 = 1_000_000;

/// The word that is borrowed, in memory that driver, device and poller share.
pub trait Word {
    /// The word as it stands. A single relaxed reading.
    fn event(&self) -> u16;

    /// Replaces `old` by `new` in the word if it is `old`; returns whether.
    /// Atomic, but for the order see [`Word::barrier`].
    fn swap(&self, old: u16, new: u16) -> bool;

    /// A full barrier between the exchange before it and the readings after it,
    /// for the device too: a kernel for one CPU has no LOCK at an exchange. Its
    /// partner is the device's, between its write of used and its reading of the
    /// word.
    fn barrier(&self);
}

/// A split ring whose event index is borrowed.
pub trait Ring: Word {
    /// The bits of an index. A model has fewer, to go through all of them.
    const MASK: u16 = u16::MAX;

    /// The device's used index. A single relaxed reading.
    fn used(&self) -> u16;

    /// Whether the device has buffers that it has not used. One without has nothing
    /// to interrupt for, and is not borrowed. Two relaxed readings.
    fn in_flight(&self) -> bool {
        true
    }

    /// The ring's entries. A driver waits for no more buffers than these, so
    /// used cannot be further beyond its wish.
    fn size(&self) -> u16 {
        (Self::MASK >> 3).wrapping_add(1)
    }
}

/// What [`Borrow::look`] saw.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Look {
    /// Not borrowed: the driver stored a wish just now, or was told and has not
    /// asked again, or the device has nothing to do.
    NotMine,
    /// Borrowed by this look; nothing to do there.
    Borrowed,
    /// Borrowed before; nothing to do there.
    Nothing,
    /// Borrowed, and the driver is to be told: run its handler.
    Work,
}

/// Whether the driver is to be told of something, now that it has its ring back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Owed {
    /// No.
    Nothing,
    /// Of what it was told already, or of something else: nobody can know.
    Doubt,
    /// Of something new.
    News,
}

/// One queue as its poller knows it. All zero is a queue that is not borrowed.
#[repr(C)]
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Borrow {
    /// The time of the last look, if the driver is told.
    looked: u64,
    /// What the driver asked for last, as far as the poller knows.
    pub(super) wish: u16,
    /// What the poller put in its place; 0 if it did not.
    pub mine: u16,
    /// Of flags: what the driver was to take when it was told.
    pub(super) at: u16,
    /// The driver was told that used passed the wish.
    pub(super) told: bool,
    /// The driver was to be told, and was not.
    pub(super) owed: bool,
}

impl Borrow {
    /// Whether the word may hold what the poller put there.
    pub fn is_borrowed(&self) -> bool {
        self.mine != 0
    }

    /// Looks at the queue, and borrows it first where it can.
    ///
    /// `now` is in nanoseconds, of any clock that does not go back on this CPU. It
    /// may be old by some looks: nothing is lost by a wrong one.
    #[inline]
    pub fn look<R: Ring>(&mut self, ring: &R, now: u64) -> Look {
        let event = ring.event();
        if event != self.mine || !self.is_borrowed() {
            return self.borrow(ring, event, now);
        }
        let used = ring.used();
        if !passed(ring, used, self.wish) {
            // Nothing is told, so there is nothing to forget.
            self.told = false;
            return Look::Nothing;
        }
        self.forget(now);
        self.judge(ring, used)
    }

    /// Gives the queue back to its driver. True: nobody told it of what it waits
    /// for, and the caller must.
    ///
    /// `now` is as for [`Borrow::look`].
    pub fn give_back<R: Ring>(&mut self, ring: &R, now: u64) -> bool {
        let mine = self.mine;

        self.forget(now);
        if mine == 0 {
            return false;
        }
        if !ring.swap(mine, self.wish) {
            // The driver looks at the ring after it stored another.
            self.asked_again();
            return false;
        }
        self.mine = 0;
        // See Word::barrier.
        ring.barrier();
        let used = ring.used();
        if !is_ahead::<R>(mine, used) {
            self.publish(ring, used);
            return true;
        }
        let work = self.judge(ring, used) == Look::Work || self.owed;
        self.owed = false;
        work
    }

    /// The hit that was asked for was put off, and nobody was told: it is owed, and
    /// [`Borrow::give_back`] says so.
    pub fn not_told(&mut self) {
        self.owed = true;
    }

    /// The driver stored another wish, and the word is its own.
    pub(super) fn asked_again(&mut self) {
        self.mine = 0;
        self.told = false;
        self.owed = false;
    }

    /// What was told is not remembered for long.
    fn forget(&mut self, now: u64) {
        // Another CPU's clock may be behind: then this is huge.
        self.told &= now.wrapping_sub(self.looked) <= LAPSE;
        self.looked = now;
    }

    /// Borrows the word, which held `event` just now.
    #[cold]
    #[inline(never)]
    fn borrow<R: Ring>(&mut self, ring: &R, event: u16, now: u64) -> Look {
        self.forget(now);
        let used = ring.used();

        if self.is_borrowed() || event != self.wish {
            self.asked_again();
            self.wish = event;
        }
        // Used goes on from a wish that it passed, until it comes round to it.
        self.told &= passed(ring, used, event);
        if !self.owed && (self.told || !ring.in_flight()) {
            return Look::NotMine;
        }
        let mine = far::<R>(used, event);
        if !ring.swap(event, mine) {
            return Look::NotMine;
        }
        self.mine = mine;
        // See Word::barrier. What is missed here a later look finds.
        ring.barrier();
        match self.judge(ring, ring.used()) {
            Look::Work => Look::Work,
            _ => Look::Borrowed,
        }
    }

    /// What was just given back may not be what the driver waits for. From the
    /// current used index on the device tells it of everything, and of what came
    /// before the caller does.
    ///
    /// Each turn but the last is paid for by the device. No number of turns is
    /// enough: the exchange may replace a wish that came round to this one, and the
    /// next turn makes up for that. So a device that lies can have this go on.
    fn publish<R: Ring>(&mut self, ring: &R, mut used: u16) {
        self.told = false;
        self.owed = false;
        while used != self.wish && ring.swap(self.wish, used) {
            self.wish = used;
            // See Word::barrier.
            ring.barrier();
            used = ring.used();
        }
    }

    /// Whether the device would have interrupted, and nobody was told so far.
    fn judge<R: Ring>(&mut self, ring: &R, used: u16) -> Look {
        let told = self.told;

        self.told = passed(ring, used, self.wish);
        if !self.told || told {
            return Look::Nothing;
        }
        self.owed = false;
        Look::Work
    }
}

/// Whether `used` is beyond `wish`, by no more than a ring.
#[inline]
fn passed<R: Ring>(ring: &R, used: u16, wish: u16) -> bool {
    used.wrapping_sub(wish).wrapping_sub(1) & R::MASK < ring.size()
}

/// An index that used does not reach soon, to put in the place of `event`.
fn far<R: Ring>(used: u16, event: u16) -> u16 {
    let mut far = used.wrapping_add(R::MASK >> 1) & R::MASK;

    while far == 0 || far == event {
        far = far.wrapping_sub(1) & R::MASK;
    }
    far
}

/// Whether `mine` is so far ahead that no driver asks for it: less than half of
/// the way that [`far`] put it ahead is gone. A driver asks for a ring ahead at
/// most.
fn is_ahead<R: Ring>(mine: u16, used: u16) -> bool {
    let half = R::MASK >> 2;
    let left = mine.wrapping_sub(used) & R::MASK;

    half < left && left <= R::MASK >> 1
}
