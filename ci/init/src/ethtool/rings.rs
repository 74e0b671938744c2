// SPDX-License-Identifier: GPL-2.0
//! The sizes of a network card's rings (linux/ethtool.h). The driver resets the queue to change
//! one (VIRTIO_F_RING_RESET).

use anyhow::{Context, Result};
use nix::errno::Errno;

use crate::port::Untried;

const GET: u32 = 0x10;
const SET: u32 = 0x11;

/// struct ethtool_ringparam
#[repr(C)]
#[derive(Clone, Copy, Default)]
struct RingParam {
    command: u32,
    rx_max: u32,
    rx_mini_max: u32,
    rx_jumbo_max: u32,
    tx_max: u32,
    rx: u32,
    rx_mini: u32,
    rx_jumbo: u32,
    tx: u32,
}

/// False: they have this size already, or the driver has something else to do.
pub fn resize(card: &str, entries: u32) -> Result<bool> {
    let mut rings = RingParam {
        command: GET,
        ..RingParam::default()
    };
    call(card, &mut rings).with_context(|| format!("asking for the rings of {card}"))?;
    if (rings.rx, rings.tx) == (entries, entries) {
        return Ok(false);
    }
    rings.command = SET;
    (rings.rx, rings.tx) = (entries.min(rings.rx_max), entries.min(rings.tx_max));
    match call(card, &mut rings) {
        Ok(()) => Ok(true),
        Err(Errno::EOPNOTSUPP | Errno::ENOENT) => {
            Err(Untried("this device's queues cannot be reset".into()).into())
        }
        Err(Errno::EBUSY) => Ok(false),
        Err(err) => Err(err).with_context(|| format!("resizing the rings of {card}")),
    }
}

fn call(card: &str, rings: &mut RingParam) -> nix::Result<()> {
    // SAFETY: it is the whole struct of its command.
    unsafe { super::call(card, rings) }
}
