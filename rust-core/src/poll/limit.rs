// SPDX-License-Identifier: GPL-2.0

//! How long a CPU waits before it halts.
//!
//! The haltpoll governor's rule (drivers/cpuidle/governors/haltpoll.c,
//! `adjust_poll_limit()`), with two changes.
//!
//! ```text
//!   idle for so long that a longer wait would have saved the halt    grow
//!   idle for longer than the longest wait                            shrink
//!   a hit in the second half of the wait          grow: the next may come later
//! ```
//!
//! - Where devices are polled, a wait that ends with a hit has no halt to learn
//!   from, so hits count, too.
//! - The time before a halt in which the CPU waited counts as well, as in the host's
//!   halt polling (virt/kvm/kvm_main.c, `kvm_vcpu_halt()`). The governor counts the
//!   halt alone. If that is shorter than the wait was, the wait never grows: with a
//!   device that answers after 90 us it stays at 50 us.
//!
//! # Invariants
//!
//! - A limit is 0, or at least [`Limits::grow_start`] and at most [`Limits::max`]
//!   (which wins).
//! - No time makes the arithmetic overflow. Times are in nanoseconds.

/// Between what the limit moves, and how fast.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The longest wait; 0: none.
    pub max: u32,
    /// The shortest.
    pub grow_start: u32,
    /// What a limit is multiplied by.
    pub grow: u32,
    /// What it is divided by; 0: start over.
    pub shrink: u32,
    /// Whether it shrinks at all.
    pub allow_shrink: bool,
}

/// The next limit, after the CPU was idle for `idle` and halted in the end.
pub fn after_halt(limit: u64, limits: &Limits, idle: u64) -> u64 {
    let limit = limit.min(limits.max.into());

    if idle > limits.max.into() {
        shorter(limit, limits)
    } else if idle > limit {
        longer(limit, limits)
    } else {
        limit
    }
}

/// The next limit, after a wait that had a hit when it had taken `waited`.
pub fn after_hit(limit: u64, limits: &Limits, waited: u64) -> u64 {
    let limit = limit.min(limits.max.into());

    if waited > limit / 2 {
        longer(limit, limits)
    } else {
        limit
    }
}

fn longer(limit: u64, limits: &Limits) -> u64 {
    limit
        .saturating_mul(limits.grow.into())
        .max(limits.grow_start.into())
        // A factor of 0 or less is no reason to get shorter.
        .max(limit)
        .min(limits.max.into())
}

fn shorter(limit: u64, limits: &Limits) -> u64 {
    if !limits.allow_shrink {
        return limit;
    }
    let limit = limit.checked_div(limits.shrink.into()).unwrap_or(0);

    if limit < limits.grow_start.into() {
        0
    } else {
        limit
    }
}
