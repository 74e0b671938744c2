// SPDX-License-Identifier: GPL-2.0
//! net: pings the gateway of QEMU's own network, which answers by itself.

use std::fs;
use std::net::UdpSocket;
use std::os::fd::AsRawFd;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use nix::libc;
use nix::sys::socket::{AddressFamily, SockFlag, SockProtocol, SockType, socket};

use super::super::virtio::{Virtio, soon};
use super::{Counter, Meter, Work, pattern};
use crate::procfs::read;

const BATCH: u64 = 200;
const PAYLOAD: usize = 256;
const ADDRESS: [u8; 4] = [10, 0, 2, 15];
const GATEWAY: &str = "10.0.2.2:0";
const GROUPS: &str = "/proc/sys/net/ipv4/ping_group_range";

const ECHO_REQUEST: u8 = 8;
/// Type, code, checksum, identifier, sequence number.
const HEADER: usize = 8;

pub struct Ping {
    /// The kernel's ping socket, which adds and checks all headers but ICMP's own.
    socket: UdpSocket,
    sequence: u64,
    counter: Counter,
}

impl Ping {
    pub fn open(virtio: &Virtio) -> Result<Ping> {
        let interface = soon(|| virtio.child("net", ""))?;
        set_up(&interface)?;
        fs::write(GROUPS, "0 0").with_context(|| format!("writing 0 0 to {GROUPS}"))?;
        let socket = socket(
            AddressFamily::Inet,
            SockType::Datagram,
            SockFlag::SOCK_CLOEXEC,
            SockProtocol::Icmp,
        )
        .context("making a ping socket")?;
        let mut ping = Ping {
            socket: UdpSocket::from(socket),
            sequence: 0,
            counter: Counter::default(),
        };
        ping.socket.connect(GATEWAY)?;
        // The link takes a moment, and the gateway's address has to be asked for.
        ping.socket
            .set_read_timeout(Some(Duration::from_millis(200)))?;
        soon(|| ping.echo())?;
        // From here on an answer that does not come is an operation lost.
        ping.socket.set_read_timeout(None)?;
        Ok(ping)
    }

    fn echo(&mut self) -> Result<()> {
        self.sequence += 1;
        let payload = pattern(self.sequence, PAYLOAD);
        let number = (self.sequence as u16).to_be_bytes();
        // The kernel fills in the checksum and the identifier.
        let mut packet = vec![ECHO_REQUEST, 0, 0, 0, 0, 0, number[0], number[1]];
        packet.extend(&payload);
        self.socket.send(&packet).context("sending a ping")?;
        let answer = self.answer(number)?;
        ensure!(
            answer == payload,
            "ping {} came back as {} bytes that were not sent",
            self.sequence,
            answer.len()
        );
        Ok(())
    }
}

impl Ping {
    /// What came back with this number. Older answers are to pings that were given up at first.
    fn answer(&self, number: [u8; 2]) -> Result<Vec<u8>> {
        let mut packet = [0; HEADER + PAYLOAD + 1];
        loop {
            let length = self.socket.recv(&mut packet);
            let length = length.context("waiting for a ping")?;
            ensure!(length >= HEADER, "a ping of {length} bytes");
            if packet[6..HEADER] == number {
                return Ok(packet[HEADER..length].to_vec());
            }
        }
    }
}

impl Work for Ping {
    fn batch(&mut self) -> Result<()> {
        for _ in 0..BATCH {
            self.echo()?;
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
    for (to, from) in address.sa_data[2..].iter_mut().zip(ADDRESS) {
        *to = from as libc::c_char;
    }
    let mut request = libc::ifreq {
        ifr_name: [0; libc::IFNAMSIZ],
        ifr_ifru: libc::__c_anonymous_ifr_ifru { ifru_addr: address },
    };
    for (to, from) in request.ifr_name.iter_mut().zip(interface.bytes()) {
        *to = from as libc::c_char;
    }
    let socket = UdpSocket::bind("0.0.0.0:0").context("making a socket")?;
    // SAFETY: the request is a whole ifreq and outlives the call.
    unsafe { ioctl::set_address(socket.as_raw_fd(), &request) }
        .with_context(|| format!("giving {interface} an address"))?;

    let path = format!("/sys/class/net/{interface}/flags");
    let flags = read(&path)?;
    let flags = i32::from_str_radix(flags.trim_start_matches("0x"), 16)
        .with_context(|| format!("{path} says '{flags}'"))?;
    fs::write(&path, format!("{:#x}", flags | libc::IFF_UP))
        .with_context(|| format!("switching {interface} on"))
}
