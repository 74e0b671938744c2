// SPDX-License-Identifier: GPL-2.0
//! A plugin for QEMU's TCG that counts the instructions of an operation and of a hit, and queue
//! notifications. `cpu.rs` has the counting, `plugin.rs` the interface to QEMU. The arguments are
//! `reports=FILE`, which has the guest's reports, and `out=FILE`, which gets a line for each event:
//!
//! - `mark`: the guest begins or ends a run.
//! - `notify N`: a CPU notifies a device that a queue has buffers for it; it has executed N
//!   instructions since its last notification, or since the mark.
//! - `hit N`: the handler of a polled device has taken N instructions.

pub mod cpu;
// QEMU provides the functions that the plugin links against. A test program does not have them.
#[cfg(not(test))]
mod plugin;
