// SPDX-License-Identifier: GPL-2.0

//! The poll core in the kernel: the functions that C calls.
//!
//! All decisions are in [`poll`], which knows neither C nor the kernel, and what it
//! needs of them is in [`ffi`].
//!
//! C header: [`include/linux/poll_core.h`](srctree/include/linux/poll_core.h)

use kernel::{
    bindings,
    prelude::*, //
};
use poll::{
    poll_wait,
    sched::Slot, //
};

#[path = "poll/ffi.rs"]
pub mod ffi;
pub mod poll;

/// Adds a source. Returns its slot, or a negative number if there is none.
///
/// # Safety
///
/// As [`ffi::sched`], during the call.
#[export]
pub unsafe extern "C" fn poll_core_add(core: *mut bindings::poll_core) -> kernel::ffi::c_int {
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
#[export]
pub unsafe extern "C" fn poll_core_remove(core: *mut bindings::poll_core, slot: u8) {
    // SAFETY: By the requirements of this function.
    unsafe { ffi::sched(core) }.remove(Slot(slot))
}

/// The source's interrupt broke into the wait.
///
/// # Safety
///
/// As [`ffi::sched`], during the call.
#[export]
pub unsafe extern "C" fn poll_core_missed(core: *mut bindings::poll_core, slot: u8) {
    // SAFETY: By the requirements of this function.
    unsafe { ffi::sched(core) }.missed(Slot(slot))
}

/// Waits, and polls the CPU's sources. Returns whether the CPU has something to run.
///
/// # Safety
///
/// As [`ffi::sched`] and [`ffi::Waiting::new`], during the call.
#[export]
pub unsafe extern "C" fn poll_core_wait(
    core: *mut bindings::poll_core,
    rings: *const *mut bindings::poll_ring,
    flags: *const kernel::ffi::c_ulong,
    resched: kernel::ffi::c_ulong,
    now: u64,
    limit: u64,
) -> bool {
    // SAFETY: By the requirements of this function. What C runs for a hit calls none of
    // the functions here.
    let (sched, mut cpu) = unsafe { (ffi::sched(core), ffi::Waiting::new(rings, flags, resched)) };
    poll_wait::wait(sched, &mut cpu, now, limit)
}
