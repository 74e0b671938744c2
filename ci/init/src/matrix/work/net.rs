// SPDX-License-Identifier: GPL-2.0
//! net: pings the gateway. QEMU's own network answers by itself; in a network like it, the host's
//! kernel answers.

use anyhow::Result;
use guest_protocol::net::HOST;

use super::ping::Ping;
use super::{Counter, Work};
use crate::nic::Nic;
use crate::soon::soon;
use crate::virtio::Virtio;

const BATCH: u64 = 200;

pub struct Gateway {
    ping: Ping,
}

impl Gateway {
    pub fn open(virtio: &Virtio) -> Result<Gateway> {
        let card = Nic {
            name: soon(|| virtio.child("net", ""))?,
            virtio: virtio.clone(),
        };
        card.bring_up()?;
        Ok(Gateway {
            ping: Ping::to(HOST)?,
        })
    }
}

/// Does one batch of pings through the card. Returns their number.
pub fn one_batch(virtio: &Virtio) -> Result<u64> {
    Gateway::open(virtio)?
        .batch(&Counter::default())
        .map(|()| BATCH)
}

impl Work for Gateway {
    fn batch(&mut self, done: &Counter) -> Result<()> {
        for _ in 0..BATCH {
            self.ping.echo()?;
            done.add(1);
        }
        Ok(())
    }
}
