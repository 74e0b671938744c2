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
//!   the driver's --------------------> borrowed --+
//!     ^      ^                          |  |  ^   | look(): mine renewed, as used
//!     |      +--- driver's own store ---+  |  +---+ moved far or time passed
//!     |                                    |
//!     +------------------------------------+
//!             give_back(): mine -> wish
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
//! - After both exchanges comes a full barrier, then a reading of used. The
//!   device does the opposite: it writes used, then reads the word. So one of
//!   them sees the other.
//! - After the wish is back, the poller looks once more: nobody was told of what
//!   the device used before.
//! - `mine` is far ahead of used, so the device does not reach it (just behind
//!   used, some devices interrupt at once). It is not 0, which a driver stores to
//!   switch its events off, nor what the word held.
//! - `mine` in the word may be the driver's own wish, once used has come near
//!   it. So if used moved by [`DOUBT`] since `mine` was chosen the poller does
//!   not know whose it is, and is *in doubt*: it takes the current used index
//!   for the wish and reports work. Both are right whatever the driver wanted.
//!   During a borrow that is [`Borrow::look`]'s part, which renews `mine` as
//!   well; at the end that of [`Borrow::give_back`].
//! - The distance is looked at after the exchange. Before it, the driver could
//!   store `mine` in between.
//! - The distance is known modulo the index. What takes longer than
//!   [`LAPSE`] counts as far: in less time no device goes round.
//! - A wish is told once, as by an interrupt. A new one forgets that.
//! - A driver that was told and does not ask again leaves its old wish in the
//!   word. It is remembered over the end of a borrow, and left alone: neither
//!   told again nor borrowed. Once used is out of reach of it, or nobody looked
//!   for longer than [`LAPSE`], the index may have come round: forgotten.
//! - Nobody is told of a hit that the irq core refuses: it is owed until the
//!   driver stores another wish.
//! - One poller at a time has a queue. Two would take each other's `mine` for a
//!   wish. The caller sees to it, and gives back before the ring is reset or
//!   gone.
//! - A ring has no more than 0x2000 entries, in memory that is cached.
//!
//! With VIRTIO_F_IN_ORDER used jumps by batches, which changes nothing here.
//! Rings without an index of their own to borrow are in `flags.rs`.

/// How long a look may be away until used may have gone round, in nanoseconds:
/// 65,536 buffers take longer.
pub const LAPSE: u64 = 1_000_000;

/// How far used may move until `mine` is not known to be the poller's. A driver
/// asks for no more than a ring ahead, so `mine` may be its wish from 0x7ffd -
/// 0x2000 on; this leaves it room.
pub const DOUBT: u16 = doubt(u16::MAX);

const fn doubt(mask: u16) -> u16 {
    (mask >> 3).wrapping_add(1)
}

/// A ring, in memory that driver, device and poller share.
pub trait Ring {
    /// The bits of an index. Models have fewer, to go through all of them.
    const MASK: u16 = u16::MAX;

    /// The word as it stands. A single relaxed reading.
    fn event(&self) -> u16;

    /// The device's used index. A single relaxed reading.
    fn used(&self) -> u16;

    /// Replaces `old` by `new` in the word if it is `old`; returns whether.
    /// Atomic, but for the order see [`Ring::barrier`].
    fn swap(&self, old: u16, new: u16) -> bool;

    /// A full barrier between the exchange before it and the readings after it,
    /// for the device too: a kernel for one CPU has no LOCK at an exchange. Its
    /// partner is the device's, between its write of used and its reading of the
    /// word.
    fn barrier(&self);

    /// Whether the device has buffers that it has not used. One without has nothing
    /// to interrupt for, and is not borrowed. Two relaxed readings.
    fn in_flight(&self) -> bool {
        true
    }

    /// The ring's entries. A driver waits for no more buffers than these, so
    /// used cannot be further beyond its wish.
    fn size(&self) -> u16 {
        doubt(Self::MASK)
    }
}

/// What [`Borrow::look`] saw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// Not borrowed: the driver stored a wish just now, or was told and has not
    /// asked again, or the device has nothing to do.
    NotMine,
    /// Borrowed; nothing to do there.
    Nothing,
    /// Borrowed, and the driver is to be told: run its handler.
    Work,
}

/// One queue as its poller knows it. All zero is a queue that is not borrowed.
#[repr(C)]
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Borrow {
    /// The time of the last look.
    looked: u64,
    /// What the driver asked for last, as far as the poller knows.
    wish: u16,
    /// What the poller put in its place.
    mine: u16,
    /// Used when `mine` was chosen.
    base: u16,
    borrowed: bool,
    /// The driver was told that used passed the wish.
    told: bool,
    /// The driver was to be told, and was not.
    owed: bool,
}

impl Borrow {
    /// Nothing is borrowed.
    pub const fn new() -> Self {
        Self {
            looked: 0,
            wish: 0,
            mine: 0,
            base: 0,
            borrowed: false,
            told: false,
            owed: false,
        }
    }

    /// Whether the word may hold what the poller put there.
    pub fn is_borrowed(&self) -> bool {
        self.borrowed
    }

    /// Looks at the queue, and borrows it first where it can.
    ///
    /// `now` is in nanoseconds of any clock that does not go back on this CPU; it
    /// may be old by some looks, but not older than the episode.
    pub fn look<R: Ring>(&mut self, ring: &R, now: u64) -> Look {
        let lapsed = self.lapsed(now);
        let event = ring.event();

        if !self.borrowed || event != self.mine {
            return self.borrow(ring, event, lapsed);
        }
        let used = ring.used();
        if lapsed || self.is_far::<R>(used) {
            return self.renew(ring, used);
        }
        self.judge(ring, used)
    }

    /// Gives the queue back to its driver. True: nobody told it of what it waits
    /// for, and the caller must.
    ///
    /// `now` should be read after the last look: a stall since `now` was read in
    /// which used goes round is not noticed.
    pub fn give_back<R: Ring>(&mut self, ring: &R, now: u64) -> bool {
        let lapsed = self.lapsed(now);

        if !self.borrowed {
            return false;
        }
        self.borrowed = false;
        if !ring.swap(self.mine, self.wish) {
            // The driver looks at the ring after it stored its wish.
            return false;
        }
        ring.barrier();
        let used = ring.used();
        if lapsed || self.is_far::<R>(used) {
            self.publish(ring, used);
            return true;
        }
        let work = self.judge(ring, used) == Look::Work || self.owed;
        self.owed = false;
        work
    }

    /// The hit that was asked for was refused, and nobody was told: it is owed,
    /// and [`Borrow::give_back`] says so.
    pub fn not_told(&mut self) {
        self.owed = true;
    }

    /// Whether nobody looked for so long that used may have gone round.
    fn lapsed(&mut self, now: u64) -> bool {
        // Another CPU's clock may be behind: then this is huge.
        let away = now.wrapping_sub(self.looked);

        self.looked = now;
        away > LAPSE
    }

    /// Whether `mine` may be the driver's wish by now.
    fn is_far<R: Ring>(&self, used: u16) -> bool {
        used.wrapping_sub(self.base) & R::MASK >= doubt(R::MASK)
    }

    /// Borrows the word, which held `event` just now.
    fn borrow<R: Ring>(&mut self, ring: &R, event: u16, lapsed: bool) -> Look {
        let used = ring.used();

        self.borrowed = false;
        if event != self.wish {
            self.wish = event;
            self.told = false;
            self.owed = false;
        }
        // Used goes on from a wish that it passed, until it comes round to it.
        self.told &= !lapsed && passed(ring, used, event);
        if self.told && !self.owed || !ring.in_flight() {
            return Look::NotMine;
        }
        self.choose::<R>(used, event);
        if !ring.swap(event, self.mine) {
            return Look::NotMine;
        }
        self.borrowed = true;
        // Pairs with the device's barrier between used and the word. The last
        // look would find it too, but later.
        ring.barrier();
        let used = ring.used();
        if self.is_far::<R>(used) {
            return self.renew(ring, used);
        }
        self.judge(ring, used)
    }

    /// Puts another `mine` in the place of this one, which may be the driver's.
    fn renew<R: Ring>(&mut self, ring: &R, used: u16) -> Look {
        let old = self.mine;

        self.choose::<R>(used, old);
        if !ring.swap(old, self.mine) {
            self.borrowed = false;
            return Look::NotMine;
        }
        // As in borrow().
        ring.barrier();
        self.wish = ring.used();
        self.told = false;
        self.owed = false;
        Look::Work
    }

    /// What was just given back may not be what the driver waits for. From the
    /// current used index on the device tells it of everything, and the caller of
    /// what came before.
    fn publish<R: Ring>(&mut self, ring: &R, mut used: u16) {
        self.told = false;
        self.owed = false;
        // Each turn but the last is paid for by the device.
        while used != self.wish && ring.swap(self.wish, used) {
            self.wish = used;
            // As in give_back().
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

    /// Chooses the index to put in the place of `event`.
    fn choose<R: Ring>(&mut self, used: u16, event: u16) {
        self.base = used;
        self.mine = used.wrapping_add(R::MASK >> 1) & R::MASK;
        while self.mine == 0 || self.mine == event {
            self.mine = self.mine.wrapping_sub(1) & R::MASK;
        }
    }
}

/// Whether `used` is beyond `wish`, by no more than a ring.
fn passed<R: Ring>(ring: &R, used: u16, wish: u16) -> bool {
    used.wrapping_sub(wish).wrapping_sub(1) & R::MASK < ring.size()
}
