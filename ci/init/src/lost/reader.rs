// SPDX-License-Identifier: GPL-2.0
//! Reads one block after the other from a disk, and measures the time of each read.

use std::time::{Duration, Instant};

use anyhow::Result;
use guest_protocol::losses::LATE;

use super::lane::Lane;
use crate::blocks::Blocks;
use crate::cpus;

/// Maximum time from the start of polling to the first look at a ring with work in it.
const FIRST_LOOK: Duration = Duration::from_millis(30);
/// An operation that takes longer than this is lost for good. Neither a machine nor a device stands
/// still for so long.
const GONE: Duration = Duration::from_secs(5);

/// The outcome of the operations so far.
#[derive(Clone, Debug, Default)]
pub struct Found {
    pub operations: u64,
    /// Late operations that completed when polling began, or that never completed.
    pub lost: u64,
    /// Other late operations.
    pub stalled: u64,
    pub longest: Duration,
    /// Short phases of polling.
    pub flips: u64,
    /// When the operation in flight began.
    since: Option<Instant>,
}

impl Found {
    /// Whether the operation in flight is lost for good.
    pub fn is_gone(&self) -> bool {
        self.waits() > GONE
    }

    pub fn waits(&self) -> Duration {
        self.since.map(|since| since.elapsed()).unwrap_or_default()
    }

    pub fn add(&mut self, other: &Found) {
        self.operations += other.operations;
        self.lost += other.lost;
        self.stalled += other.stalled;
        self.longest = self.longest.max(other.longest);
        self.flips += other.flips;
    }
}

pub fn read(lane: &Lane) -> Result<()> {
    cpus::pin(&[lane.cpu])?;
    let mut blocks = Blocks::open(&lane.disk)?;
    while !lane.is_over() {
        let start = Instant::now();
        let place = {
            let mut found = lane.found();
            found.since = Some(start);
            found.operations % 1024
        };
        blocks.read(place)?;
        let end = Instant::now();
        let late = end - start > LATE;
        let lost =
            late && is_loss(start, end, lane.polled_since()) && !lane.stood_still(start, end);
        let mut found = lane.found();
        found.since = None;
        found.operations += 1;
        found.longest = found.longest.max(end - start);
        found.lost += u64::from(lost);
        found.stalled += u64::from(late && !lost);
    }
    Ok(())
}

/// Whether the operation completed just after polling began again. A lost completion is found then,
/// and at no other time.
fn is_loss(start: Instant, end: Instant, polled_since: Option<Instant>) -> bool {
    polled_since.is_some_and(|since| start < since && since <= end && end - since < FIRST_LOOK)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loss_ends_where_polling_begins() {
        let ms = Duration::from_millis;
        let start = Instant::now();
        let loss = |end, since| is_loss(start, start + ms(end), Some(start + ms(since)));
        assert!(loss(151, 150));
        // The device or the machine recovered at some other time.
        assert!(!loss(190, 150));
        assert!(!is_loss(start + ms(1), start + ms(151), Some(start)));
        assert!(!is_loss(start, start + ms(151), None));
    }

    #[test]
    fn an_operation_that_never_ends_is_seen() {
        let found = |since| Found {
            since,
            ..Found::default()
        };
        let now = Instant::now();
        assert!(!found(None).is_gone() && !found(Some(now)).is_gone());
        assert!(found(now.checked_sub(GONE * 2)).is_gone());
    }
}
