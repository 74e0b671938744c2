// SPDX-License-Identifier: GPL-2.0

//! The poll core in the kernel: what `include/linux/poll_core.h` declares.
//!
//! All decisions are in [`poll`], which knows neither C nor the kernel, and what it
//! needs of them is in [`ffi`]. Here are the functions that C calls.
//!
//! C header: [`include/linux/poll_core.h`](srctree/include/linux/poll_core.h)

use core::mem::{
    offset_of,
    size_of, //
};
use ffi::{
    action,
    encode,
    input,
    kind,
    reason,
    step,
    Memory,
    PollCore,
    PollRing,
    Rings, //
};
use kernel::{
    bindings,
    prelude::*, //
};
use poll::Slot;

#[path = "poll/ffi.rs"]
pub mod ffi;
pub mod poll;

macro_rules! same {
    ($($ours:expr, $header:expr;)*) => { $(const _: () = assert!($ours == $header);)* };
}

same! {
    size_of::<PollCore>(), size_of::<bindings::poll_core>();
    size_of::<PollRing>(), size_of::<bindings::poll_ring>();
    offset_of!(PollRing, memory), 0;
    offset_of!(Memory, used), offset_of!(bindings::poll_ring, used);
    offset_of!(Memory, avail), offset_of!(bindings::poll_ring, avail);
    offset_of!(Memory, event), offset_of!(bindings::poll_ring, event);
    offset_of!(Memory, taken), offset_of!(bindings::poll_ring, taken);
    offset_of!(Memory, shadow), offset_of!(bindings::poll_ring, shadow);
    offset_of!(Memory, batch), offset_of!(bindings::poll_ring, batch);
    offset_of!(PollRing, index), offset_of!(bindings::poll_ring, borrow);
    offset_of!(PollRing, looks), offset_of!(bindings::poll_ring, looks);
    offset_of!(PollRing, episodes), offset_of!(bindings::poll_ring, episodes);
    offset_of!(Memory, size), offset_of!(bindings::poll_ring, size);
    offset_of!(Memory, kind), offset_of!(bindings::poll_ring, kind);
    offset_of!(Memory, weak_barriers), offset_of!(bindings::poll_ring, weak_barriers);
    poll::MAX_SOURCES, bindings::POLL_CORE_SOURCES as usize;
    ffi::ARG_SHIFT, bindings::POLL_CORE_ARG_SHIFT;
    kind::EVENT, bindings::poll_ring_kind_POLL_RING_EVENT as u8;
    kind::FLAGS, bindings::poll_ring_kind_POLL_RING_FLAGS as u8;
    kind::PACKED, bindings::poll_ring_kind_POLL_RING_PACKED as u8;
    input::HIT_DONE, bindings::poll_core_input_POLL_CORE_HIT_DONE;
    input::HIT_REFUSED, bindings::poll_core_input_POLL_CORE_HIT_REFUSED;
    input::SOFTIRQS_DONE, bindings::poll_core_input_POLL_CORE_SOFTIRQS_DONE;
    input::RESTED, bindings::poll_core_input_POLL_CORE_RESTED;
    input::CLOCK_READ, bindings::poll_core_input_POLL_CORE_CLOCK_READ;
    action::HIT, bindings::poll_core_action_POLL_CORE_HIT;
    action::HIT_ALONE, bindings::poll_core_action_POLL_CORE_HIT_ALONE;
    action::SOFTIRQS, bindings::poll_core_action_POLL_CORE_SOFTIRQS;
    action::REST, bindings::poll_core_action_POLL_CORE_REST;
    action::CLOCK, bindings::poll_core_action_POLL_CORE_CLOCK;
    action::DONE, bindings::poll_core_action_POLL_CORE_DONE;
    reason::RESCHED, bindings::poll_core_reason_POLL_CORE_RESCHED as u8;
    reason::LIMIT, bindings::poll_core_reason_POLL_CORE_LIMIT as u8;
}

/// Makes a machine without sources.
///
/// # Safety
///
/// As [`PollCore::init`].
#[export]
pub unsafe extern "C" fn poll_core_init(core: *mut bindings::poll_core) {
    // SAFETY: By the requirements of this function.
    unsafe { PollCore::init(core.cast()) }
}

/// Adds a source. Returns its slot, or a negative number if there is none.
///
/// # Safety
///
/// As [`PollCore::machine`], during the call.
#[export]
pub unsafe extern "C" fn poll_core_add(core: *mut bindings::poll_core) -> kernel::ffi::c_int {
    // SAFETY: By the requirements of this function.
    match unsafe { PollCore::machine(core.cast()) }.add() {
        Some(slot) => slot.0.into(),
        None => -1,
    }
}

/// Removes a source. Returns whether it is gone.
///
/// # Safety
///
/// As [`PollCore::machine`], during the call.
#[export]
pub unsafe extern "C" fn poll_core_remove(core: *mut bindings::poll_core, slot: u8) -> bool {
    // SAFETY: By the requirements of this function.
    unsafe { PollCore::machine(core.cast()) }.remove(Slot(slot))
}

/// The source's interrupt broke into the wait.
///
/// # Safety
///
/// As [`PollCore::machine`], during the call.
#[export]
pub unsafe extern "C" fn poll_core_missed(core: *mut bindings::poll_core, slot: u8) {
    // SAFETY: By the requirements of this function.
    unsafe { PollCore::machine(core.cast()) }.missed(Slot(slot))
}

/// Starts a wait. Returns the first step.
///
/// # Safety
///
/// As [`PollCore::machine`] and [`Rings::new`], during the call.
#[export]
pub unsafe extern "C" fn poll_core_start(
    core: *mut bindings::poll_core,
    rings: *const *mut bindings::poll_ring,
    flags: *const kernel::ffi::c_ulong,
    resched: kernel::ffi::c_ulong,
    now: u64,
    limit: u64,
) -> u32 {
    // SAFETY: By the requirements of this function.
    let (machine, mut rings) = unsafe {
        (
            PollCore::machine(core.cast()),
            Rings::new(rings.cast(), flags.cast(), resched),
        )
    };
    encode(machine.start(&mut rings, now, limit))
}

/// Takes the outcome of the last step and returns the next one.
///
/// # Safety
///
/// As [`poll_core_start`].
#[export]
pub unsafe extern "C" fn poll_core_step(
    core: *mut bindings::poll_core,
    rings: *const *mut bindings::poll_ring,
    flags: *const kernel::ffi::c_ulong,
    resched: kernel::ffi::c_ulong,
    input: u32,
    now: u64,
    spent: u64,
) -> u32 {
    // SAFETY: By the requirements of this function.
    let (machine, mut rings) = unsafe {
        (
            PollCore::machine(core.cast()),
            Rings::new(rings.cast(), flags.cast(), resched),
        )
    };
    step(machine, &mut rings, input, now, spent)
}

/// Whether a ring is borrowed.
///
/// # Safety
///
/// As [`PollRing::is_borrowed`].
#[export]
pub unsafe extern "C" fn poll_ring_is_borrowed(ring: *const bindings::poll_ring) -> bool {
    // SAFETY: By the requirements of this function.
    unsafe { PollRing::is_borrowed(ring.cast()) }
}
