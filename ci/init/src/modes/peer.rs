// SPDX-License-Identifier: GPL-2.0
//! Round trips to the host's echo. What comes back must be what was sent, once, and in time.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddrV4, TcpStream, UdpSocket};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use guest_protocol::NetModes;

use crate::pattern::pattern;
use crate::soon::soon;

/// A reply that takes this long is lost.
pub const LOST: Duration = Duration::from_secs(5);
/// The first reply comes once the link is up and the host's address is known.
const GREETING_TRY: Duration = Duration::from_millis(200);
/// For what should not come.
const REST: Duration = Duration::from_millis(20);
/// Requests are of all sizes up to this, which a packet holds.
const LONGEST: usize = 1400;

/// One request in flight, by whatever way.
pub trait EchoClient {
    fn ask(&mut self, request: &[u8]) -> Result<()>;
    /// No more than so many bytes and one.
    fn answer(&mut self, length: usize) -> Result<Vec<u8>>;
    /// How many bytes came that nobody asked for.
    fn rest(&mut self) -> Result<usize>;
}

#[derive(Clone, Copy, Debug, Default)]
pub struct Trips {
    pub count: u64,
    pub slowest: Duration,
}

/// Round trips for as long as there are to be `more` after so many.
pub fn trips(line: &mut impl EchoClient, more: impl Fn(u64) -> bool) -> Result<Trips> {
    let mut trips = Trips::default();
    while more(trips.count) {
        let number = trips.count;
        let request = pattern(number, 1 + number as usize * 37 % LONGEST);
        let start = Instant::now();
        line.ask(&request)
            .with_context(|| format!("sending request {number}"))?;
        let reply = line
            .answer(request.len())
            .with_context(|| format!("waiting for reply {number}"))?;
        ensure!(
            reply == request,
            "request {number} of {} bytes came back as {} others",
            request.len(),
            reply.len()
        );
        trips.slowest = trips.slowest.max(start.elapsed());
        trips.count += 1;
    }
    sleep(REST);
    let rest = line.rest()?;
    ensure!(rest == 0, "{rest} bytes came that nobody asked for");
    Ok(trips)
}

pub struct Peer {
    udp: SocketAddrV4,
    tcp: SocketAddrV4,
    /// Where nobody listens.
    void: SocketAddrV4,
}

impl Peer {
    pub fn of(modes: &NetModes) -> Peer {
        let at = |port| SocketAddrV4::new(modes.server, port);
        Peer {
            udp: at(modes.udp_port),
            tcp: at(modes.tcp_port),
            void: at(9),
        }
    }

    /// Until there is an answer, after which one that does not come is lost.
    pub fn greet(&self) -> Result<()> {
        let answered = soon(|| {
            let mut line = self.udp()?;
            line.set_read_timeout(Some(GREETING_TRY))?;
            trips(&mut line, |done| done < 1)
        });
        answered.map(drop).context("the host does not answer")
    }

    pub fn udp(&self) -> Result<UdpSocket> {
        let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).context("making a socket")?;
        socket.connect(self.udp)?;
        socket.set_read_timeout(Some(LOST))?;
        Ok(socket)
    }

    pub fn tcp(&self) -> Result<TcpStream> {
        let stream = TcpStream::connect_timeout(&self.tcp.into(), LOST)
            .with_context(|| format!("connecting to {}", self.tcp))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(LOST))?;
        Ok(stream)
    }

    /// Sends one after the other, which fills the card's ring where the host is the slower one.
    pub fn flood(&self, datagrams: u64) -> Result<()> {
        let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).context("making a socket")?;
        // What is never seen to be sent fills the socket, and the next one has to wait.
        socket.set_write_timeout(Some(LOST))?;
        for number in 0..datagrams {
            match socket.send_to(&number.to_be_bytes(), self.void) {
                Ok(_) => {}
                // The queue before the card is full as well: the flood is what it should be.
                Err(err) if err.raw_os_error() == Some(nix::libc::ENOBUFS) => {}
                Err(err) => return Err(err).context("sending what nobody wants"),
            }
        }
        Ok(())
    }
}

impl EchoClient for UdpSocket {
    fn ask(&mut self, request: &[u8]) -> Result<()> {
        let sent = self.send(request)?;
        ensure!(sent == request.len(), "{sent} bytes of {}", request.len());
        Ok(())
    }

    fn answer(&mut self, length: usize) -> Result<Vec<u8>> {
        let mut reply = vec![0; length + 1];
        let length = in_time(self.recv(&mut reply))?;
        reply.truncate(length);
        Ok(reply)
    }

    fn rest(&mut self) -> Result<usize> {
        self.set_nonblocking(true)?;
        let rest = waiting(self.recv(&mut [0; LONGEST]));
        self.set_nonblocking(false)?;
        rest
    }
}

impl EchoClient for TcpStream {
    fn ask(&mut self, request: &[u8]) -> Result<()> {
        Ok(self.write_all(request)?)
    }

    fn answer(&mut self, length: usize) -> Result<Vec<u8>> {
        let mut reply = vec![0; length];
        in_time(self.read_exact(&mut reply))?;
        Ok(reply)
    }

    fn rest(&mut self) -> Result<usize> {
        self.set_nonblocking(true)?;
        let rest = waiting(self.read(&mut [0; LONGEST]));
        self.set_nonblocking(false)?;
        rest
    }
}

fn in_time<T>(received: std::io::Result<T>) -> Result<T> {
    match received {
        Err(err) if err.kind() == ErrorKind::WouldBlock => bail!("lost: not there {LOST:?} later"),
        received => Ok(received?),
    }
}

fn waiting(received: std::io::Result<usize>) -> Result<usize> {
    match received {
        Err(err) if err.kind() == ErrorKind::WouldBlock => Ok(0),
        received => Ok(received?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Answers with what `reply` makes of each request.
    struct FakeEcho<F> {
        reply: F,
        request: Vec<u8>,
        rest: usize,
    }

    impl<F: Fn(&[u8]) -> Vec<u8>> EchoClient for FakeEcho<F> {
        fn ask(&mut self, request: &[u8]) -> Result<()> {
            self.request = request.to_vec();
            Ok(())
        }

        fn answer(&mut self, _: usize) -> Result<Vec<u8>> {
            Ok((self.reply)(&self.request))
        }

        fn rest(&mut self) -> Result<usize> {
            Ok(self.rest)
        }
    }

    fn outcome(rest: usize, reply: impl Fn(&[u8]) -> Vec<u8>) -> Result<Trips> {
        let mut mirror = FakeEcho {
            reply,
            request: Vec::new(),
            rest,
        };
        trips(&mut mirror, |done| done < 50)
    }

    #[test]
    fn every_reply_is_the_request_and_the_only_one() {
        assert_eq!(outcome(0, <[u8]>::to_vec).unwrap().count, 50);
        let err = outcome(0, |_| vec![1, 2]).unwrap_err().to_string();
        assert!(err.contains("request 0 of 1 bytes"), "{err}");
        let err = outcome(7, <[u8]>::to_vec).unwrap_err().to_string();
        assert!(err.contains("7 bytes came that nobody asked for"), "{err}");
    }

    #[test]
    fn sockets_tell_what_is_lost_and_what_is_too_much() {
        let here = (Ipv4Addr::LOCALHOST, 0);
        let far_end = UdpSocket::bind(here).unwrap();
        let mut ours = UdpSocket::bind(here).unwrap();
        ours.connect(far_end.local_addr().unwrap()).unwrap();
        ours.set_read_timeout(Some(Duration::from_millis(10)))
            .unwrap();
        ours.ask(b"one").unwrap();
        assert_eq!(ours.rest().unwrap(), 0);
        let err = ours.answer(3).unwrap_err().to_string();
        assert!(err.contains("lost"), "{err}");
        far_end.send_to(b"two", ours.local_addr().unwrap()).unwrap();
        assert_eq!(ours.rest().unwrap(), 3);
    }
}
