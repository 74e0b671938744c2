// SPDX-License-Identifier: GPL-2.0

//! The poll core, as the host builds it for its tests.
//!
//! The kernel's root is `kernel/poll_core.rs`; both name the same `poll`
//! modules, which `gen-patches` copies byte for byte.

#![no_std]
#![forbid(unsafe_code)]

pub mod poll;

// The module for stock kernels alone has this.
#[path = "poll/limit.rs"]
pub mod limit;
