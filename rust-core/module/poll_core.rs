// SPDX-License-Identifier: GPL-2.0

//! The root of the poll core in a module for kernels without Rust: the functions that C calls, as
//! the module's `linux/poll_core.h` and `limit.h` declare them.
//!
//! [`poll`] and [`limit`] make all decisions, and know neither C nor the kernel. [`ffi`] has what
//! they need of both. There is no `kernel` crate to build on, so C's types and numbers are mirrored
//! by hand; the tests in `crossing.rs` compare them with C's.

#![no_std]

use core::ffi::{
    c_int,
    c_ulong, //
};
use ffi::{
    encode,
    step,
    PollCore,
    PollRing,
    Rings, //
};
use limit::Limits;
use poll::Slot;

#[path = "poll/ffi.rs"]
pub mod ffi;
#[path = "poll/limit.rs"]
pub mod limit;
pub mod poll;

#[cfg(test)]
mod cost;
#[cfg(test)]
mod crossing;
#[cfg(test)]
mod doubles;
#[cfg(test)]
mod rings;

/// `struct poll_limits`
pub type PollLimits = Limits;

/// Nothing calls this. Only a part of `core` could call it, which Kbuild does not allow in the
/// object.
#[cfg(not(test))]
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}

/// Makes a machine without sources.
///
/// # Safety
///
/// As [`PollCore::init`].
#[no_mangle]
pub unsafe extern "C" fn poll_core_init(core: *mut PollCore) {
    // SAFETY: By the requirements of this function.
    unsafe { PollCore::init(core) }
}

/// Adds a source. Returns its slot, or a negative number if there is none.
///
/// # Safety
///
/// As [`PollCore::machine`], during the call.
#[no_mangle]
pub unsafe extern "C" fn poll_core_add(core: *mut PollCore) -> c_int {
    // SAFETY: By the requirements of this function.
    match unsafe { PollCore::machine(core) }.add() {
        Some(slot) => slot.0.into(),
        None => -1,
    }
}

/// Removes a source. Returns whether it is gone.
///
/// # Safety
///
/// As [`PollCore::machine`], during the call.
#[no_mangle]
pub unsafe extern "C" fn poll_core_remove(core: *mut PollCore, slot: u8) -> bool {
    // SAFETY: By the requirements of this function.
    unsafe { PollCore::machine(core) }.remove(Slot(slot))
}

/// Notes that the source's interrupt broke into the wait.
///
/// # Safety
///
/// As [`PollCore::machine`], during the call.
#[no_mangle]
pub unsafe extern "C" fn poll_core_missed(core: *mut PollCore, slot: u8) {
    // SAFETY: By the requirements of this function.
    unsafe { PollCore::machine(core) }.missed(Slot(slot))
}

/// Starts a wait. Returns the first step.
///
/// # Safety
///
/// As [`PollCore::machine`] and [`Rings::new`], during the call.
#[no_mangle]
pub unsafe extern "C" fn poll_core_start(
    core: *mut PollCore,
    rings: *const *mut PollRing,
    flags: *const c_ulong,
    resched: c_ulong,
    now: u64,
    limit: u64,
) -> u32 {
    // SAFETY: By the requirements of this function.
    let (machine, mut rings) = unsafe {
        (
            PollCore::machine(core),
            Rings::new(rings, flags.cast(), resched as usize),
        )
    };
    encode(machine.start(&mut rings, now, limit))
}

/// Takes the outcome of the last step and returns the next one.
///
/// # Safety
///
/// As [`poll_core_start`].
#[no_mangle]
pub unsafe extern "C" fn poll_core_step(
    core: *mut PollCore,
    rings: *const *mut PollRing,
    flags: *const c_ulong,
    resched: c_ulong,
    input: u32,
    now: u64,
    spent: u64,
) -> u32 {
    // SAFETY: By the requirements of this function.
    let (machine, mut rings) = unsafe {
        (
            PollCore::machine(core),
            Rings::new(rings, flags.cast(), resched as usize),
        )
    };
    step(machine, &mut rings, input, now, spent)
}

/// Returns whether a ring is borrowed.
///
/// # Safety
///
/// As [`PollRing::is_borrowed`].
#[no_mangle]
pub unsafe extern "C" fn poll_ring_is_borrowed(ring: *const PollRing) -> bool {
    // SAFETY: By the requirements of this function.
    unsafe { PollRing::is_borrowed(ring) }
}

/// Returns the next limit, after a halt.
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

/// Returns the next limit, after a hit.
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
