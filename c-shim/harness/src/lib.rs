// SPDX-License-Identifier: GPL-2.0

//! The shim on the host: `drivers/cpuidle/poll/` and the core, both unchanged, in a stub kernel
//! (`stubs/`). This crate is the safe interface by which the tests drive them. It has no rules of
//! its own.
//!
//! In most tests one thread acts as all CPUs, so these tests check what is done and in which order.
//! In `tests/threads.rs` each CPU is a thread, for the sanitizers (`cargo xtask check sanitize`).
//! `rust-core/tests/borrow_loom` checks every interleaving.

mod device;
mod world;

#[allow(
    non_camel_case_types,
    non_upper_case_globals,
    dead_code,
    reason = "bindgen keeps C's names"
)]
mod driven {
    include!(concat!(env!("OUT_DIR"), "/driven.rs"));
}

// Links the core. Only C calls it.
use poll_core_root as _;

pub use device::{Device, Driver, Layout, SIZE};
pub use world::{Cpu, Waited, World};
