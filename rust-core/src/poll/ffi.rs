// SPDX-License-Identifier: GPL-2.0

//! What `include/linux/poll_core.h` declares, as Rust sees it: types and numbers, the
//! memory of a ring, the rings of a CPU. All decisions are in [`poll`](super::poll).
//!
//! Both roots use this file, in the kernel and in the module for kernels without
//! Rust. C's types are mirrored here, and both roots compare them with the header:
//! the kernel's when it is compiled, the module's in a test.

use core::mem::{
    align_of,
    size_of, //
};
use core::ptr::read_volatile;

use super::poll::{
    borrow::{
        Borrow,
        Owed,
        Ring, //
    },
    flags::{
        FlagBorrow,
        Flags, //
    },
    Action,
    Input,
    Look,
    Machine,
    Reason,
    Slot,
    Sources, //
};

extern "C" {
    /// Replaces `old` by `new` if that is there, then a full barrier; returns whether.
    fn poll_ring_swap(event: *mut u16, old: u16, new: u16, weak_barriers: bool) -> bool;
}

/// `struct poll_core`
#[repr(C)]
pub struct PollCore {
    opaque: [u64; 304],
}

const _: () = assert!(size_of::<Machine>() <= size_of::<PollCore>());
const _: () = assert!(align_of::<Machine>() <= align_of::<PollCore>());

impl PollCore {
    /// The machine in it.
    ///
    /// # Safety
    ///
    /// `core` was initialised by [`PollCore::init`], and nothing else uses it until
    /// the returned reference is gone.
    pub unsafe fn machine<'a>(core: *mut PollCore) -> &'a mut Machine {
        // SAFETY: By the requirements of this function; size and alignment are checked
        // above.
        unsafe { &mut *core.cast() }
    }

    /// Makes a machine without sources.
    ///
    /// # Safety
    ///
    /// `core` is valid for writing, and nothing else uses it.
    pub unsafe fn init(core: *mut PollCore) {
        // SAFETY: By the requirements of this function; as above.
        unsafe { core.cast::<Machine>().write(Machine::new()) }
    }
}

/// What `struct poll_ring` begins with: where the ring is.
///
/// # Invariants
///
/// The pointers that the kind of ring has are valid for as long as the ring is, and
/// aligned; what they name is shared with the driver and the device.
#[repr(C)]
pub struct Memory {
    pub(crate) used: *const u16,
    pub(crate) avail: *const u16,
    pub(crate) event: *mut u16,
    pub(crate) taken: *const u16,
    pub(crate) shadow: *const u16,
    pub(crate) batch: *const u32,
    pub(crate) size: u16,
    pub(crate) kind: u8,
    pub(crate) weak_barriers: bool,
}

/// `struct poll_ring`
#[repr(C)]
pub struct PollRing {
    pub(crate) memory: Memory,
    pub(crate) index: Borrow,
    pub(crate) flags: FlagBorrow,
    pub(crate) looks: usize,
    pub(crate) episodes: usize,
}

/// `enum poll_ring_kind`
pub mod kind {
    #![allow(missing_docs)]
    pub const EVENT: u8 = 0;
    pub const FLAGS: u8 = 1;
    pub const PACKED: u8 = 2;
}

/// Whether a packed ring's driver wants no interrupts, VRING_PACKED_EVENT_FLAG_DISABLE,
/// or a split one's, VRING_AVAIL_F_NO_INTERRUPT.
const NO_INTERRUPT: u16 = 1;
/// VRING_PACKED_EVENT_F_WRAP_CTR, VRING_PACKED_DESC_F_AVAIL and _USED, as shifts.
const WRAP: u32 = 15;
const AVAIL: u32 = 7;
const USED: u32 = 15;
/// Of a packed ring's descriptors, in units of their flags.
const DESCRIPTOR: usize = 8;

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

impl Memory {
    fn swap(&self, old: u16, new: u16) -> bool {
        // SAFETY: By the invariants of `Memory`.
        unsafe { poll_ring_swap(self.event, old, new, self.weak_barriers) }
    }
}

impl Ring for Memory {
    #[inline]
    fn event(&self) -> u16 {
        // SAFETY: By the invariants of `Memory`.
        unsafe { read(self.event) }
    }

    #[inline]
    fn used(&self) -> u16 {
        // SAFETY: By the invariants of `Memory`.
        unsafe { read(self.used) }
    }

    fn in_flight(&self) -> bool {
        // SAFETY: By the invariants of `Memory`; this kind of ring has it.
        self.used() != unsafe { read(self.avail) }
    }

    #[inline]
    fn size(&self) -> u16 {
        self.size
    }

    fn swap(&self, old: u16, new: u16) -> bool {
        Memory::swap(self, old, new)
    }

    /// `poll_ring_swap()` has it.
    fn barrier(&self) {}
}

impl Flags for Memory {
    const OFF: u16 = NO_INTERRUPT;

    #[inline]
    fn flags(&self) -> u16 {
        // SAFETY: By the invariants of `Memory`.
        unsafe { read(self.event) }
    }

    fn swap(&self, old: u16, new: u16) -> bool {
        Memory::swap(self, old, new)
    }

    /// `poll_ring_swap()` has it.
    fn barrier(&self) {}

    #[inline]
    fn wanted(&self) -> bool {
        // SAFETY: By the invariants of `Memory`; this kind of ring has it.
        let shadow = unsafe { read(self.shadow) };

        // A packed ring's is ENABLE, DISABLE or DESC, a split one's a flag.
        shadow & NO_INTERRUPT == 0
    }

    #[inline]
    fn taken(&self) -> u16 {
        // SAFETY: By the invariants of `Memory`; this kind of ring has it.
        unsafe { read(self.taken) }
    }

    #[inline]
    fn more_used(&self) -> bool {
        // SAFETY: By the invariants of `Memory`.
        if !self.batch.is_null() && unsafe { read(self.batch) } != u32::MAX {
            return true;
        }
        let taken = self.taken();
        if self.kind != kind::PACKED {
            // SAFETY: By the invariants of `Memory`.
            return unsafe { read(self.used) } != taken;
        }
        let (index, wrap) = (taken & !(1 << WRAP), taken >> WRAP & 1);
        if index >= self.size {
            return false;
        }
        // SAFETY: By the invariants of `Memory`; the index is in the ring.
        let flags = unsafe { read(self.used.add(usize::from(index) * DESCRIPTOR)) };
        flags >> AVAIL & 1 == wrap && flags >> USED & 1 == wrap
    }
}

impl PollRing {
    #[inline]
    fn look(&mut self, now: u64) -> Look {
        self.looks = self.looks.wrapping_add(1);
        if self.memory.kind == kind::EVENT {
            self.index.look(&self.memory, now)
        } else {
            self.look_at_flags()
        }
    }

    #[inline(never)]
    fn look_at_flags(&mut self) -> Look {
        self.flags.look(&self.memory)
    }

    fn give_back(&mut self, now: u64) -> Owed {
        self.episodes = self.episodes.wrapping_add(1);
        if self.memory.kind != kind::EVENT {
            self.flags.give_back(&self.memory)
        } else if self.index.give_back(&self.memory, now) {
            Owed::News
        } else {
            Owed::Nothing
        }
    }

    fn not_told(&mut self) {
        if self.memory.kind == kind::EVENT {
            self.index.not_told()
        } else {
            self.flags.not_told()
        }
    }

    /// Whether it is borrowed.
    ///
    /// # Safety
    ///
    /// `ring` is valid. Another CPU may use it: then the answer may be old.
    pub unsafe fn is_borrowed(ring: *const PollRing) -> bool {
        // SAFETY: By the requirements of this function. Any bytes that another CPU may
        // have written in part are valid: a flag is one byte.
        unsafe {
            read_volatile(&raw const (*ring).index).is_borrowed()
                || read_volatile(&raw const (*ring).flags).is_borrowed()
        }
    }
}

/// The rings of one CPU, by slot.
///
/// # Invariants
///
/// `rings` has a valid ring for each slot that the machine has, and no other CPU uses
/// it; `flags` is valid.
pub struct Rings {
    rings: *const *mut PollRing,
    flags: *const usize,
    resched: usize,
}

impl Rings {
    /// # Safety
    ///
    /// The invariants hold for as long as this lives.
    pub unsafe fn new(rings: *const *mut PollRing, flags: *const usize, resched: usize) -> Self {
        Self {
            rings,
            flags,
            resched,
        }
    }

    #[inline]
    fn ring(&mut self, slot: Slot) -> &mut PollRing {
        // SAFETY: By the invariants of `Rings`, for the machine names slots that it
        // has.
        unsafe { &mut **self.rings.add(usize::from(slot.0)) }
    }
}

impl Sources for Rings {
    #[inline]
    fn resched(&self) -> bool {
        // SAFETY: By the invariants of `Rings`.
        unsafe { read(self.flags) & self.resched != 0 }
    }

    #[inline]
    fn look(&mut self, slot: Slot, now: u64) -> Look {
        self.ring(slot).look(now)
    }

    fn give_back(&mut self, slot: Slot, now: u64) -> Owed {
        self.ring(slot).give_back(now)
    }

    fn not_told(&mut self, slot: Slot) {
        self.ring(slot).not_told()
    }
}

/// `enum poll_core_input`
pub mod input {
    #![allow(missing_docs)]
    pub const HIT_DONE: u32 = 0;
    pub const HIT_REFUSED: u32 = 1;
    pub const SOFTIRQS_DONE: u32 = 2;
    pub const RESTED: u32 = 3;
    pub const CLOCK_READ: u32 = 4;
}

/// `enum poll_core_action`
pub mod action {
    #![allow(missing_docs)]
    pub const HIT: u32 = 0;
    pub const HIT_ALONE: u32 = 1;
    pub const SOFTIRQS: u32 = 2;
    pub const REST: u32 = 3;
    pub const CLOCK: u32 = 4;
    pub const DONE: u32 = 5;
}

/// `enum poll_core_reason`
pub mod reason {
    #![allow(missing_docs)]
    pub const RESCHED: u8 = 0;
    pub const LIMIT: u8 = 1;
}

/// `POLL_CORE_ARG_SHIFT`
pub const ARG_SHIFT: u32 = 8;

/// Takes an input as C gave it, and says what is next as C sees it. What is no input
/// changes nothing.
pub fn step(machine: &mut Machine, rings: &mut Rings, input: u32, now: u64, spent: u64) -> u32 {
    encode(match decode(input, now, spent) {
        Some(input) => machine.step(rings, input),
        None => machine.last(),
    })
}

/// A step as C sees it.
pub fn encode(action: Action) -> u32 {
    let (action, arg) = match action {
        Action::Hit(slot) => (action::HIT, slot.0),
        Action::HitAlone(slot) => (action::HIT_ALONE, slot.0),
        Action::Softirqs => (action::SOFTIRQS, 0),
        Action::Rest => (action::REST, 0),
        Action::Clock => (action::CLOCK, 0),
        Action::Done(Reason::Resched) => (action::DONE, reason::RESCHED),
        Action::Done(Reason::Limit) => (action::DONE, reason::LIMIT),
    };
    action | u32::from(arg) << ARG_SHIFT
}

/// An input as C gave it; `None` if there is no such input.
fn decode(input: u32, now: u64, spent: u64) -> Option<Input> {
    Some(match input {
        input::HIT_DONE => Input::HitDone { now, spent },
        input::HIT_REFUSED => Input::HitRefused,
        input::SOFTIRQS_DONE => Input::SoftirqsDone { now, spent },
        input::RESTED => Input::Rested,
        input::CLOCK_READ => Input::Clock { now },
        _ => return None,
    })
}
