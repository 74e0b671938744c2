// SPDX-License-Identifier: GPL-2.0
//! What the kernel counts during some round trips.

use std::fmt;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};

use crate::cpus;
use crate::nic::{CardCounts, Nic};
use crate::peer::{Peer, trips};
use crate::sources::Source;

/// Number of round trips.
const TRIPS: u64 = 300;

#[derive(Debug)]
pub struct Traffic {
    slowest: Duration,
    pub card: CardCounts,
    /// Hits of each queue that is polled.
    hits: Vec<(String, u64)>,
}

impl Traffic {
    /// Makes round trips from this CPU.
    pub fn of(nic: &Nic, peer: &Peer, cpu: usize) -> Result<Traffic> {
        let (before, sources) = (nic.counts()?, nic.virtio.sources()?);
        // Add the kernel's view of the card to the error, for debugging.
        let slowest = cpus::on(cpu, || trips(&peer.socket()?, TRIPS)).map_err(|err| {
            let now = until_now(nic, before).unwrap_or_else(|err| format!("{err:#}"));
            anyhow!("{err:#}; {now}")
        })?;
        Ok(Traffic {
            slowest,
            card: nic.counts()?.since(before),
            hits: hits_since(&sources, &nic.virtio.sources()?),
        })
    }

    pub fn expect_hits(&self, queue: &str) -> Result<()> {
        ensure!(self.hits(queue) > 0, "no hit on {queue}: {self}");
        Ok(())
    }

    /// Hits of one queue.
    pub fn hits(&self, queue: &str) -> u64 {
        let mut queues = self.hits.iter();
        queues
            .find(|(name, _)| name == queue)
            .map_or(0, |(_, hits)| *hits)
    }
}

impl fmt::Display for Traffic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{TRIPS} round trips, the slowest {:.1} ms, interrupts per packet {:.2} rx {:.2} tx",
            self.slowest.as_secs_f64() * 1e3,
            self.card.rx.rate(),
            self.card.tx.rate()
        )?;
        for (queue, hits) in self.hits.iter().filter(|(_, hits)| *hits > 0) {
            write!(f, ", {queue} {hits} hits")?;
        }
        match self.card.busy_polled {
            0 => Ok(()),
            packets => write!(f, ", {packets} packets found by busy polling"),
        }
    }
}

/// Hits of each source since `before`, by queue.
fn hits_since(before: &[Source], now: &[Source]) -> Vec<(String, u64)> {
    let hits = |source: &Source| {
        let mut sources = before.iter();
        let known = sources.find(|known| known.name == source.name);
        let hits_before = known.map_or(0, |known| known.hits);
        // A source that was created again counts from 0.
        let hits = source.hits.checked_sub(hits_before);
        (queue(source).to_owned(), hits.unwrap_or(source.hits))
    };
    now.iter().map(hits).collect()
}

/// Describes what has happened since `before`, for an error.
fn until_now(nic: &Nic, before: CardCounts) -> Result<String> {
    let CardCounts { rx, tx, .. } = nic.counts()?.since(before);
    let sources = nic.virtio.sources()?;
    Ok(format!("meanwhile rx {rx:?}, tx {tx:?}; now {sources:?}"))
}

/// The CPU that polls one of the card's queues.
pub fn cpu(nic: &Nic, of: &str) -> Result<usize> {
    let sources = nic.virtio.sources()?;
    let mut sources = sources.iter();
    let source = sources.find(|source| queue(source) == of);
    source
        .and_then(|source| usize::try_from(source.cpu).ok())
        .with_context(|| format!("no CPU polls {}'s {of}", nic.virtio.name))
}

fn queue(source: &Source) -> &str {
    source
        .name
        .split_once('/')
        .map_or(source.name.as_str(), |(_, queue)| queue)
}
