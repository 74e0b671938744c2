// SPDX-License-Identifier: GPL-2.0
//! Sends pings to an address, and compares each answer.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, UdpSocket};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use nix::sys::socket::{AddressFamily, SockFlag, SockProtocol, SockType, socket};

use super::{LOST, pattern, same};
use crate::procfs;
use crate::soon::soon;

const PAYLOAD: usize = 256;
const GROUPS: &str = "/proc/sys/net/ipv4/ping_group_range";

const ECHO_REQUEST: u8 = 8;
/// Size of the ICMP header, in bytes: type, code, checksum, identifier, sequence number.
const HEADER: usize = 8;

pub struct Ping {
    /// A ping socket. The kernel adds and checks all headers except ICMP's.
    socket: UdpSocket,
    sequence: u64,
}

impl Ping {
    /// Opens a socket, sends the first ping, and waits for its answer.
    pub fn to(address: Ipv4Addr) -> Result<Ping> {
        procfs::write(GROUPS, "0 0")?;
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
        };
        ping.socket.connect((address, 0))?;
        // A link takes a moment to come up, and the address of its other end must be resolved.
        ping.socket
            .set_read_timeout(Some(Duration::from_millis(200)))?;
        soon(|| ping.echo())?;
        // From here on, a missing answer is a lost operation.
        ping.socket.set_read_timeout(Some(LOST))?;
        Ok(ping)
    }

    pub fn echo(&mut self) -> Result<()> {
        self.sequence += 1;
        let payload = pattern(self.sequence, PAYLOAD);
        let number = (self.sequence as u16).to_be_bytes();
        // The kernel fills in the checksum and the identifier.
        let mut packet = vec![ECHO_REQUEST, 0, 0, 0, 0, 0, number[0], number[1]];
        packet.extend(&payload);
        self.socket.send(&packet).context("sending a ping")?;
        same(self.sequence, &payload, &self.answer(number)?)
    }

    /// Returns the payload of the answer with this number. Older answers belong to first pings that
    /// were given up.
    fn answer(&self, number: [u8; 2]) -> Result<Vec<u8>> {
        let mut packet = [0; HEADER + PAYLOAD + 1];
        loop {
            let length = match self.socket.recv(&mut packet) {
                // Tasks were frozen. The kernel does not restart a call with a timeout after that.
                Err(err) if err.kind() == ErrorKind::Interrupted => continue,
                length => length.context("waiting for the answer to a ping, which may be lost")?,
            };
            ensure!(length >= HEADER, "a ping's answer has only {length} bytes");
            if packet[6..HEADER] == number {
                return Ok(packet[HEADER..length].to_vec());
            }
        }
    }
}
