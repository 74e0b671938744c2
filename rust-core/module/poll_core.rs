// SPDX-License-Identifier: GPL-2.0

//! The poll core in a module for kernels without Rust: what the module's
//! `include/linux/poll_core.h` declares.
//!
//! All decisions are in [`poll`], [`borrow`] and [`limit`], which know neither C
//! nor the kernel. Here are the translations, and the only `unsafe` of the core.
//! There is no `kernel` crate to build on, so C's types and numbers are mirrored
//! by hand; the tests in `crossing.rs` compare them.

#![no_std]

use core::ffi::c_int;
use core::mem::{
    align_of,
    size_of, //
};
use core::ptr::read_volatile;
use core::sync::atomic::{
    compiler_fence,
    AtomicU16,
    Ordering, //
};

use borrow::{
    Borrow,
    Look,
    Ring, //
};
use limit::Limits;
use poll::{
    Action,
    Input,
    Machine,
    Reason,
    Slot, //
};

#[path = "poll/borrow.rs"]
pub mod borrow;
#[path = "poll/limit.rs"]
pub mod limit;
pub mod poll;

#[cfg(test)]
mod crossing;

#[cfg(not(target_arch = "x86_64"))]
compile_error!("Memory::swap() and Memory::barrier() are right for x86-64 alone");

/// `struct poll_core`
#[repr(C)]
pub struct PollCore {
    opaque: [u64; 240],
}

/// `struct poll_ring`
///
/// # Invariants
///
/// The pointers are valid for as long as the ring is; what they point to is shared
/// with the driver and the device.
#[repr(C)]
pub struct PollRing {
    used: *const u16,
    avail: *const u16,
    event: *mut u16,
    borrow: Borrow,
}

/// `struct poll_limits`
pub type PollLimits = Limits;

const _: () = assert!(size_of::<Machine>() <= size_of::<PollCore>());
const _: () = assert!(align_of::<Machine>() <= align_of::<PollCore>());
const _: () = assert!(size_of::<Borrow>() == 2 * size_of::<u64>());
const _: () = assert!(align_of::<Borrow>() <= align_of::<u64>());

/// Nothing calls this: whoever would is a part of `core` that Kbuild does not allow
/// in the object.
#[cfg(not(test))]
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}

/// The memory of a [`PollRing`].
struct Memory {
    used: *const u16,
    avail: *const u16,
    event: *mut u16,
}

impl PollRing {
    fn memory(&self) -> Memory {
        Memory {
            used: self.used,
            avail: self.avail,
            event: self.event,
        }
    }
}

impl Ring for Memory {
    fn event(&self) -> u16 {
        // SAFETY: By the invariants of `PollRing`. Driver and device write it
        // concurrently, so the access is volatile.
        unsafe { read_volatile(self.event) }
    }

    fn used(&self) -> u16 {
        // SAFETY: As above.
        unsafe { read_volatile(self.used) }
    }

    fn in_flight(&self) -> bool {
        // SAFETY: As above.
        self.used() != unsafe { read_volatile(self.avail) }
    }

    fn swap(&self, old: u16, new: u16) -> bool {
        // SAFETY: By the invariants of `PollRing`; an event index is aligned.
        let event = unsafe { AtomicU16::from_ptr(self.event) };

        event
            .compare_exchange(old, new, Ordering::SeqCst, Ordering::Relaxed)
            .is_ok()
    }

    fn barrier(&self) {
        // `swap` is LOCK CMPXCHG, which no kernel patches: a full barrier, for the
        // device too. What is left is the compiler.
        compiler_fence(Ordering::SeqCst);
    }
}

/// # Safety
///
/// `core` was initialised by [`poll_core_init`], and nothing else uses it until the
/// returned reference is gone.
unsafe fn machine<'a>(core: *mut PollCore) -> &'a mut Machine {
    // SAFETY: By the requirements of this function; size and alignment are checked
    // above.
    unsafe { &mut *core.cast() }
}

/// `enum poll_core_input`, of which a look and a return are a part.
pub mod input {
    #![allow(missing_docs)]
    pub const NOT_MINE: u32 = 0;
    pub const NOTHING: u32 = 1;
    pub const WORK: u32 = 2;
    pub const HIT_DONE: u32 = 3;
    pub const HANDED_BACK: u32 = 4;
    pub const HANDED_BACK_WORK: u32 = 5;
    pub const RESTED: u32 = 6;
    pub const CLOCK_READ: u32 = 7;
}

/// `enum poll_core_action`
pub mod action {
    #![allow(missing_docs)]
    pub const LOOK: u32 = 0;
    pub const HIT: u32 = 1;
    pub const HAND_BACK: u32 = 2;
    pub const REST: u32 = 3;
    pub const CLOCK: u32 = 4;
    pub const DONE: u32 = 5;
}

/// `enum poll_core_reason`
pub mod reason {
    #![allow(missing_docs)]
    pub const RESCHED: u8 = 0;
    pub const LIMIT: u8 = 1;
    pub const BUDGET: u8 = 2;
}

/// `POLL_CORE_ARG_SHIFT`
pub const ARG_SHIFT: u32 = 8;

fn encode(action: Action) -> u32 {
    let (action, arg) = match action {
        Action::Look(slot) => (action::LOOK, slot.0),
        Action::Hit(slot) => (action::HIT, slot.0),
        Action::HandBack(slot) => (action::HAND_BACK, slot.0),
        Action::Rest => (action::REST, 0),
        Action::Clock => (action::CLOCK, 0),
        Action::Done(reason) => (
            action::DONE,
            match reason {
                Reason::Resched => reason::RESCHED,
                Reason::Limit => reason::LIMIT,
                Reason::Budget => reason::BUDGET,
            },
        ),
    };
    action | u32::from(arg) << ARG_SHIFT
}

/// What is no input answers no action but a rest, and so changes nothing.
fn decode(input: u32, now: u64, spent: u64) -> Input {
    match input {
        input::NOT_MINE => Input::NotMine,
        input::NOTHING => Input::Nothing,
        input::WORK => Input::Work,
        input::HIT_DONE => Input::HitDone { now, spent },
        input::HANDED_BACK => Input::HandedBack,
        input::HANDED_BACK_WORK => Input::HandedBackWork,
        input::CLOCK_READ => Input::Clock { now },
        _ => Input::Rested,
    }
}

/// Makes a machine without sources.
///
/// # Safety
///
/// `core` is valid for writing, and nothing else uses it.
#[no_mangle]
pub unsafe extern "C" fn poll_core_init(core: *mut PollCore) {
    // SAFETY: By the requirements of this function.
    unsafe { core.cast::<Machine>().write(Machine::new()) }
}

/// Adds a source. Returns its slot, or a negative number if there is none.
///
/// # Safety
///
/// As [`poll_core_step`], but outside the wait.
#[no_mangle]
pub unsafe extern "C" fn poll_core_add(core: *mut PollCore) -> c_int {
    // SAFETY: By the requirements of this function.
    match unsafe { machine(core) }.add() {
        Some(slot) => slot.0.into(),
        None => -1,
    }
}

/// Removes a source. Returns whether it is gone.
///
/// # Safety
///
/// As [`poll_core_add`].
#[no_mangle]
pub unsafe extern "C" fn poll_core_remove(core: *mut PollCore, slot: u8) -> bool {
    // SAFETY: By the requirements of this function.
    unsafe { machine(core) }.remove(Slot(slot))
}

/// The source's interrupt broke into the wait.
///
/// # Safety
///
/// As [`poll_core_add`].
#[no_mangle]
pub unsafe extern "C" fn poll_core_missed(core: *mut PollCore, slot: u8) {
    // SAFETY: By the requirements of this function.
    unsafe { machine(core) }.missed(Slot(slot))
}

/// Begins a wait. Returns the first step.
///
/// # Safety
///
/// As [`poll_core_step`].
#[no_mangle]
pub unsafe extern "C" fn poll_core_start(
    core: *mut PollCore,
    now: u64,
    limit: u64,
    budget: u64,
    resched: bool,
) -> u32 {
    // SAFETY: By the requirements of this function.
    encode(unsafe { machine(core) }.start(now, limit, budget, resched))
}

/// Takes the outcome of the last step and returns the next one.
///
/// # Safety
///
/// `core` was initialised, and the CPU it belongs to calls this, in its wait.
#[no_mangle]
pub unsafe extern "C" fn poll_core_step(
    core: *mut PollCore,
    input: u32,
    now: u64,
    spent: u64,
    resched: bool,
) -> u32 {
    // SAFETY: By the requirements of this function.
    encode(unsafe { machine(core) }.step(decode(input, now, spent), resched))
}

/// Looks at a ring, and borrows it first where it can.
///
/// # Safety
///
/// `ring` is valid, and no other CPU uses it.
#[no_mangle]
pub unsafe extern "C" fn poll_ring_look(ring: *mut PollRing, now: u64) -> u32 {
    // SAFETY: By the requirements of this function.
    let ring = unsafe { &mut *ring };
    let memory = ring.memory();

    match ring.borrow.look(&memory, now) {
        Look::NotMine => input::NOT_MINE,
        Look::Nothing => input::NOTHING,
        Look::Work => input::WORK,
    }
}

/// Returns a ring to its driver. True: the driver is owed an interrupt.
///
/// # Safety
///
/// As [`poll_ring_look`].
#[no_mangle]
pub unsafe extern "C" fn poll_ring_return(ring: *mut PollRing, now: u64) -> bool {
    // SAFETY: By the requirements of this function.
    let ring = unsafe { &mut *ring };
    let memory = ring.memory();

    ring.borrow.give_back(&memory, now)
}

/// Nobody was told of the work that was found.
///
/// # Safety
///
/// As [`poll_ring_look`].
#[no_mangle]
pub unsafe extern "C" fn poll_ring_not_told(ring: *mut PollRing) {
    // SAFETY: By the requirements of this function.
    unsafe { &mut *ring }.borrow.not_told()
}

/// Whether the poller has borrowed the ring.
///
/// # Safety
///
/// `ring` is valid. Another CPU may use it: then the answer may be old.
#[no_mangle]
pub unsafe extern "C" fn poll_ring_is_borrowed(ring: *const PollRing) -> bool {
    // SAFETY: By the requirements of this function. Any bytes that another CPU may
    // have written in part are a `Borrow`, but for its flags, which are one byte each.
    let borrow = unsafe { read_volatile(&raw const (*ring).borrow) };

    borrow.is_borrowed()
}

/// The next limit, after a halt.
///
/// # Safety
///
/// `limits` is valid.
#[no_mangle]
pub unsafe extern "C" fn poll_limit_after_halt(
    limit: u64,
    limits: *const PollLimits,
    idle: u64,
) -> u64 {
    // SAFETY: By the requirements of this function.
    limit::after_halt(limit, unsafe { &*limits }, idle)
}

/// The next limit, after a hit.
///
/// # Safety
///
/// `limits` is valid.
#[no_mangle]
pub unsafe extern "C" fn poll_limit_after_hit(
    limit: u64,
    limits: *const PollLimits,
    waited: u64,
) -> u64 {
    // SAFETY: By the requirements of this function.
    limit::after_hit(limit, unsafe { &*limits }, waited)
}
