// SPDX-License-Identifier: GPL-2.0

//! Polling devices from the idle loop: what to look at, when to stop, and how a
//! ring's interrupts are suppressed without its driver.
//!
//! A CPU about to halt busy-waits a little first. While it waits, the rings of the
//! poll sources bound to it are borrowed: their interrupts are suppressed, and the
//! CPU looks at them instead. Work that is found is handled by the device's
//! interrupt handler, run as an interrupt ("a hit").
//!
//! - [`poll_wait`] is one such wait.
//! - [`sched`] chooses the source to look at next.
//! - [`borrow`] suppresses a ring's interrupts by its event index, and [`flags`] by
//!   its flags, so that neither the driver nor the poller can lose one.
//!
//! Everything here is pure: no clock of its own, no allocation, no `unsafe`, no
//! knowledge of virtio or of interrupts. The same files are built into the kernel
//! and into the host tests.

pub mod borrow;
#[cfg(any(test, CONFIG_CPU_IDLE_POLL_SOURCE_KUNIT_TEST))]
mod borrow_tests;
pub mod flags;
#[cfg(any(test, CONFIG_CPU_IDLE_POLL_SOURCE_KUNIT_TEST))]
mod flags_tests;
pub mod poll_wait;
pub mod sched;
#[cfg(any(test, CONFIG_CPU_IDLE_POLL_SOURCE_KUNIT_TEST))]
mod tests;
