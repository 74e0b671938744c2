// SPDX-License-Identifier: GPL-2.0
//! One operation after the other on a disk, each timed.

use std::time::{Duration, Instant};

use anyhow::Result;
use guest_protocol::losses::LATE;

use super::lane::Lane;
use crate::blocks::Blocks;
use crate::cpus;

/// The first look at a ring with something in it comes so soon after polling begins.
const FIRST_LOOK: Duration = Duration::from_millis(30);
/// No machine stands still for so long, nor does a device.
const GONE: Duration = Duration::from_secs(5);

/// What came of it so far.
#[derive(Clone, Debug, Default)]
pub struct Found {
    pub operations: u64,
    /// Late, and completed when polling began; or not completed at all.
    pub lost: u64,
    /// Late otherwise.
    pub stalled: u64,
    pub longest: Duration,
    /// When the operation began that is not over.
    since: Option<Instant>,
}

impl Found {
    /// Whether the operation that goes on will never end.
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

/// What was lost comes when polling begins again, and at no other time.
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
        // The device, or the machine, came back at some time.
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
