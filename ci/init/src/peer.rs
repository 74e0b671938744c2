// SPDX-License-Identifier: GPL-2.0
//! Round trips to the host's echo. The reply must be what was sent, arrive once, and arrive in
//! time.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, UdpSocket};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use guest_protocol::net::HOST;

use crate::pattern::{pattern, same};
use crate::soon::soon;

/// A reply that takes this long is lost.
const LOST: Duration = Duration::from_secs(5);
/// How long one try of the greeting waits. The first reply comes once the link is up and the host's
/// address is resolved.
const GREETING_TRY: Duration = Duration::from_millis(200);
/// How long to wait for datagrams that should not come.
const REST: Duration = Duration::from_millis(20);
/// Size of the largest request, in bytes. It fits into one packet.
const LONGEST: usize = 1400;
/// An address where nobody listens.
const VOID: (Ipv4Addr, u16) = (HOST, 9);

/// Makes `count` round trips, one after the other. Returns the time of the slowest.
pub fn trips(socket: &UdpSocket, count: u64) -> Result<Duration> {
    let mut slowest = Duration::ZERO;
    for number in 0..count {
        let request = pattern(number, 1 + number as usize * 37 % LONGEST);
        let start = Instant::now();
        trip(socket, number, &request)?;
        slowest = slowest.max(start.elapsed());
    }
    sleep(REST);
    let rest = rest(socket)?;
    ensure!(rest == 0, "{rest} bytes arrived without a request");
    Ok(slowest)
}

/// Sends a request, and waits for its reply.
pub fn trip(socket: &UdpSocket, number: u64, request: &[u8]) -> Result<()> {
    let sent = socket.send(request);
    sent.with_context(|| format!("sending request {number}"))?;
    let mut reply = [0; LONGEST + 1];
    let length = match socket.recv(&mut reply) {
        Err(err) if err.kind() == ErrorKind::WouldBlock => {
            bail!("reply {number} is lost: none came within {LOST:?}")
        }
        received => received.with_context(|| format!("waiting for reply {number}"))?,
    };
    same(number, request, &reply[..length])
}

/// The size of a datagram that nobody asked for, in bytes; 0 if there is none.
fn rest(socket: &UdpSocket) -> Result<usize> {
    socket.set_nonblocking(true)?;
    let rest = match socket.recv(&mut [0; LONGEST]) {
        Err(err) if err.kind() == ErrorKind::WouldBlock => 0,
        received => received?,
    };
    socket.set_nonblocking(false)?;
    Ok(rest)
}

/// The echo server on the host, by its UDP port.
pub struct Peer(pub u16);

impl Peer {
    /// Waits until the host answers. After that, a missing answer means a loss.
    pub fn greet(&self) -> Result<()> {
        let answered = soon(|| {
            let socket = self.socket()?;
            socket.set_read_timeout(Some(GREETING_TRY))?;
            trips(&socket, 1)
        });
        answered.map(drop).context("the host does not answer")
    }

    pub fn socket(&self) -> Result<UdpSocket> {
        let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).context("making a socket")?;
        socket.connect((HOST, self.0))?;
        socket.set_read_timeout(Some(LOST))?;
        Ok(socket)
    }

    /// Sends datagrams one after the other, without a pause. This fills the card's ring if the host
    /// is slower.
    pub fn flood(&self, datagrams: u64) -> Result<()> {
        let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).context("making a socket")?;
        // Datagrams that the card never reports as sent fill the socket, and the next send has to
        // wait.
        socket.set_write_timeout(Some(LOST))?;
        for number in 0..datagrams {
            match socket.send_to(&number.to_be_bytes(), VOID) {
                Ok(_) => {}
                // The queue in front of the card is full, too: that is the purpose of the flood.
                Err(err) if err.raw_os_error() == Some(nix::libc::ENOBUFS) => {}
                Err(err) => return Err(err).context("flooding the card"),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    /// Makes one trip to an echo that answers with the datagrams that `reply` makes of the request.
    fn one_trip(reply: impl FnOnce(&[u8]) -> Vec<Vec<u8>> + Send) -> Result<Duration> {
        let here = (Ipv4Addr::LOCALHOST, 0);
        let far_end = UdpSocket::bind(here).unwrap();
        let ours = UdpSocket::bind(here).unwrap();
        ours.connect(far_end.local_addr().unwrap()).unwrap();
        ours.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
        thread::scope(|scope| {
            scope.spawn(|| {
                let mut request = [0; LONGEST];
                let (length, from) = far_end.recv_from(&mut request).unwrap();
                for datagram in reply(&request[..length]) {
                    far_end.send_to(&datagram, from).unwrap();
                }
            });
            trips(&ours, 1)
        })
    }

    #[test]
    fn every_reply_is_the_request_and_the_only_one() {
        let same = |request: &[u8]| request.to_vec();
        one_trip(|request| vec![same(request)]).unwrap();
        let fails = |trip: Result<Duration>, part: &str| {
            let err = format!("{:#}", trip.unwrap_err());
            assert!(err.contains(part), "{err}");
        };
        fails(one_trip(|_| vec![vec![1, 2]]), "message 0 of 1 bytes");
        fails(
            one_trip(|request| vec![same(request), vec![0; 7]]),
            "7 bytes arrived without a request",
        );
        fails(one_trip(|_| Vec::new()), "lost");
    }
}
