// SPDX-License-Identifier: GPL-2.0

//! The memory that driver, poller and device share, in loom's atomics. Who does
//! what with it is elsewhere.
//!
//! The driver's stores of its wish are exchanges here, relaxed ones. loom leaves the
//! order of a store and of somebody else's exchange open, and then lets the device
//! read what neither order has. That a store waits in a store buffer while others
//! exchange the word is what `borrow_search` has; what loom has is readings that
//! are reordered, or old.

use loom::sync::atomic::{fence, AtomicU16, AtomicU32, Ordering::*};
use poll_core::poll::{borrow, flags};

/// How the device is asked for interrupts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A split ring with VIRTIO_F_EVENT_IDX: once it passes an index.
    EventIdx,
    /// A split ring without: always or never.
    Flags,
    /// A packed ring with VIRTIO_F_EVENT_IDX: always, never, or once it passes the
    /// index beside.
    Packed,
}

/// VRING_PACKED_EVENT_FLAG_*. A split ring has the first two.
pub const ENABLE: u16 = 0;
pub const DISABLE: u16 = 1;
pub const DESC: u16 = 2;

/// A virtqueue's memory, as far as events go, and its driver's notes.
pub struct Ring {
    pub kind: Kind,
    /// The bits of the driver's index that the poller sees: a packed ring's index comes
    /// round after two laps.
    seen: u16,
    used: AtomicU16,
    event: AtomicU16,
    flags: AtomicU16,
    /// `last_used_idx`.
    pub taken: AtomicU16,
    /// The driver's shadow of the flags.
    pub shadow: AtomicU16,
    /// loom looks for another order of two accesses only if the second comes right
    /// after the first. An access to this, which orders nothing, makes each of the
    /// poller's and the device's come right after another thread's.
    turn: AtomicU32,
}

impl Ring {
    /// A ring that is empty, with `start` its next index, and events on.
    pub fn new(kind: Kind, start: u16, seen: u16) -> Self {
        Self {
            kind,
            seen,
            used: AtomicU16::new(start),
            event: AtomicU16::new(start),
            flags: AtomicU16::new(ENABLE),
            taken: AtomicU16::new(start),
            shadow: AtomicU16::new(ENABLE),
            turn: AtomicU32::new(0),
        }
    }

    fn turn(&self) {
        self.turn.fetch_add(1, Relaxed);
    }

    /// How many buffers are used, for the driver that takes them.
    pub fn used_to_take(&self) -> u16 {
        self.used.load(Acquire)
    }

    /// The driver's last look, with the barrier of `virtqueue_poll()`.
    pub fn used_after_barrier(&self) -> u16 {
        fence(SeqCst);
        self.turn();
        self.used.load(Relaxed)
    }

    /// What the driver's shadow says when it wants events.
    pub fn events_on(&self) -> u16 {
        match self.kind {
            Kind::EventIdx | Kind::Flags => ENABLE,
            Kind::Packed => DESC,
        }
    }

    /// The driver stores that it wants no events.
    pub fn store_off(&self) {
        match self.kind {
            Kind::EventIdx => self.event.swap(0, Relaxed),
            Kind::Flags | Kind::Packed => self.flags.swap(DISABLE, Relaxed),
        };
    }

    /// The driver stores which event it wants.
    pub fn store_event(&self, index: u16) {
        if self.kind != Kind::Flags {
            self.event.swap(index, Relaxed);
        }
    }

    /// The driver stores that it wants events. What it noted before is seen by who
    /// sees that, as on x86: see `Flags::wanted`.
    pub fn store_on(&self) {
        if self.kind != Kind::EventIdx {
            self.flags.swap(self.events_on(), Release);
        }
    }

    /// The device uses buffers up to `new`. Whether it interrupts.
    pub fn complete(&self, old: u16, new: u16) -> bool {
        self.used.store(new, Release);
        fence(SeqCst);
        self.turn();
        let flags = match self.kind {
            Kind::EventIdx => DESC,
            Kind::Flags | Kind::Packed => self.flags.load(Acquire),
        };
        if flags != DESC {
            return flags == ENABLE;
        }
        self.turn();
        // vring_need_event()
        let beyond = new.wrapping_sub(self.event.load(Relaxed)).wrapping_sub(1);
        beyond < new.wrapping_sub(old)
    }
}

/// loom's SeqCst is no more than acquire and release, so the exchanges are
/// relaxed, and the barrier does all: a machine without LOCK, as it were.
fn swap(word: &AtomicU16, old: u16, new: u16) -> bool {
    word.compare_exchange(old, new, Relaxed, Relaxed).is_ok()
}

impl borrow::Ring for Ring {
    fn event(&self) -> u16 {
        self.turn();
        self.event.load(Relaxed)
    }

    fn used(&self) -> u16 {
        self.turn();
        self.used.load(Relaxed)
    }

    fn swap(&self, old: u16, new: u16) -> bool {
        self.turn();
        swap(&self.event, old, new)
    }

    fn barrier(&self) {
        fence(SeqCst);
    }
}

impl flags::Flags for Ring {
    fn flags(&self) -> u16 {
        self.turn();
        // Acquire, for `wanted`.
        self.flags.load(Acquire)
    }

    fn swap(&self, old: u16, new: u16) -> bool {
        self.turn();
        swap(&self.flags, old, new)
    }

    fn barrier(&self) {
        fence(SeqCst);
    }

    fn wanted(&self) -> bool {
        self.turn();
        self.shadow.load(Relaxed) != DISABLE
    }

    fn taken(&self) -> u16 {
        self.turn();
        self.taken.load(Relaxed) & self.seen
    }

    fn more_used(&self) -> bool {
        self.turn();
        self.taken.load(Relaxed) != self.used.load(Relaxed)
    }
}
