// SPDX-License-Identifier: GPL-2.0

//! The parts of the `kernel` crate that the core's kernel root uses, with the same names and types
//! as in the kernel.

#![no_std]

/// C's types as the kernel has them: `unsigned long` is `usize`.
#[allow(missing_docs, non_camel_case_types, reason = "they keep C's names")]
pub mod ffi {
    pub use core::ffi::{c_int, c_uchar, c_uint, c_ulonglong, c_ushort, c_void};
    pub type c_ulong = usize;
}

/// Rust bindings of `<linux/poll_core.h>`.
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

/// The part of the kernel's prelude that the root uses.
pub mod prelude {
    pub use harness_macros::export;
}
