// SPDX-License-Identifier: GPL-2.0

//! Tests that the types, numbers and signatures that C and Rust share are the same in both.

#[allow(
    dead_code,
    non_camel_case_types,
    non_upper_case_globals,
    reason = "bindgen keeps C's names"
)]
mod c {
    include!(concat!(env!("OUT_DIR"), "/bindings.rs"));
}

use super::ffi::{action, input, kind, reason, Memory, PollCore, PollRing, ARG_SHIFT};
use super::poll::MAX_SOURCES;
use super::Limits;
use core::mem::{align_of, offset_of, size_of};

#[test]
fn types_are_as_large() {
    assert_eq!(size_of::<PollCore>(), size_of::<c::poll_core>());
    assert_eq!(align_of::<PollCore>(), align_of::<c::poll_core>());
    assert_eq!(size_of::<PollRing>(), size_of::<c::poll_ring>());
    assert_eq!(align_of::<PollRing>(), align_of::<c::poll_ring>());
    assert_eq!(size_of::<Limits>(), size_of::<c::poll_limits>());
}

/// Each Rust field has the offset of the C field, which may have another name.
macro_rules! fields {
    ($rust:ty, $c:ty: $($ours:ident = $theirs:ident)*) => {
        $(assert_eq!(offset_of!($rust, $ours), offset_of!($c, $theirs), stringify!($ours));)*
    };
}

#[test]
fn fields_are_in_the_same_place() {
    assert_eq!(offset_of!(PollRing, memory), 0);
    fields! { Memory, c::poll_ring:
        used = used
        avail = avail
        event = event
        taken = taken
        shadow = shadow
        batch = batch
        size = size
        kind = kind
        weak_barriers = weak_barriers
    }
    fields! { PollRing, c::poll_ring:
        index = borrow
        looks = looks
        episodes = episodes
    }
    let borrow = offset_of!(c::poll_ring, borrow)..offset_of!(c::poll_ring, looks);
    assert!(borrow.contains(&offset_of!(PollRing, flags)));

    fields! { Limits, c::poll_limits:
        max = max
        grow_start = grow_start
        grow = grow
        shrink = shrink
        allow_shrink = allow_shrink
    }
}

#[test]
fn numbers_are_the_same() {
    let pairs = [
        (input::HIT_DONE, c::poll_core_input_POLL_CORE_HIT_DONE),
        (input::HIT_REFUSED, c::poll_core_input_POLL_CORE_HIT_REFUSED),
        (
            input::SOFTIRQS_DONE,
            c::poll_core_input_POLL_CORE_SOFTIRQS_DONE,
        ),
        (input::RESTED, c::poll_core_input_POLL_CORE_RESTED),
        (input::CLOCK_READ, c::poll_core_input_POLL_CORE_CLOCK_READ),
        (action::HIT, c::poll_core_action_POLL_CORE_HIT),
        (action::HIT_ALONE, c::poll_core_action_POLL_CORE_HIT_ALONE),
        (action::SOFTIRQS, c::poll_core_action_POLL_CORE_SOFTIRQS),
        (action::REST, c::poll_core_action_POLL_CORE_REST),
        (action::CLOCK, c::poll_core_action_POLL_CORE_CLOCK),
        (action::DONE, c::poll_core_action_POLL_CORE_DONE),
        (
            reason::RESCHED.into(),
            c::poll_core_reason_POLL_CORE_RESCHED,
        ),
        (reason::LIMIT.into(), c::poll_core_reason_POLL_CORE_LIMIT),
        (kind::EVENT.into(), c::poll_ring_kind_POLL_RING_EVENT),
        (kind::FLAGS.into(), c::poll_ring_kind_POLL_RING_FLAGS),
        (kind::PACKED.into(), c::poll_ring_kind_POLL_RING_PACKED),
        (ARG_SHIFT, c::POLL_CORE_ARG_SHIFT),
        (MAX_SOURCES as u32, c::POLL_CORE_SOURCES),
    ];
    for (index, (rust, c)) in pairs.into_iter().enumerate() {
        assert_eq!(rust, c, "the pair {index}");
    }
}

/// The Rust function has the first type, and C's declaration has the second. The second is the
/// first with C's structs in the place of the Rust ones.
macro_rules! same {
    ($($name:ident: $rust:ty = $c:ty;)*) => {
        $(
            let _: $rust = super::$name;
            let _: $c = c::$name;
        )*
    };
}

#[test]
fn signatures_are_the_same() {
    same! {
        poll_core_init: unsafe extern "C" fn(*mut PollCore)
            = unsafe extern "C" fn(*mut c::poll_core);
        poll_core_add: unsafe extern "C" fn(*mut PollCore) -> i32
            = unsafe extern "C" fn(*mut c::poll_core) -> i32;
        poll_core_remove: unsafe extern "C" fn(*mut PollCore, u8) -> bool
            = unsafe extern "C" fn(*mut c::poll_core, u8) -> bool;
        poll_core_missed: unsafe extern "C" fn(*mut PollCore, u8)
            = unsafe extern "C" fn(*mut c::poll_core, u8);
        poll_core_start: unsafe extern "C" fn(
                *mut PollCore, *const *mut PollRing, *const u64, u64, u64, u64) -> u32
            = unsafe extern "C" fn(
                *mut c::poll_core, *const *mut c::poll_ring, *const u64, u64, u64, u64) -> u32;
        poll_core_step: unsafe extern "C" fn(
                *mut PollCore, *const *mut PollRing, *const u64, u64, u32, u64, u64) -> u32
            = unsafe extern "C" fn(
                *mut c::poll_core, *const *mut c::poll_ring, *const u64, u64, u32, u64, u64) -> u32;
        poll_ring_is_borrowed: unsafe extern "C" fn(*const PollRing) -> bool
            = unsafe extern "C" fn(*const c::poll_ring) -> bool;
        poll_limit_after_halt: unsafe extern "C" fn(u64, *const Limits, u64) -> u64
            = unsafe extern "C" fn(u64, *const c::poll_limits, u64) -> u64;
        poll_limit_after_hit: unsafe extern "C" fn(u64, *const Limits, u64) -> u64
            = unsafe extern "C" fn(u64, *const c::poll_limits, u64) -> u64;
    }
}
