// SPDX-License-Identifier: GPL-2.0
//! The search for lost events: its times, its limits and its orders.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Time for which a disk is polled. While polling goes on, the next look finds a lost completion.
/// So polling must end soon for a loss to show.
pub const ON: Duration = Duration::from_millis(20);
/// Minimum and maximum time for which the disk is then not polled. A lost completion stays lost
/// until polling begins again.
pub const OFF: (Duration, Duration) = (Duration::from_millis(100), Duration::from_millis(200));
/// An operation that takes longer is late. The disks answer much sooner.
pub const LATE: Duration = Duration::from_millis(100);

/// The name of the case that reports lost events.
pub const NONE_IS_LOST: &str = "no event is lost";
/// Number of lost events that ends the search.
pub const ENOUGH: u64 = 10;

/// What one guest is asked to do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Losses {
    /// Disks that answer after a set latency. Each has one operation at a time.
    pub disks: Vec<String>,
    /// Number of operations, over all disks.
    pub operations: u64,
    pub seed: u64,
}
