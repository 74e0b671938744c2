// SPDX-License-Identifier: GPL-2.0

//! The memory that driver, poller and device share, in loom's atomics. `queue.rs` has
//! the code that uses it.
//!
//! The driver's stores of its wish are relaxed exchanges here. loom leaves the order of
//! a store and another thread's exchange open, and then lets the device read a value
//! that neither order gives. `borrow_search` covers a store that waits in a store
//! buffer while others exchange the word. loom covers readings that are reordered or
//! old.

use loom::sync::atomic::{fence, AtomicU16, AtomicU32, Ordering::*};
use poll_core::poll::{borrow, flags};

/// How the driver asks the device for interrupts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A split ring with VIRTIO_F_EVENT_IDX: an interrupt once the device passes an
    /// index.
    EventIdx,
    /// A split ring without VIRTIO_F_EVENT_IDX: always or never.
    Flags,
    /// A packed ring with VIRTIO_F_EVENT_IDX: always, never, or once the device passes
    /// the index beside the flags.
    Packed,
}

/// Values of the flags: VRING_PACKED_EVENT_FLAG_*. A split ring has the first two.
pub const ENABLE: u16 = 0;
pub const DISABLE: u16 = 1;
pub const DESC: u16 = 2;

/// The parts of a virtqueue's memory that concern events, and the driver's own notes.
pub struct Ring {
    pub kind: Kind,
    /// Mask of the bits of the driver's index that the poller sees: a packed ring's
    /// index repeats after two laps.
    seen: u16,
    used: AtomicU16,
    event: AtomicU16,
    flags: AtomicU16,
    /// The driver's `last_used_idx`.
    pub taken: AtomicU16,
    /// The driver's shadow of the flags.
    pub shadow: AtomicU16,
    /// loom tries another order of two accesses only if the second one directly follows
    /// the first. An access to `turn` orders nothing. It makes each access of the
    /// poller and the device directly follow one of another thread.
    turn: AtomicU32,
}

impl Ring {
    /// An empty ring with events on, whose next index is `start`.
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

    /// The used index, as the driver reads it to take buffers.
    pub fn used_to_take(&self) -> u16 {
        self.used.load(Acquire)
    }

    /// The used index, as the driver's last look reads it: after the barrier of
    /// `virtqueue_poll()`.
    pub fn used_after_barrier(&self) -> u16 {
        fence(SeqCst);
        self.turn();
        self.used.load(Relaxed)
    }

    /// The value of the driver's shadow when the driver wants events.
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

    /// The driver stores the index of the event that it wants.
    pub fn store_event(&self, index: u16) {
        if self.kind != Kind::Flags {
            self.event.swap(index, Relaxed);
        }
    }

    /// The driver stores that it wants events. As on x86, a CPU that sees this store
    /// also sees what the driver noted before: see `Flags::wanted`.
    pub fn store_on(&self) {
        if self.kind != Kind::EventIdx {
            self.flags.swap(self.events_on(), Release);
        }
    }

    /// The device uses the buffers from `old` to `new`. Returns whether it interrupts.
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

/// loom's SeqCst is no more than acquire and release. So the exchanges are relaxed, and
/// only the barriers order accesses, as on a machine without LOCK.
fn swap(word: &AtomicU16, old: u16, new: u16) -> bool {
    word.compare_exchange(old, new, Relaxed, Relaxed).is_ok()
}

impl borrow::Word for Ring {
    fn event(&self) -> u16 {
        self.turn();
        match self.kind {
            Kind::EventIdx => self.event.load(Relaxed),
            // Acquire is for `wanted`.
            Kind::Flags | Kind::Packed => self.flags.load(Acquire),
        }
    }

    fn swap(&self, old: u16, new: u16) -> bool {
        self.turn();
        match self.kind {
            Kind::EventIdx => swap(&self.event, old, new),
            Kind::Flags | Kind::Packed => swap(&self.flags, old, new),
        }
    }

    fn barrier(&self) {
        fence(SeqCst);
    }
}

impl borrow::Ring for Ring {
    fn used(&self) -> u16 {
        self.turn();
        self.used.load(Relaxed)
    }
}

impl flags::Flags for Ring {
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
