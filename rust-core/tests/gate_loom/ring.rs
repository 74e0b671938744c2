// SPDX-License-Identifier: GPL-2.0

//! The memory that driver, poller and device share, in loom's atomics: the
//! gate's word and the ring. Who does what with it is elsewhere.

use loom::sync::atomic::{fence, AtomicBool, AtomicU16, AtomicU32, Ordering::*};
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
}

/// A split virtqueue, as far as events go.
pub struct Ring {
    kind: Kind,
    used: AtomicU16,
    used_event: AtomicU16,
    no_interrupt: AtomicBool,
}

impl Ring {
    /// A ring whose next buffer to be used is `start`, events on.
    pub fn new(kind: Kind, start: u16) -> Self {
        Self {
            kind,
            used: AtomicU16::new(start),
            used_event: AtomicU16::new(start),
            no_interrupt: AtomicBool::new(false),
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

    /// What `virtqueue_disable_cb()` writes without a gate.
    pub fn disable(&self) {
        match self.kind {
            Kind::EventIdx => self.used_event.store(0, Relaxed),
            Kind::Flags => self.no_interrupt.store(true, Relaxed),
        }
    }

    /// Whether the driver may ask for a buffer further on.
    pub fn has_event_idx(&self) -> bool {
        self.kind == Kind::EventIdx
    }

    /// Whether the ring asks the device for just what the driver wants.
    pub fn asks_for(&self, index: u16) -> bool {
        match self.kind {
            Kind::EventIdx => self.used_event.load(Relaxed) == index,
            Kind::Flags => !self.no_interrupt.load(Relaxed),
        }
    }

    /// The device uses buffers up to `new`. Returns whether it interrupts.
    pub fn complete(&self, old: u16, new: u16) -> bool {
        self.used.store(new, Release);
        fence(SeqCst);
        match self.kind {
            Kind::EventIdx => vring_need_event(self.used_event.load(Relaxed), new, old),
            Kind::Flags => !self.no_interrupt.load(Relaxed),
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
            Kind::Flags => self.no_interrupt.store(true, Relaxed),
        }
    }

    fn publish(&self, index: u16) {
        match self.kind {
            Kind::EventIdx => self.used_event.store(index, Relaxed),
            Kind::Flags => self.no_interrupt.store(false, Relaxed),
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
