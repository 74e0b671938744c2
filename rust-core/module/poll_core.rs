// SPDX-License-Identifier: GPL-2.0

//! The root of the poll core in a module for kernels without Rust: the functions that C calls, as
//! the module's `linux/poll_core.h` and `limit.h` declare them.
//!
//! [`poll`] and [`limit`] make all decisions, and know neither C nor the kernel. [`ffi`] has what
//! they need of both. There is no `kernel` crate to build on, so [`bindings`] has C's types, numbers
//! and functions by hand; the tests in `crossing.rs` compare them with C's.

#![no_std]

use core::ffi::{
    c_int,
    c_ulong, //
};
use limit::Limits;
use poll::{
    poll_wait,
    sched::Slot, //
};

pub mod bindings;
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

/// Adds a source. Returns its slot, or a negative number if there is none.
///
/// # Safety
///
/// As [`ffi::sched`], during the call.
#[no_mangle]
pub unsafe extern "C" fn poll_core_add(core: *mut bindings::poll_core) -> c_int {
    // SAFETY: By the requirements of this function.
    match unsafe { ffi::sched(core) }.add() {
        Some(slot) => slot.0.into(),
        None => -1,
    }
}

/// Removes a source.
///
/// # Safety
///
/// As [`ffi::sched`], during the call.
#[no_mangle]
pub unsafe extern "C" fn poll_core_remove(core: *mut bindings::poll_core, slot: u8) {
    // SAFETY: By the requirements of this function.
    unsafe { ffi::sched(core) }.remove(Slot(slot))
}

/// Notes that the source's interrupt broke into the wait.
///
/// # Safety
///
/// As [`ffi::sched`], during the call.
#[no_mangle]
pub unsafe extern "C" fn poll_core_missed(core: *mut bindings::poll_core, slot: u8) {
    // SAFETY: By the requirements of this function.
    unsafe { ffi::sched(core) }.missed(Slot(slot))
}

/// Waits, and polls the CPU's sources. Returns whether the CPU has something to run.
///
/// # Safety
///
/// As [`ffi::sched`] and [`ffi::Waiting::new`], during the call.
#[no_mangle]
pub unsafe extern "C" fn poll_core_wait(
    core: *mut bindings::poll_core,
    rings: *const *mut bindings::poll_ring,
    flags: *const c_ulong,
    resched: c_ulong,
    now: u64,
    limit: u64,
) -> bool {
    // SAFETY: By the requirements of this function.
    let (sched, mut cpu) = unsafe {
        (
            ffi::sched(core),
            ffi::Waiting::new(rings, flags.cast(), resched as usize),
        )
    };
    poll_wait::wait(sched, &mut cpu, now, limit)
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
