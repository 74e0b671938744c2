// SPDX-License-Identifier: GPL-2.0
//! `echo`: a UDP server that echoes datagrams. It is the far end of a guest's network, and is
//! started inside that network.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, UdpSocket};
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, Result};

use toolbox::run;

/// Timeout of one receive call. The loop checks for ^C at least this often.
const TICK: Duration = Duration::from_millis(200);
/// Size of the receive buffer, in bytes. No datagram is longer.
const DATAGRAM: usize = 1 << 16;

/// Send each UDP datagram back to its sender
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Address to listen on
    address: Ipv4Addr,
    #[arg(long)]
    udp: u16,
    /// Delay successive replies by 0, 1, 2 and 3 times this many microseconds, then by 0 again
    #[arg(long, value_name = "US", default_value_t = 0)]
    later: u64,
}

pub fn main(args: Args) -> Result<()> {
    let own = (args.address, args.udp);
    let socket =
        UdpSocket::bind(own).with_context(|| format!("binding to UDP port {}:{}", own.0, own.1))?;
    datagrams(&socket, Duration::from_micros(args.later))
}

fn datagrams(socket: &UdpSocket, later: Duration) -> Result<()> {
    let mut turns = (0..4).cycle();
    socket.set_read_timeout(Some(TICK))?;
    let mut bytes = [0; DATAGRAM];
    loop {
        run::check_interrupt()?;
        match socket.recv_from(&mut bytes) {
            Ok((length, from)) => {
                sleep(later * turns.next().unwrap_or_default());
                // The sender notices that its reply is missing, and reports it.
                if let Err(err) = socket.send_to(&bytes[..length], from) {
                    eprintln!("sending a reply to {from}: {err}");
                }
            }
            Err(err) if is_pause(&err) => {}
            Err(err) => return Err(err).context("waiting for a datagram"),
        }
    }
}

fn is_pause(err: &io::Error) -> bool {
    matches!(
        err.kind(),
        ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted
    )
}

/// Echoes a stream until its other end closes it.
pub fn stream(mut stream: impl Read + Write) -> io::Result<()> {
    let mut bytes = [0; 4096];
    loop {
        match stream.read(&mut bytes)? {
            0 => return Ok(()),
            length => stream.write_all(&bytes[..length])?,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Shutdown;
    use std::os::unix::net::UnixStream;
    use std::thread;

    #[test]
    fn what_comes_goes_back_until_it_ends() {
        let (mut ours, theirs) = UnixStream::pair().unwrap();
        let far_end = thread::spawn(|| stream(theirs));
        ours.write_all(b"one two").unwrap();
        ours.shutdown(Shutdown::Write).unwrap();
        let mut back = String::new();
        ours.read_to_string(&mut back).unwrap();
        assert_eq!(back, "one two");
        far_end.join().unwrap().unwrap();
    }

    #[test]
    fn a_datagram_goes_back_to_whom_it_came_from() {
        let here = (Ipv4Addr::LOCALHOST, 0);
        let far_end = UdpSocket::bind(here).unwrap();
        let ours = UdpSocket::bind(here).unwrap();
        ours.connect(far_end.local_addr().unwrap()).unwrap();
        // The thread runs until the test program ends.
        thread::spawn(move || datagrams(&far_end, Duration::ZERO));
        ours.set_read_timeout(Some(Duration::from_secs(10)))
            .unwrap();
        ours.send(b"one two").unwrap();
        let mut back = [0; 8];
        let length = ours.recv(&mut back).unwrap();
        assert_eq!(&back[..length], b"one two");
    }
}
