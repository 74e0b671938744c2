// SPDX-License-Identifier: GPL-2.0

//! C's memory and functions, as `include/linux/poll_core.h` declares them, in the
//! terms of [`poll`](super::poll), which makes all decisions.
//!
//! Both roots use this file, in the kernel and in the module for kernels without
//! Rust. Each has `bindings` of the header.

use core::hint::spin_loop;
use core::mem::{
    align_of,
    offset_of,
    size_of, //
};
use core::ptr::{
    addr_of_mut,
    read_volatile,
    write_volatile, //
};

use super::bindings::{
    self,
    poll_borrow,
    poll_core,
    poll_ring, //
};
use super::poll::{
    borrow::{
        Borrow,
        Look,
        Owed,
        Ring,
        Word, //
    },
    flags::{
        Flags,
        OFF, //
    },
    poll_wait::Cpu,
    sched::{
        Sched,
        Slot,
        MAX_SOURCES, //
    },
};

const _: () = assert!(size_of::<Sched>() <= size_of::<poll_core>());
const _: () = assert!(align_of::<Sched>() <= align_of::<poll_core>());
const _: () = assert!(size_of::<Borrow>() == size_of::<poll_borrow>());
const _: () = assert!(align_of::<Borrow>() == align_of::<poll_borrow>());
const _: () = assert!(offset_of!(Borrow, mine) == offset_of!(poll_borrow, mine));
const _: () = assert!(MAX_SOURCES == bindings::POLL_CORE_SOURCES as usize);

const EVENT: u8 = bindings::poll_ring_kind_POLL_RING_EVENT as u8;
const PACKED: u8 = bindings::poll_ring_kind_POLL_RING_PACKED as u8;

/// VRING_PACKED_EVENT_F_WRAP_CTR, VRING_PACKED_DESC_F_AVAIL and _USED, as shifts.
const WRAP: u32 = 15;
const AVAIL: u32 = 7;
const USED: u32 = 15;
/// Of a packed ring's descriptors, in units of their flags.
const DESCRIPTOR: usize = 8;

/// The sources of a CPU.
///
/// # Safety
///
/// `core` began as zero bytes, and nothing else uses it until the returned reference
/// is gone.
pub unsafe fn sched<'a>(core: *mut poll_core) -> &'a mut Sched {
    // SAFETY: By the requirements of this function; size and alignment are checked
    // above, and all zero bytes are a valid `Sched`.
    unsafe { &mut *core.cast() }
}

/// A reading of memory that is shared.
///
/// # Safety
///
/// `word` is valid for reading, and aligned.
unsafe fn read<T: Copy>(word: *const T) -> T {
    // SAFETY: By the requirements of this function. The driver or the device writes it
    // concurrently, so the access is volatile.
    unsafe { read_volatile(word) }
}

/// Counts in a word that debugfs may read at any time.
///
/// # Safety
///
/// `word` is valid, and nothing else writes it.
#[inline]
unsafe fn count(word: *mut usize) {
    // SAFETY: By the requirements of this function.
    unsafe { write_volatile(word, (*word).wrapping_add(1)) }
}

/// Where a ring is: all of a `poll_ring` but its `borrow`.
///
/// # Invariants
///
/// The `poll_ring` is valid, and so are the pointers in it that its kind of ring has;
/// what they name is shared with the driver and the device. Nothing else writes the
/// rest; debugfs reads some of it.
struct Memory(*mut poll_ring);

impl Memory {
    #[inline]
    fn is_event(&self) -> bool {
        // SAFETY: By the invariants of `Memory`.
        unsafe { (*self.0).kind == EVENT }
    }
}

impl Word for Memory {
    #[inline]
    fn event(&self) -> u16 {
        // SAFETY: By the invariants of `Memory`.
        unsafe { read((*self.0).event) }
    }

    fn swap(&self, old: u16, new: u16) -> bool {
        // SAFETY: By the invariants of `Memory`.
        unsafe { bindings::poll_ring_swap((*self.0).event, old, new, (*self.0).weak_barriers) }
    }

    /// `poll_ring_swap()` has it.
    fn barrier(&self) {}
}

impl Ring for Memory {
    #[inline]
    fn used(&self) -> u16 {
        // SAFETY: By the invariants of `Memory`.
        unsafe { read((*self.0).used) }
    }

    fn in_flight(&self) -> bool {
        // SAFETY: By the invariants of `Memory`; this kind of ring has it.
        self.used() != unsafe { read((*self.0).avail) }
    }

    #[inline]
    fn size(&self) -> u16 {
        // SAFETY: By the invariants of `Memory`.
        unsafe { (*self.0).size }
    }
}

impl Flags for Memory {
    #[inline]
    fn wanted(&self) -> bool {
        // SAFETY: By the invariants of `Memory`; this kind of ring has it.
        let shadow = unsafe { read((*self.0).shadow) };

        // A packed ring's is ENABLE, DISABLE or DESC, a split one's a flag.
        shadow & OFF == 0
    }

    #[inline]
    fn taken(&self) -> u16 {
        // SAFETY: By the invariants of `Memory`; this kind of ring has it.
        unsafe { read((*self.0).taken) }
    }

    #[inline]
    fn more_used(&self) -> bool {
        // SAFETY: By the invariants of `Memory`.
        let (used, batch, kind) = unsafe { ((*self.0).used, (*self.0).batch, (*self.0).kind) };

        // SAFETY: By the invariants of `Memory`.
        if !batch.is_null() && unsafe { read(batch) } != u32::MAX {
            return true;
        }
        let taken = self.taken();
        if kind != PACKED {
            return self.used() != taken;
        }
        let (index, wrap) = (taken & !(1 << WRAP), taken >> WRAP & 1);
        if index >= self.size() {
            return false;
        }
        // SAFETY: By the invariants of `Memory`; the index is in the ring.
        let flags = unsafe { read(used.add(usize::from(index) * DESCRIPTOR)) };
        flags >> AVAIL & 1 == wrap && flags >> USED & 1 == wrap
    }
}

/// The CPU that waits.
///
/// # Invariants
///
/// `rings` has a valid ring for each slot that is in use, and nothing else writes it;
/// `flags` is valid.
pub struct Waiting {
    rings: *const *mut poll_ring,
    flags: *const usize,
    resched: usize,
}

impl Waiting {
    /// # Safety
    ///
    /// The invariants hold for as long as this lives.
    pub unsafe fn new(rings: *const *mut poll_ring, flags: *const usize, resched: usize) -> Self {
        Self {
            rings,
            flags,
            resched,
        }
    }

    #[inline]
    fn ring(&mut self, slot: Slot) -> (Memory, &mut Borrow) {
        // SAFETY: By the invariants of `Waiting`, as the core names slots in use. C has
        // only zeroed the borrow, of which size and alignment are checked above.
        unsafe {
            let ring = *self.rings.add(usize::from(slot.0));

            (Memory(ring), &mut *addr_of_mut!((*ring).borrow).cast())
        }
    }
}

#[inline(never)]
fn look_at_flags(memory: &Memory, borrow: &mut Borrow) -> Look {
    borrow.look_at_flags(memory)
}

impl Cpu for Waiting {
    #[inline]
    fn resched(&self) -> bool {
        // SAFETY: By the invariants of `Waiting`.
        unsafe { read(self.flags) & self.resched != 0 }
    }

    fn clock(&mut self) -> u64 {
        // SAFETY: It is safe to call.
        unsafe { bindings::poll_core_clock() }
    }

    fn rest(&mut self) {
        spin_loop();
    }

    #[inline]
    fn look(&mut self, slot: Slot, now: u64) -> Look {
        let (memory, borrow) = self.ring(slot);

        // SAFETY: By the invariants of `Memory`.
        unsafe { count(addr_of_mut!((*memory.0).looks).cast()) };
        if memory.is_event() {
            borrow.look(&memory, now)
        } else {
            look_at_flags(&memory, borrow)
        }
    }

    fn give_back(&mut self, slot: Slot, now: u64) -> Owed {
        let (memory, borrow) = self.ring(slot);

        // SAFETY: By the invariants of `Memory`.
        unsafe { count(addr_of_mut!((*memory.0).episodes).cast()) };
        if !memory.is_event() {
            borrow.give_back_flags(&memory)
        } else if borrow.give_back(&memory, now) {
            Owed::News
        } else {
            Owed::Nothing
        }
    }

    fn hit(&mut self, slot: Slot, softirqs: bool, start: u64) -> Option<u64> {
        let (memory, _) = self.ring(slot);
        // SAFETY: This is the wait, and the ring is a source's.
        let now = unsafe { bindings::poll_core_hit(memory.0, softirqs, start) };

        if now == 0 {
            self.ring(slot).1.not_told();
            return None;
        }
        Some(now)
    }

    fn softirqs(&mut self, slot: Slot, start: u64) -> u64 {
        let (memory, _) = self.ring(slot);

        // SAFETY: As in hit().
        unsafe { bindings::poll_core_softirqs(memory.0, start) }
    }
}
