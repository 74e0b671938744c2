// SPDX-License-Identifier: GPL-2.0
//! A socket of AF_XDP whose memory the card's receive queue uses itself (linux/if_xdp.h). The driver
//! resets the queue to give it that memory, and once more to take it away.

use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::ptr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use nix::errno::Errno;
use nix::libc::{self, c_int, c_void};

use crate::nic::Nic;
use crate::port::Untried;
use crate::soon::{soon, within};

const TIMES: u32 = 5;
/// Packets that are to come by that memory each time.
const PACKETS: u64 = 20;
const THEY_COME: Duration = Duration::from_secs(10);
/// As many as the queue has entries, and some.
const FRAMES: u32 = 512;
const FRAME_BYTES: u32 = 4096;

/// Several times, and packets are received each time.
pub fn bind_and_close(card: &Nic) -> Result<String> {
    for _ in 0..TIMES {
        let socket = Socket::bound(card, libc::XDP_ZEROCOPY)?;
        let options: libc::xdp_options = get(&socket.fd, libc::XDP_OPTIONS)?;
        let direct = options.flags & libc::XDP_OPTIONS_ZEROCOPY != 0;
        ensure!(direct, "the socket is bound, and copies");
        let before = card.received()?;
        within(THEY_COME, || {
            let came = card.received()? - before;
            ensure!(came >= PACKETS, "{came} packets came");
            Ok(())
        })?;
    }
    // The queue has its own memory again before it takes a socket that copies.
    Socket::bound(card, libc::XDP_COPY)?;
    Ok(format!("{TIMES} times"))
}

struct Socket {
    fd: OwnedFd,
    _frames: Mapping,
    /// By which the kernel gets the frames.
    fill: Mapping,
}

impl Socket {
    /// To the card's first queue, once that is free.
    fn bound(card: &Nic, how: u16) -> Result<Socket> {
        let socket = Socket::open()?;
        let address = libc::sockaddr_xdp {
            sxdp_family: libc::AF_XDP as u16,
            sxdp_flags: how,
            sxdp_ifindex: card.index()?,
            sxdp_queue_id: 0,
            sxdp_shared_umem_fd: 0,
        };
        // The kernel unbinds a socket some time after it was closed.
        let bound = soon(|| match socket.bind(&address) {
            Err(Errno::EBUSY) => bail!("{}: the queue is not free", card.name),
            done => Ok(done),
        })?;
        match bound {
            Err(Errno::EOPNOTSUPP) => {
                let why = "this kernel's driver gives no queue to AF_XDP without copies";
                Err(Untried(why.into()).into())
            }
            done => done
                .map(|()| socket)
                .with_context(|| format!("binding to {}", card.name)),
        }
    }

    /// With all frames handed over.
    fn open() -> Result<Socket> {
        // SAFETY: it takes no pointers.
        let fd = unsafe { libc::socket(libc::AF_XDP, libc::SOCK_RAW | libc::SOCK_CLOEXEC, 0) };
        let fd = match Errno::result(fd) {
            Err(Errno::EAFNOSUPPORT) => {
                return Err(Untried("this kernel has no AF_XDP".into()).into());
            }
            fd => fd?,
        };
        // SAFETY: it was just made, and nobody else has it.
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
            // SAFETY: the ring has that many entries, and the kernel reads none beyond `producer`.
            unsafe {
                let entry = self.fill.at.byte_add(first).cast::<u64>();
                entry.add(frame as usize).write(address);
            }
        }
        // SAFETY: it is in the mapping, and aligned. The kernel's load acquires.
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
    Errno::result(ret).with_context(|| format!("asking for option {option} of AF_XDP"))?;
    // SAFETY: any bytes make one, and they were zeros before.
    Ok(unsafe { value.assume_init() })
}

struct Mapping {
    at: *mut c_void,
    size: usize,
}

impl Mapping {
    /// New memory, or what a file has at an offset.
    fn new(size: usize, of: Option<(&OwnedFd, libc::off_t)>) -> Result<Mapping> {
        let (flags, fd, offset) = match of {
            Some((fd, offset)) => (libc::MAP_SHARED, fd.as_raw_fd(), offset),
            None => (libc::MAP_PRIVATE | libc::MAP_ANONYMOUS, -1, 0),
        };
        let access = libc::PROT_READ | libc::PROT_WRITE;
        let flags = flags | libc::MAP_POPULATE;
        // SAFETY: a new mapping, wherever the kernel likes.
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
        // SAFETY: nobody has a pointer into it any more.
        unsafe { libc::munmap(self.at, self.size) };
    }
}
