// SPDX-License-Identifier: GPL-2.0
//! What the kernel counts during some round trips.

use std::fmt;

use anyhow::{Context, Result, anyhow};

use crate::nic::{self, Nic};
use crate::peer::Trips;
use crate::sources::Source;

#[derive(Debug)]
pub struct Traffic {
    trips: Trips,
    rx: Flow,
    tx: Flow,
    pub busy_polled: u64,
    /// Hits of each queue that is polled.
    hits: Vec<(String, u64)>,
}

impl Traffic {
    /// Counts for this card while `work` runs.
    pub fn of(nic: &Nic, work: impl FnOnce() -> Result<Trips>) -> Result<Traffic> {
        let before = CardCounters::read(nic)?;
        // Add the kernel's view of the card to the error, for debugging.
        let trips = work().map_err(|err| anyhow!("{err:#}; {}", before.until_now(nic)))?;
        let after = CardCounters::read(nic)?;
        Ok(Traffic {
            trips,
            rx: after.rx.since(before.rx),
            tx: after.tx.since(before.tx),
            busy_polled: after.busy_polled - before.busy_polled,
            hits: after.hits_since(&before),
        })
    }

    /// Hits of one queue.
    pub fn hits(&self, queue: &str) -> u64 {
        let mut queues = self.hits.iter();
        queues
            .find(|(name, _)| name == queue)
            .map_or(0, |(_, hits)| *hits)
    }

    /// Interrupts per received packet.
    pub fn interrupts(&self) -> f64 {
        self.rx.rate()
    }
}

impl fmt::Display for Traffic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Trips { count, slowest } = self.trips;
        write!(
            f,
            "{count} round trips, the slowest {:.1} ms, interrupts per packet {:.2} rx {:.2} tx",
            slowest.as_secs_f64() * 1e3,
            self.rx.rate(),
            self.tx.rate()
        )?;
        for (queue, hits) in self.hits.iter().filter(|(_, hits)| *hits > 0) {
            write!(f, ", {queue} {hits} hits")?;
        }
        match self.busy_polled {
            0 => Ok(()),
            packets => write!(f, ", {packets} packets found by busy polling"),
        }
    }
}

/// Counts of one direction.
#[derive(Clone, Copy, Debug, Default)]
struct Flow {
    interrupts: u64,
    packets: u64,
}

impl Flow {
    fn since(self, before: Flow) -> Flow {
        Flow {
            interrupts: self.interrupts - before.interrupts,
            packets: self.packets - before.packets,
        }
    }

    fn rate(self) -> f64 {
        self.interrupts as f64 / self.packets.max(1) as f64
    }
}

struct CardCounters {
    rx: Flow,
    tx: Flow,
    busy_polled: u64,
    sources: Vec<Source>,
}

impl CardCounters {
    fn read(nic: &Nic) -> Result<CardCounters> {
        Ok(CardCounters {
            rx: Flow {
                interrupts: nic.rx_interrupts()?,
                packets: nic.received()?,
            },
            tx: Flow {
                interrupts: nic.tx_interrupts()?,
                packets: nic.sent()?,
            },
            busy_polled: nic::busy_polled()?,
            sources: nic.virtio.sources()?,
        })
    }

    fn hits_since(&self, before: &CardCounters) -> Vec<(String, u64)> {
        let hits_before = |name: &str| {
            let mut sources = before.sources.iter();
            sources
                .find(|source| source.name == name)
                .map_or(0, |source| source.hits)
        };
        let hits = |source: &Source| {
            // A source that was created again counts from 0.
            let hits = source.hits.checked_sub(hits_before(&source.name));
            (queue(source).to_owned(), hits.unwrap_or(source.hits))
        };
        self.sources.iter().map(hits).collect()
    }

    fn until_now(&self, nic: &Nic) -> String {
        match CardCounters::read(nic) {
            Ok(now) => format!(
                "meanwhile rx {:?}, tx {:?}; now {:?}",
                now.rx.since(self.rx),
                now.tx.since(self.tx),
                now.sources
            ),
            Err(err) => format!("{err:#}"),
        }
    }
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
