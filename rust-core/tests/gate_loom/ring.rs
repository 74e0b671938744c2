// SPDX-License-Identifier: GPL-2.0

//! The memory that driver, poller and device share, in loom's atomics: the
//! gate's word and the ring. Who does what with it is elsewhere.

use loom::sync::atomic::{fence, AtomicU16, AtomicU32, Ordering::*};
use poll_core::poll::{Events, Word};

/// A word that stands for the kernel's `Atomic<u32>`.
///
/// loom looks for another order of two accesses only where the second follows
/// the first directly, so a thread's own load would hide that its cmpxchg
/// comes after another thread's load. `turn` makes each load an access that
/// counts; it is relaxed and orders nothing.
pub struct LoomWord {
    word: AtomicU32,
    turn: AtomicU32,
}

impl LoomWord {
    /// A closed gate.
    pub fn new() -> Self {
        Self {
            word: AtomicU32::new(0),
            turn: AtomicU32::new(0),
        }
    }
}

impl Word for LoomWord {
    fn load(&self) -> u32 {
        self.turn.fetch_add(1, Relaxed);
        self.word.load(Acquire)
    }

    /// loom's SeqCst is no more than acquire and release; the fences make it
    /// the kernel's fully ordered cmpxchg. One that fails orders nothing in the
    /// kernel: no caller relies on the first fence then, each tries again or
    /// leaves.
    fn cmpxchg(&self, old: u32, new: u32) -> Result<(), u32> {
        fence(SeqCst);
        self.word.compare_exchange(old, new, SeqCst, Relaxed)?;
        fence(SeqCst);
        Ok(())
    }
}

/// How the device is asked for interrupts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// VIRTIO_RING_F_EVENT_IDX: once it passes an index.
    EventIdx,
    /// VRING_AVAIL_F_NO_INTERRUPT: always or never.
    Flags,
    /// A packed ring with VIRTIO_RING_F_EVENT_IDX: flags that say always, never,
    /// or at the index beside them.
    Packed,
}

/// VRING_PACKED_EVENT_FLAG_*. A split ring has the first two.
pub const ENABLE: u16 = 0;
pub const DISABLE: u16 = 1;
pub const DESC: u16 = 2;

/// A virtqueue's memory, as far as events go.
pub struct Ring {
    kind: Kind,
    used: AtomicU16,
    /// `used_event`, or `off_wrap`.
    used_event: AtomicU16,
    flags: AtomicU16,
}

impl Ring {
    /// A ring whose next buffer to be used is `start`, events on.
    pub fn new(kind: Kind, start: u16) -> Self {
        Self {
            kind,
            used: AtomicU16::new(start),
            used_event: AtomicU16::new(start),
            flags: AtomicU16::new(ENABLE),
        }
    }

    /// How many buffers the device has used, for the driver that takes them.
    pub fn used(&self) -> u16 {
        self.used.load(Acquire)
    }

    /// As `virtqueue_poll()`: with the barrier of its own.
    pub fn used_after_barrier(&self) -> u16 {
        fence(SeqCst);
        self.used.load(Relaxed)
    }

    /// What the driver's shadow of the flags says when it wants events.
    pub fn events_on(&self) -> u16 {
        match self.kind {
            Kind::EventIdx | Kind::Flags => ENABLE,
            Kind::Packed => DESC,
        }
    }

    /// What `virtqueue_disable_cb()` writes where the driver owns the ring: the
    /// flags from their shadow, which another CPU may have changed by now.
    pub fn disable(&self, shadow: u16) {
        match self.kind {
            Kind::EventIdx => self.used_event.store(0, Relaxed),
            Kind::Flags | Kind::Packed => self.flags.store(shadow, Relaxed),
        }
    }

    /// What `virtqueue_get_buf()` writes without a gate: the flags stay.
    pub fn move_event(&self, index: u16) {
        if self.has_event_idx() {
            self.used_event.store(index, Relaxed);
        }
        fence(SeqCst);
    }

    pub fn is_packed(&self) -> bool {
        self.kind == Kind::Packed
    }

    /// Whether the driver may ask for a buffer further on.
    pub fn has_event_idx(&self) -> bool {
        self.kind != Kind::Flags
    }

    /// Whether the ring asks the device for all that the driver wants.
    pub fn asks_for(&self, index: u16) -> bool {
        let named = self.used_event.load(Relaxed) == index;
        match (self.kind, self.flags.load(Relaxed)) {
            (Kind::EventIdx, _) => named,
            (_, flags) => flags == ENABLE || (flags == DESC && named),
        }
    }

    /// The device uses buffers up to `new`. Returns whether it interrupts.
    pub fn complete(&self, old: u16, new: u16) -> bool {
        self.used.store(new, Release);
        fence(SeqCst);
        let flags = self.flags.load(Relaxed);
        // The flags, then the index that they name.
        fence(Acquire);
        match (self.kind, flags) {
            (Kind::EventIdx, _) | (_, DESC) => {
                vring_need_event(self.used_event.load(Relaxed), new, old)
            }
            (_, flags) => flags == ENABLE,
        }
    }
}

impl Events for Ring {
    fn suppress(&self) {
        match self.kind {
            Kind::EventIdx => {
                let far = self.used.load(Relaxed).wrapping_add(0x8000);
                self.used_event.store(far, Relaxed);
            }
            Kind::Flags | Kind::Packed => self.flags.store(DISABLE, Relaxed),
        }
    }

    fn publish(&self, index: u16) {
        match self.kind {
            Kind::EventIdx => self.used_event.store(index, Relaxed),
            Kind::Flags => self.flags.store(ENABLE, Relaxed),
            Kind::Packed => {
                self.used_event.store(index, Relaxed);
                // The index first, then the flags that name it.
                fence(Release);
                self.flags.store(DESC, Relaxed);
            }
        }
        fence(SeqCst);
    }

    fn pending(&self, index: u16) -> bool {
        self.used.load(Relaxed).wrapping_sub(index).wrapping_sub(1) < 0x8000
    }
}

/// virtio's rule, as in include/uapi/linux/virtio_ring.h.
fn vring_need_event(event: u16, new: u16, old: u16) -> bool {
    new.wrapping_sub(event).wrapping_sub(1) < new.wrapping_sub(old)
}
