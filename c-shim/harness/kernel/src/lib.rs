// SPDX-License-Identifier: GPL-2.0

//! The `kernel` crate, as far as the core's kernel root uses it. Same names and
//! types as in the kernel.

#![no_std]

/// C's types as the kernel has them: `unsigned long` is `usize`.
#[allow(missing_docs, non_camel_case_types, reason = "they keep C's names")]
pub mod ffi {
    pub use core::ffi::{c_int, c_uchar, c_uint, c_ulonglong, c_ushort, c_void};
    pub type c_ulong = usize;
}

/// Rust's view of `<linux/poll_core.h>`.
#[allow(
    missing_docs,
    non_camel_case_types,
    non_upper_case_globals,
    dead_code,
    reason = "bindgen keeps C's names"
)]
pub mod bindings {
    include!(concat!(env!("OUT_DIR"), "/bindings.rs"));
}

/// What the root takes from the kernel's prelude.
pub mod prelude {
    pub use harness_macros::export;
}
