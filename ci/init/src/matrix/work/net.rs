// SPDX-License-Identifier: GPL-2.0
//! net: pings the gateway. QEMU's own network answers by itself; in a network like it, the host's
//! kernel answers.

use anyhow::Result;
use guest_protocol::net::HOST;

use super::ping::Ping;
use super::{Counter, Work};
use crate::nic::Nic;
use crate::virtio::Virtio;

const BATCH: u64 = 200;

pub fn open(virtio: &Virtio) -> Result<Ping> {
    Nic::of(virtio.clone())?.bring_up()?;
    Ping::to(HOST)
}

impl Work for Ping {
    fn batch(&mut self, done: &Counter) -> Result<()> {
        for _ in 0..BATCH {
            self.echo()?;
            done.add(1);
        }
        Ok(())
    }
}
