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

use super::bindings as ours;
use super::Limits;
use core::ffi::{c_int, c_ulong};
use core::mem::{align_of, offset_of, size_of};

/// The Rust type has the fields of C's, all of them in the same place.
macro_rules! same_type {
    ($rust:path = $c:path: $($field:ident)*) => {
        let _ = |it: $rust| {
            // All fields are named.
            let $rust { $($field: _),* } = it;
        };
        assert_eq!(size_of::<$rust>(), size_of::<$c>());
        assert_eq!(align_of::<$rust>(), align_of::<$c>());
        $(
            let name = concat!(stringify!($rust), ".", stringify!($field));
            assert_eq!(offset_of!($rust, $field), offset_of!($c, $field), "{name}");
            let rust = size_of_field(|it: &$rust| &raw const it.$field);
            let c = size_of_field(|it: &$c| &raw const it.$field);
            assert_eq!(rust, c, "{name}");
        )*
    };
}

fn size_of_field<T, F>(_: fn(&T) -> *const F) -> usize {
    size_of::<F>()
}

#[test]
fn fields_are_in_the_same_place() {
    same_type! { ours::poll_borrow = c::poll_borrow: looked wish mine at told owed }
    same_type! { ours::poll_ring = c::poll_ring:
        used avail event taken shadow batch size kind weak_barriers borrow looks episodes
    }
    same_type! { ours::poll_core = c::poll_core: opaque }
    same_type! { Limits = c::poll_limits: max grow_start grow shrink allow_shrink }
}

macro_rules! same_numbers {
    ($($name:ident)*) => {
        $(assert_eq!(ours::$name, c::$name, stringify!($name));)*
    };
}

#[test]
fn numbers_are_the_same() {
    same_numbers! {
        POLL_CORE_SOURCES
        poll_ring_kind_POLL_RING_EVENT
        poll_ring_kind_POLL_RING_FLAGS
        poll_ring_kind_POLL_RING_PACKED
    }
}

/// Both sides have functions of these types: each type is once of the Rust structs, once of C's.
macro_rules! same_signatures {
    ($($name:ident: $signature:ty;)*) => {
        {
            use super::{bindings::*, PollLimits as poll_limits, *};
            $(let _: $signature = $name;)*
        }
        {
            use c::*;
            $(let _: $signature = $name;)*
        }
    };
}

#[test]
fn signatures_are_the_same() {
    same_signatures! {
        poll_core_add: unsafe extern "C" fn(*mut poll_core) -> c_int;
        poll_core_remove: unsafe extern "C" fn(*mut poll_core, u8);
        poll_core_missed: unsafe extern "C" fn(*mut poll_core, u8);
        poll_core_wait: unsafe extern "C" fn(
            *mut poll_core, *const *mut poll_ring, *const c_ulong, c_ulong, u64, u64) -> bool;
        poll_ring_swap: unsafe extern "C" fn(*mut u16, u16, u16, bool) -> bool;
        poll_core_clock: unsafe extern "C" fn() -> u64;
        poll_core_hit: unsafe extern "C" fn(*mut poll_ring, bool, u64) -> u64;
        poll_core_softirqs: unsafe extern "C" fn(*mut poll_ring, u64) -> u64;
        poll_limit_after_halt: unsafe extern "C" fn(u64, *const poll_limits, u64) -> u64;
        poll_limit_after_hit: unsafe extern "C" fn(u64, *const poll_limits, u64) -> u64;
    }
}
