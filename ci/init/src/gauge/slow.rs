// SPDX-License-Identifier: GPL-2.0
//! A handler that takes a millisecond, without a change to the kernel: every packet that the card
//! receives is shown to packet sockets, each with the longest filter that there may be, and that
//! happens in the softirq of the card's interrupt. The filters want no packet.

use std::mem::size_of_val;
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use guest_init::Load;
use nix::errno::Errno;
use nix::libc::{self, sock_filter, sock_fprog};
use nix::sys::socket::{AddressFamily, SockFlag, SockProtocol, SockType, socket};

use super::load::Loads;

/// Somewhat more, so that a millisecond it is.
const WANTED: Duration = Duration::from_micros(1200);
/// To see what one takes.
const TRIED: usize = 16;
/// Descriptors end at 1024.
const MOST: usize = 900;
/// The kernel takes no longer filter.
const LONGEST: usize = 4096;
const TRIPS: u64 = 31;

/// A = A + 1
const ADD_ONE: sock_filter = instruction(libc::BPF_ALU | libc::BPF_ADD | libc::BPF_K, 1);
/// No byte of the packet.
const NOTHING: sock_filter = instruction(libc::BPF_RET | libc::BPF_K, 0);

const fn instruction(code: u32, k: u32) -> sock_filter {
    sock_filter {
        code: code as u16,
        jt: 0,
        jf: 0,
        k,
    }
}

/// Handlers are slow for as long as this is kept.
pub struct Slow {
    _sockets: Vec<OwnedFd>,
}

impl Slow {
    pub fn open(filters: usize) -> Result<Slow> {
        let mut program = vec![ADD_ONE; LONGEST - 1];
        program.push(NOTHING);
        let sockets: Result<_> = (0..filters).map(|_| filter(&mut program)).collect();
        Ok(Slow {
            _sockets: sockets.context("making a packet socket with a filter")?,
        })
    }
}

/// A socket for packets that are received: those that are sent would make the sender slow.
fn filter(program: &mut [sock_filter]) -> Result<OwnedFd> {
    let socket = socket(
        AddressFamily::Packet,
        SockType::Datagram,
        SockFlag::SOCK_CLOEXEC,
        SockProtocol::EthIp,
    )?;
    let program = sock_fprog {
        len: program.len() as u16,
        filter: program.as_mut_ptr(),
    };
    // SAFETY: both the option's struct and the program that it points to outlive the call, and
    // the kernel writes to neither.
    let ret = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_ATTACH_FILTER,
            (&raw const program).cast(),
            size_of_val(&program) as libc::socklen_t,
        )
    };
    Errno::result(ret)?;
    Ok(socket)
}

/// How many filters make a handler slow enough here, told by the time of round trips.
pub fn calibrate(loads: &Loads) -> Result<usize> {
    let without = round_trip(loads)?;
    let slow = Slow::open(TRIED)?;
    let with = round_trip(loads)?;
    drop(slow);
    let each = with.saturating_sub(without) / TRIED as u32;
    ensure!(
        !each.is_zero(),
        "{TRIED} filters make no round trip longer: {without:?} without, {with:?} with"
    );
    Ok(filters(each))
}

fn filters(each: Duration) -> usize {
    let wanted = WANTED.as_nanos().div_ceil(each.as_nanos());
    (wanted as usize).clamp(1, MOST)
}

/// The median.
fn round_trip(loads: &Loads) -> Result<Duration> {
    let mut trips = (0..TRIPS)
        .map(|_| {
            let start = Instant::now();
            loads.run(Load::Net, |done| done < 1)?;
            Ok(start.elapsed())
        })
        .collect::<Result<Vec<_>>>()?;
    trips.sort();
    Ok(trips[trips.len() / 2])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_filters_as_a_millisecond_takes() {
        assert_eq!(filters(Duration::from_micros(150)), 8);
        assert_eq!(filters(Duration::from_micros(151)), 8);
        assert_eq!(filters(Duration::from_micros(5000)), 1);
        assert_eq!(filters(Duration::from_nanos(1)), MOST);
    }
}
