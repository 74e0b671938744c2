// SPDX-License-Identifier: GPL-2.0
//! An AF_XDP socket whose memory the card's receive queue uses directly (linux/if_xdp.h). The
//! driver resets the queue to give it that memory, and resets it again to take the memory away.

use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::ptr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use nix::errno::Errno;
use nix::libc::{self, c_int, c_void};

use crate::nic::Nic;
use crate::port::untried;
use crate::soon::{soon, within};

const TIMES: u32 = 5;
/// Number of packets that must arrive through that memory each time.
const PACKETS: u64 = 20;
const THEY_COME: Duration = Duration::from_secs(10);
/// Number of frames: more than the queue has entries.
const FRAMES: u32 = 512;
const FRAME_BYTES: u32 = 4096;

/// Binds and closes a socket several times. Each time packets must arrive.
pub fn bind_and_close(card: &Nic) -> Result<String> {
    for _ in 0..TIMES {
        let socket = Socket::bound(card, libc::XDP_ZEROCOPY)?;
        let options: libc::xdp_options = get(&socket.fd, libc::XDP_OPTIONS)?;
        let direct = options.flags & libc::XDP_OPTIONS_ZEROCOPY != 0;
        ensure!(direct, "the socket was bound with copies");
        let before = card.received()?;
        within(THEY_COME, || {
            let came = card.received()? - before;
            ensure!(came >= PACKETS, "only {came} of {PACKETS} packets arrived");
            Ok(())
        })?;
    }
    // The queue takes a socket that copies only after it has its own memory again.
    Socket::bound(card, libc::XDP_COPY)?;
    Ok(format!("bound {TIMES} times"))
}

struct Socket {
    fd: OwnedFd,
    _frames: Mapping,
    /// The ring that hands the frames to the kernel.
    fill: Mapping,
}

impl Socket {
    /// Binds a socket to the card's first queue as soon as that is free.
    fn bound(card: &Nic, how: u16) -> Result<Socket> {
        let socket = Socket::open()?;
        let address = libc::sockaddr_xdp {
            sxdp_family: libc::AF_XDP as u16,
            sxdp_flags: how,
            sxdp_ifindex: card.index()?,
            sxdp_queue_id: 0,
            sxdp_shared_umem_fd: 0,
        };
        // The kernel unbinds a socket some time after the socket was closed.
        let bound = soon(|| match socket.bind(&address) {
            Err(Errno::EBUSY) => bail!("{}: the queue is busy", card.name),
            done => Ok(done),
        })?;
        match bound {
            Err(Errno::EOPNOTSUPP) => Err(untried(
                "this kernel's driver does not support AF_XDP without copies",
            )),
            done => done
                .map(|()| socket)
                .with_context(|| format!("binding to {}", card.name)),
        }
    }

    /// Opens a socket and hands all frames over to the kernel.
    fn open() -> Result<Socket> {
        // SAFETY: the call takes no pointers.
        let fd = unsafe { libc::socket(libc::AF_XDP, libc::SOCK_RAW | libc::SOCK_CLOEXEC, 0) };
        let fd = match Errno::result(fd) {
            Err(Errno::EAFNOSUPPORT) => {
                return Err(untried("this kernel has no AF_XDP"));
            }
            fd => fd?,
        };
        // SAFETY: the descriptor was just made, and nothing else owns it.
        let fd = unsafe { OwnedFd::from_raw_fd(fd) };
        let size = (FRAMES * FRAME_BYTES) as usize;
        let frames = Mapping::new(size, None)?;
        let memory = libc::xdp_umem_reg {
            addr: frames.at as u64,
            len: size as u64,
            chunk_size: FRAME_BYTES,
            headroom: 0,
            flags: 0,
            tx_metadata_len: 0,
        };
        set(&fd, libc::XDP_UMEM_REG, &memory)?;
        for ring in [
            libc::XDP_UMEM_FILL_RING,
            libc::XDP_UMEM_COMPLETION_RING,
            libc::XDP_RX_RING,
        ] {
            set(&fd, ring, &FRAMES)?;
        }
        let offsets: libc::xdp_mmap_offsets = get(&fd, libc::XDP_MMAP_OFFSETS)?;
        let (first, producer) = (offsets.fr.desc as usize, offsets.fr.producer as usize);
        let fill = Mapping::new(
            first + FRAMES as usize * size_of::<u64>(),
            Some((&fd, libc::XDP_UMEM_PGOFF_FILL_RING as libc::off_t)),
        )?;
        let socket = Socket {
            fd,
            _frames: frames,
            fill,
        };
        socket.hand_over(first, producer);
        Ok(socket)
    }

    fn hand_over(&self, first: usize, producer: usize) {
        for frame in 0..FRAMES {
            let address = u64::from(frame * FRAME_BYTES);
            // SAFETY: the ring has this many entries, and the kernel reads none beyond `producer`.
            unsafe {
                let entry = self.fill.at.byte_add(first).cast::<u64>();
                entry.add(frame as usize).write(address);
            }
        }
        // SAFETY: the index is in the mapping, and aligned. The kernel reads it with acquire
        // semantics.
        let producer = unsafe { &*self.fill.at.byte_add(producer).cast::<AtomicU32>() };
        producer.store(FRAMES, Ordering::Release);
    }

    fn bind(&self, address: &libc::sockaddr_xdp) -> nix::Result<()> {
        let length = size_of_val(address) as libc::socklen_t;
        let address = ptr::from_ref(address).cast();
        // SAFETY: the address has this length.
        let ret = unsafe { libc::bind(self.fd.as_raw_fd(), address, length) };
        Errno::result(ret).map(drop)
    }
}

fn set<T>(fd: &OwnedFd, option: c_int, value: &T) -> Result<()> {
    let length = size_of::<T>() as libc::socklen_t;
    let value = ptr::from_ref(value).cast();
    // SAFETY: the value has this length.
    let ret = unsafe { libc::setsockopt(fd.as_raw_fd(), libc::SOL_XDP, option, value, length) };
    Errno::result(ret).with_context(|| format!("setting option {option} of AF_XDP"))?;
    Ok(())
}

/// `T` must be one of the plain structs of linux/if_xdp.h.
fn get<T: Copy>(fd: &OwnedFd, option: c_int) -> Result<T> {
    let mut value = MaybeUninit::<T>::zeroed();
    let mut length = size_of::<T>() as libc::socklen_t;
    let to = value.as_mut_ptr().cast();
    // SAFETY: the value has this length.
    let ret = unsafe { libc::getsockopt(fd.as_raw_fd(), libc::SOL_XDP, option, to, &mut length) };
    Errno::result(ret).with_context(|| format!("reading option {option} of AF_XDP"))?;
    // SAFETY: any bytes are a valid `T`, and they were zeros before.
    Ok(unsafe { value.assume_init() })
}

struct Mapping {
    at: *mut c_void,
    size: usize,
}

impl Mapping {
    /// Maps new memory, or a file from an offset on.
    fn new(size: usize, of: Option<(&OwnedFd, libc::off_t)>) -> Result<Mapping> {
        let (flags, fd, offset) = match of {
            Some((fd, offset)) => (libc::MAP_SHARED, fd.as_raw_fd(), offset),
            None => (libc::MAP_PRIVATE | libc::MAP_ANONYMOUS, -1, 0),
        };
        let access = libc::PROT_READ | libc::PROT_WRITE;
        let flags = flags | libc::MAP_POPULATE;
        // SAFETY: this is a new mapping, at an address that the kernel chooses.
        let at = unsafe { libc::mmap(ptr::null_mut(), size, access, flags, fd, offset) };
        ensure!(
            at != libc::MAP_FAILED,
            "mapping {size} bytes: {}",
            Errno::last()
        );
        Ok(Mapping { at, size })
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: nothing points into the mapping any more.
        unsafe { libc::munmap(self.at, self.size) };
    }
}
