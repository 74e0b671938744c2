// SPDX-License-Identifier: GPL-2.0

//! The poll core, as the host builds it for its tests.
//!
//! The kernel's root is `kernel/poll_core.rs`; both name the same `poll`
//! modules, which `gen-patches` copies byte for byte.

#![no_std]
#![forbid(unsafe_code)]

pub mod poll;

// The module for stock kernels has these; `poll/mod.rs` is the series', which does
// not use them so far.
#[path = "poll/borrow.rs"]
pub mod borrow;
#[cfg(test)]
#[path = "poll/borrow_tests.rs"]
mod borrow_tests;
#[path = "poll/flags.rs"]
pub mod flags;
#[cfg(test)]
#[path = "poll/flags_tests.rs"]
mod flags_tests;
#[path = "poll/limit.rs"]
pub mod limit;
