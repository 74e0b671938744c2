// SPDX-License-Identifier: GPL-2.0

//! Polling devices from the idle loop: what to look at, when to stop, and who
//! may switch a device's events on.
//!
//! A CPU about to halt busy-waits a little first. While it waits, the poll
//! sources bound to it keep their events suppressed and are looked at instead;
//! work that is found is handled by the device's interrupt handler, run as an
//! interrupt ("a hit").
//!
//! - [`machine`] is one episode of that wait, from [`Machine::start`] to
//!   [`Action::Done`].
//! - [`sched`] chooses the source to look at next.
//! - [`gate`] decides who writes a device's event suppression, so that neither
//!   the driver nor the poller can lose an interrupt.
//!
//! Everything here is pure: no clock (time is an argument), no allocation, no
//! `unsafe`, no knowledge of virtio or of interrupts. The same files are built
//! into the kernel and into the host tests.

pub mod gate;
pub mod machine;
pub mod sched;
#[cfg(any(test, CONFIG_CPU_IDLE_POLL_SOURCE_KUNIT_TEST))]
mod tests;

pub use gate::{
    Entry,
    Events,
    Look,
    Owner,
    Word, //
};
pub use machine::{
    Action,
    Input,
    Machine,
    Reason, //
};
pub use sched::{
    Sched,
    Slot,
    MAX_SOURCES, //
};
