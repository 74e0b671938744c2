// SPDX-License-Identifier: GPL-2.0

//! What the module's `linux/poll_core.h` declares, as bindgen would have it.

#![allow(
    missing_docs,
    non_camel_case_types,
    non_upper_case_globals,
    reason = "these are C's names, which the header explains"
)]

use core::ffi::c_ulong;

pub const POLL_CORE_SOURCES: u32 = 256;

pub const poll_ring_kind_POLL_RING_EVENT: u32 = 0;
pub const poll_ring_kind_POLL_RING_FLAGS: u32 = 1;
pub const poll_ring_kind_POLL_RING_PACKED: u32 = 2;

#[repr(C)]
pub struct poll_borrow {
    pub looked: u64,
    pub wish: u16,
    pub mine: u16,
    pub at: u16,
    pub told: bool,
    pub owed: bool,
}

#[repr(C)]
pub struct poll_ring {
    pub used: *const u16,
    pub avail: *const u16,
    pub event: *mut u16,
    pub taken: *const u16,
    pub shadow: *const u16,
    pub batch: *const u32,
    pub size: u16,
    pub kind: u8,
    pub weak_barriers: bool,
    pub borrow: poll_borrow,
    pub looks: c_ulong,
    pub episodes: c_ulong,
}

#[repr(C)]
pub struct poll_core {
    pub opaque: [u64; 290],
}

extern "C" {
    pub fn poll_ring_swap(event: *mut u16, old: u16, new: u16, weak_barriers: bool) -> bool;
    pub fn poll_core_clock() -> u64;
    pub fn poll_core_hit(ring: *mut poll_ring, softirqs: bool, start: u64) -> u64;
    pub fn poll_core_softirqs(ring: *mut poll_ring, start: u64) -> u64;
}
