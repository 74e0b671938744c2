// SPDX-License-Identifier: GPL-2.0
//! The search for lost events: what it takes and what it finds.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A disk is polled for this long at a time: a completion that gets lost then is found by the next
/// look, so there must soon be none.
pub const ON: Duration = Duration::from_millis(20);
/// And not polled for so long, at least and at most: what is lost now stays lost until the end.
pub const OFF: (Duration, Duration) = (Duration::from_millis(100), Duration::from_millis(200));
/// Of an operation on a disk that answers much sooner.
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
