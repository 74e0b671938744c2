// SPDX-License-Identifier: GPL-2.0
//! Two of ethtool's settings of a network card (linux/ethtool.h): the number of queue pairs that it
//! uses, which ethtool calls channels, and the sizes of its rings.

use std::net::{Ipv4Addr, UdpSocket};
use std::os::fd::AsRawFd;

use anyhow::{Context, Result, ensure};
use nix::errno::Errno;
use nix::libc::{__c_anonymous_ifr_ifru, c_char};

use crate::nic;
use crate::port::untried;

const GET_RINGS: u32 = 0x10;
const SET_RINGS: u32 = 0x11;
const GET_CHANNELS: u32 = 0x3c;
const SET_CHANNELS: u32 = 0x3d;

/// struct ethtool_ringparam (the four kinds are rx, rx-mini, rx-jumbo and tx) or struct
/// ethtool_channels (rx, tx, other and combined).
#[repr(C)]
#[derive(Clone, Copy, Default)]
struct Parameters {
    command: u32,
    most: [u32; 4],
    now: [u32; 4],
}

const RX_RING: usize = 0;
const TX_RING: usize = 3;
const COMBINED: usize = 3;

mod ioctl {
    use nix::libc::{SIOCETHTOOL, ifreq};
    nix::ioctl_readwrite_bad!(ethtool, SIOCETHTOOL, ifreq);
}

/// The number of queue pairs that a card uses, and the number that it could use.
pub fn pairs(card: &str) -> Result<(u32, u32)> {
    let channels = get(card, GET_CHANNELS)?;
    Ok((channels.now[COMBINED], channels.most[COMBINED]))
}

/// Sets the number of queue pairs, and checks that the card uses them.
pub fn use_pairs(card: &str, wanted: u32) -> Result<()> {
    let mut channels = get(card, GET_CHANNELS)?;
    channels.command = SET_CHANNELS;
    channels.now[COMBINED] = wanted;
    call(card, &mut channels).with_context(|| format!("setting {card} to {wanted} queue pairs"))?;
    let (got, _) = pairs(card)?;
    ensure!(got == wanted, "{card} has {got} queue pairs, not {wanted}");
    Ok(())
}

/// Sets the size of both rings. The driver resets the queues for this (VIRTIO_F_RING_RESET).
/// Returns false if the rings have this size already or the driver is busy.
pub fn resize_rings(card: &str, entries: u32) -> Result<bool> {
    let mut rings = get(card, GET_RINGS)?;
    if (rings.now[RX_RING], rings.now[TX_RING]) == (entries, entries) {
        return Ok(false);
    }
    rings.command = SET_RINGS;
    for ring in [RX_RING, TX_RING] {
        rings.now[ring] = entries.min(rings.most[ring]);
    }
    match call(card, &mut rings) {
        Ok(()) => Ok(true),
        Err(Errno::EOPNOTSUPP | Errno::ENOENT) => {
            Err(untried("this device's queues cannot be reset"))
        }
        Err(Errno::EBUSY) => Ok(false),
        Err(err) => Err(err).with_context(|| format!("resizing the rings of {card}")),
    }
}

fn get(card: &str, command: u32) -> Result<Parameters> {
    let mut parameters = Parameters {
        command,
        ..Parameters::default()
    };
    call(card, &mut parameters)
        .with_context(|| format!("ethtool's command {command:#x} for {card}"))?;
    Ok(parameters)
}

fn call(card: &str, parameters: &mut Parameters) -> nix::Result<()> {
    let ifru_data = (&raw mut *parameters).cast::<c_char>();
    let mut request = nic::request(card, __c_anonymous_ifr_ifru { ifru_data });
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0));
    let socket = socket.map_err(|err| Errno::from_raw(err.raw_os_error().unwrap_or_default()))?;
    // SAFETY: the request points to the whole struct of its command. Both outlive the call.
    unsafe { ioctl::ethtool(socket.as_raw_fd(), &mut request) }.map(drop)
}
