// SPDX-License-Identifier: GPL-2.0

//! What crosses is the same in C and in Rust: types, numbers and signatures.

#[allow(
    dead_code,
    non_camel_case_types,
    non_upper_case_globals,
    reason = "bindgen keeps C's names"
)]
mod c {
    include!(concat!(env!("OUT_DIR"), "/bindings.rs"));
}

use super::{action, input, reason, Limits, PollCore, PollRing};
use core::mem::{align_of, offset_of, size_of};

#[test]
fn types_are_as_large() {
    assert_eq!(size_of::<PollCore>(), size_of::<c::poll_core>());
    assert_eq!(size_of::<PollRing>(), size_of::<c::poll_ring>());
    assert_eq!(align_of::<PollRing>(), align_of::<c::poll_ring>());
    assert_eq!(size_of::<Limits>(), size_of::<c::poll_limits>());
}

#[test]
fn fields_are_in_the_same_place() {
    assert_eq!(offset_of!(PollRing, used), offset_of!(c::poll_ring, used));
    assert_eq!(offset_of!(PollRing, avail), offset_of!(c::poll_ring, avail));
    assert_eq!(offset_of!(PollRing, event), offset_of!(c::poll_ring, event));
    assert_eq!(
        offset_of!(PollRing, borrow),
        offset_of!(c::poll_ring, borrow)
    );

    assert_eq!(offset_of!(Limits, max), offset_of!(c::poll_limits, max));
    assert_eq!(
        offset_of!(Limits, grow_start),
        offset_of!(c::poll_limits, grow_start)
    );
    assert_eq!(offset_of!(Limits, grow), offset_of!(c::poll_limits, grow));
    assert_eq!(
        offset_of!(Limits, shrink),
        offset_of!(c::poll_limits, shrink)
    );
    assert_eq!(
        offset_of!(Limits, allow_shrink),
        offset_of!(c::poll_limits, allow_shrink)
    );
}

#[test]
fn numbers_are_the_same() {
    let pairs = [
        (input::NOT_MINE, c::poll_core_input_POLL_CORE_NOT_MINE),
        (input::NOTHING, c::poll_core_input_POLL_CORE_NOTHING),
        (input::WORK, c::poll_core_input_POLL_CORE_WORK),
        (input::HIT_DONE, c::poll_core_input_POLL_CORE_HIT_DONE),
        (input::HANDED_BACK, c::poll_core_input_POLL_CORE_HANDED_BACK),
        (
            input::HANDED_BACK_WORK,
            c::poll_core_input_POLL_CORE_HANDED_BACK_WORK,
        ),
        (input::RESTED, c::poll_core_input_POLL_CORE_RESTED),
        (input::CLOCK_READ, c::poll_core_input_POLL_CORE_CLOCK_READ),
        (action::LOOK, c::poll_core_action_POLL_CORE_LOOK),
        (action::HIT, c::poll_core_action_POLL_CORE_HIT),
        (action::HAND_BACK, c::poll_core_action_POLL_CORE_HAND_BACK),
        (action::REST, c::poll_core_action_POLL_CORE_REST),
        (action::CLOCK, c::poll_core_action_POLL_CORE_CLOCK),
        (action::DONE, c::poll_core_action_POLL_CORE_DONE),
        (
            reason::RESCHED.into(),
            c::poll_core_reason_POLL_CORE_RESCHED,
        ),
        (reason::LIMIT.into(), c::poll_core_reason_POLL_CORE_LIMIT),
        (reason::BUDGET.into(), c::poll_core_reason_POLL_CORE_BUDGET),
        (super::ARG_SHIFT, c::POLL_CORE_ARG_SHIFT),
        (super::poll::MAX_SOURCES as u32, c::POLL_CORE_SOURCES),
    ];
    for (index, (rust, c)) in pairs.into_iter().enumerate() {
        assert_eq!(rust, c, "the pair {index}");
    }
}

/// C's declaration, with its types in place of ours, takes what Rust defines.
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
        poll_core_start: unsafe extern "C" fn(*mut PollCore, u64, u64, u64, bool) -> u32
            = unsafe extern "C" fn(*mut c::poll_core, u64, u64, u64, bool) -> u32;
        poll_core_step: unsafe extern "C" fn(*mut PollCore, u32, u64, u64, bool) -> u32
            = unsafe extern "C" fn(*mut c::poll_core, u32, u64, u64, bool) -> u32;
        poll_ring_look: unsafe extern "C" fn(*mut PollRing, u64) -> u32
            = unsafe extern "C" fn(*mut c::poll_ring, u64) -> u32;
        poll_ring_return: unsafe extern "C" fn(*mut PollRing, u64) -> bool
            = unsafe extern "C" fn(*mut c::poll_ring, u64) -> bool;
        poll_ring_not_told: unsafe extern "C" fn(*mut PollRing)
            = unsafe extern "C" fn(*mut c::poll_ring);
        poll_ring_is_borrowed: unsafe extern "C" fn(*const PollRing) -> bool
            = unsafe extern "C" fn(*const c::poll_ring) -> bool;
        poll_limit_after_halt: unsafe extern "C" fn(u64, *const Limits, u64) -> u64
            = unsafe extern "C" fn(u64, *const c::poll_limits, u64) -> u64;
        poll_limit_after_hit: unsafe extern "C" fn(u64, *const Limits, u64) -> u64
            = unsafe extern "C" fn(u64, *const c::poll_limits, u64) -> u64;
    }
}
