// SPDX-License-Identifier: GPL-2.0

//! Breaks in the shared modules, each with the test that must catch it.

mod borrow;
mod machine;
mod module;
mod plant;
mod sched;

/// What the kernel has as KUnit suites.
const EXAMPLES: &[&str] = &["--lib"];
