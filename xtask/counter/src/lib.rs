// SPDX-License-Identifier: GPL-2.0
//! A plugin for QEMU's TCG that counts the instructions of an operation and of a hit, and queue
//! notifications. How it counts is `cpu.rs`, how QEMU calls it `plugin.rs`. The arguments are
//! `reports=FILE`, what the guest says, and `out=FILE`, for a line of each event:
//!
//! - `mark`: the guest begins or ends a run.
//! - `notify N`: a CPU tells a device that a queue has something for it; it has executed N
//!   instructions since it last did, or since the mark.
//! - `hit N`: the handler of a polled device has taken N instructions.

pub mod cpu;
// QEMU has what it links against; a test's program has not.
#[cfg(not(test))]
mod plugin;
