// SPDX-License-Identifier: GPL-2.0
//! The search for lost events: what it takes and what it finds.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A disk is polled for this long at a time. The next look finds a completion that was lost, so
/// polling must end soon for a loss to show.
pub const ON: Duration = Duration::from_millis(20);
/// Then it is not polled for so long, at least and at most: what is lost stays lost until then.
pub const OFF: (Duration, Duration) = (Duration::from_millis(100), Duration::from_millis(200));
/// An operation that takes this long is late; the disks answer much sooner.
pub const LATE: Duration = Duration::from_millis(100);

/// The case that says so.
pub const NONE_IS_LOST: &str = "no event is lost";
/// So many are enough to stop.
pub const ENOUGH: u64 = 10;

/// One guest's orders.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Losses {
    /// Disks that answer after a set latency, one operation at a time each.
    pub disks: Vec<String>,
    /// On all of them together.
    pub operations: u64,
    pub seed: u64,
}
