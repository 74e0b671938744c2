// SPDX-License-Identifier: GPL-2.0

//! The `kernel` crate, as far as the core's kernel root uses it. Same names and
//! types as in the kernel.

#![no_std]

pub use core::ffi;

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
