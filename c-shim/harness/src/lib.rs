// SPDX-License-Identifier: GPL-2.0

//! The shim on the host: `drivers/cpuidle/poll/` as it ships, the core under it as it
//! ships, and a made-up kernel around them (`stubs/`). This crate is the safe
//! handle by which the tests drive all that; it has no rules of its own.
//!
//! Mostly one thread stands for all CPUs, so what is checked is what is done and in
//! which order. In `tests/threads.rs` each CPU is a thread, for the sanitizers to
//! look at (`cargo xtask check sanitize`); every interleaving is `borrow_loom`'s.

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

// C calls it; nothing here does.
use poll_core_root as _;

pub use device::{Device, Driver, Layout, SIZE};
pub use driven::EOPNOTSUPP;
pub use world::{steps_after, Cpu, Waited, World};
