// SPDX-License-Identifier: GPL-2.0
//! Makes an interrupt handler take a millisecond without a change to the kernel. Each packet that
//! the card receives is passed to many packet sockets, each with the longest possible filter. The
//! filters run in the softirq of the card's interrupt and accept no packet.

use std::mem::size_of_val;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixDatagram;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use nix::errno::Errno;
use nix::libc::{self, sock_filter, sock_fprog};
use nix::sys::socket::{AddressFamily, SockFlag, SockProtocol, SockType, socket};

/// Time that all filters together should take: somewhat more than a millisecond, so that a handler
/// takes at least one.
const WANTED: Duration = Duration::from_micros(1200);
/// Upper limit of the number of sockets: a process has at most 1024 descriptors.
const MOST: usize = 900;
/// Length of the longest filter that the kernel accepts, in instructions.
const LONGEST: usize = 4096;
/// Number of measurements of one filter.
const TIMED: usize = 101;

/// A = A + 1
const ADD_ONE: sock_filter = instruction(libc::BPF_ALU | libc::BPF_ADD | libc::BPF_K, 1);
/// Return 0: accept no byte of the packet.
const NOTHING: sock_filter = instruction(libc::BPF_RET | libc::BPF_K, 0);

const fn instruction(code: u32, k: u32) -> sock_filter {
    sock_filter {
        code: code as u16,
        jt: 0,
        jf: 0,
        k,
    }
}

/// Makes handlers slow until these sockets are closed.
pub fn open(filters: usize) -> Result<Vec<OwnedFd>> {
    let sockets: Result<_> = (0..filters).map(|_| packet_socket()).collect();
    sockets.context("making a packet socket with a filter")
}

/// Opens a socket for received packets. If sent packets passed the filter too, the sender would be
/// slow.
fn packet_socket() -> Result<OwnedFd> {
    let socket = socket(
        AddressFamily::Packet,
        SockType::Datagram,
        SockFlag::SOCK_CLOEXEC,
        SockProtocol::EthIp,
    )?;
    attach(socket.as_fd())?;
    Ok(socket)
}

/// Attaches a filter of the maximum length to a socket.
fn attach(socket: BorrowedFd) -> Result<()> {
    let mut filter = vec![ADD_ONE; LONGEST - 1];
    filter.push(NOTHING);
    let program = sock_fprog {
        len: filter.len() as u16,
        filter: filter.as_mut_ptr(),
    };
    // SAFETY: the option's struct and the filter that it points to outlive the call, and the kernel
    // writes to neither.
    let ret = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_ATTACH_FILTER,
            (&raw const program).cast(),
            size_of_val(&program) as libc::socklen_t,
        )
    };
    Errno::result(ret).context("attaching a filter")?;
    Ok(())
}

/// Returns the number of filters that make a handler slow enough on this machine. The time of one
/// filter is measured with sockets of another kind: there the filter runs while a datagram is sent.
pub fn calibrate() -> Result<usize> {
    let (ours, theirs) = UnixDatagram::pair().context("making a pair of sockets")?;
    let send = || -> Result<Duration> {
        let start = Instant::now();
        ours.send(&[0]).context("sending to a filter")?;
        Ok(start.elapsed())
    };
    attach(theirs.as_fd())?;
    let mut times = (0..TIMED).map(|_| send()).collect::<Result<Vec<_>>>()?;
    // Take the median, because the host may be busy with other work.
    times.sort();
    let each = times[TIMED / 2];
    ensure!(
        !each.is_zero(),
        "a filter of {LONGEST} instructions took no measurable time"
    );
    let wanted = WANTED.as_nanos().div_ceil(each.as_nanos());
    Ok((wanted as usize).clamp(1, MOST))
}
