// SPDX-License-Identifier: GPL-2.0
//! net: pings the gateway of QEMU's own network, which answers by itself, or this host's kernel in
//! a network like it.

use std::net::UdpSocket;
use std::os::fd::AsRawFd;

use anyhow::{Context, Result};
use guest_protocol::net::{GUEST, HOST};
use nix::libc::{self, __c_anonymous_ifr_ifru as ifr_ifru};

use super::ping::Ping;
use super::{Counter, Meter, Work};
use crate::nic;
use crate::procfs;
use crate::soon::soon;
use crate::virtio::Virtio;

const BATCH: u64 = 200;

pub struct Gateway {
    ping: Ping,
    counter: Counter,
}

impl Gateway {
    pub fn open(virtio: &Virtio) -> Result<Gateway> {
        let interface = soon(|| virtio.child("net", ""))?;
        set_up(&interface)?;
        Ok(Gateway {
            ping: Ping::to(HOST)?,
            counter: Counter::default(),
        })
    }
}

/// One batch of pings by the machine's card; how many.
pub fn one_batch(virtio: &Virtio) -> Result<u64> {
    Gateway::open(virtio)?.batch().map(|()| BATCH)
}

impl Work for Gateway {
    fn batch(&mut self) -> Result<()> {
        for _ in 0..BATCH {
            self.ping.echo()?;
            self.counter.add(1);
        }
        Ok(())
    }

    fn meter(&self) -> Meter {
        self.counter.meter()
    }
}

mod ioctl {
    use nix::libc::{SIOCSIFADDR, ifreq};
    nix::ioctl_write_ptr_bad!(set_address, SIOCSIFADDR, ifreq);
}

/// Gives the interface its address, and switches it on.
fn set_up(interface: &str) -> Result<()> {
    let mut address = libc::sockaddr {
        sa_family: libc::AF_INET as libc::sa_family_t,
        sa_data: [0; 14],
    };
    // A port of two bytes comes first.
    for (to, from) in address.sa_data[2..].iter_mut().zip(GUEST.octets()) {
        *to = from as libc::c_char;
    }
    let request = nic::request(interface, ifr_ifru { ifru_addr: address });
    let socket = UdpSocket::bind("0.0.0.0:0").context("making a socket")?;
    // SAFETY: the request is a whole ifreq and outlives the call.
    unsafe { ioctl::set_address(socket.as_raw_fd(), &request) }
        .with_context(|| format!("giving {interface} an address"))?;

    let path = format!("/sys/class/net/{interface}/flags");
    let flags = procfs::bits(&path)? | libc::IFF_UP as u32;
    procfs::write(&path, format_args!("{flags:#x}"))
}
