// SPDX-License-Identifier: GPL-2.0
//! The virtio network card as the guest's kernel shows it: its device, its interrupts, its packets.

use std::net::{Ipv4Addr, UdpSocket};
use std::os::fd::AsRawFd;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use guest_protocol::Device;
use guest_protocol::net::GUEST;
use nix::libc::{self, __c_anonymous_ifr_ifru, IFNAMSIZ, c_char, ifreq};

use crate::cpus;
use crate::interrupts::{self, Interrupt};
use crate::procfs;
use crate::soon::soon;
use crate::virtio::Virtio;

const CLASS: &str = "/sys/class/net";
const NETSTAT: &str = "/proc/net/netstat";
const BUSY_POLLED: &str = "BusyPollRxPackets";
/// The settings for reads of a socket, and for poll() and similar calls.
const BUSY_POLLING: [&str; 2] = [
    "/proc/sys/net/core/busy_read",
    "/proc/sys/net/core/busy_poll",
];

/// The argument of an ioctl on a card.
pub fn request(card: &str, about: __c_anonymous_ifr_ifru) -> ifreq {
    let mut name = [0; IFNAMSIZ];
    // The last byte stays 0.
    for (to, from) in name[..IFNAMSIZ - 1].iter_mut().zip(card.bytes()) {
        *to = from as c_char;
    }
    ifreq {
        ifr_name: name,
        ifr_ifru: about,
    }
}

mod ioctl {
    use nix::libc::{SIOCSIFADDR, ifreq};
    nix::ioctl_write_ptr_bad!(set_address, SIOCSIFADDR, ifreq);
}

pub struct Nic {
    pub name: String,
    pub virtio: Virtio,
}

impl Nic {
    pub fn find() -> Result<Nic> {
        Nic::of(Virtio::find(Device::Net)?)
    }

    pub fn of(virtio: Virtio) -> Result<Nic> {
        let name = soon(|| virtio.child("net", ""))?;
        Ok(Nic { name, virtio })
    }

    /// The number by which the kernel knows the card.
    pub fn index(&self) -> Result<u32> {
        procfs::value(self.path("ifindex"))
    }

    /// Gives the card its address and switches it on.
    pub fn bring_up(&self) -> Result<()> {
        let card = &self.name;
        let mut ifru_addr = libc::sockaddr {
            sa_family: libc::AF_INET as libc::sa_family_t,
            sa_data: [0; 14],
        };
        // The address follows a port of two bytes.
        for (to, from) in ifru_addr.sa_data[2..].iter_mut().zip(GUEST.octets()) {
            *to = from as c_char;
        }
        let request = request(card, __c_anonymous_ifr_ifru { ifru_addr });
        let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).context("making a socket")?;
        // SAFETY: the request is a whole ifreq and outlives the call.
        unsafe { ioctl::set_address(socket.as_raw_fd(), &request) }
            .with_context(|| format!("giving {card} an address"))?;

        let _stay = cpus::all_stay();
        let path = format!("{CLASS}/{card}/flags");
        let flags = procfs::bits(&path)? | libc::IFF_UP as u32;
        procfs::write(&path, format_args!("{flags:#x}"))
    }

    /// The counts since boot.
    pub fn counts(&self) -> Result<CardCounts> {
        Ok(CardCounts {
            rx: Flow {
                interrupts: self.interrupts("input")?,
                packets: self.received()?,
            },
            tx: Flow {
                interrupts: self.interrupts("output")?,
                packets: self.count("tx_packets")?,
            },
            busy_polled: procfs::netstat(&procfs::read(NETSTAT)?, BUSY_POLLED)
                .with_context(|| format!("{NETSTAT} has no {BUSY_POLLED}"))?,
        })
    }

    /// Number of interrupts of the queues of one direction since boot: `input` or `output`.
    pub fn interrupts(&self, way: &str) -> Result<u64> {
        Ok(self.lines(way)?.iter().map(|line| line.count).sum())
    }

    fn lines(&self, way: &str) -> Result<Vec<Interrupt>> {
        let is_way = |line: &Interrupt| {
            let queue = line.queue.as_deref().unwrap_or_default();
            queue.split_once('.').is_some_and(|(name, _)| name == way)
        };
        let mut lines = self.virtio.lines()?;
        lines.retain(is_way);
        let (path, device) = (interrupts::PATH, &self.virtio.name);
        ensure!(!lines.is_empty(), "{path} has no line {device}-{way}.*");
        Ok(lines)
    }

    /// Moves the interrupts of both directions to one CPU.
    pub fn interrupt_on(&self, cpu: usize) -> Result<()> {
        for way in ["input", "output"] {
            for line in self.lines(way)? {
                procfs::write(format!("/proc/irq/{}/smp_affinity_list", line.irq), cpu)?;
            }
        }
        Ok(())
    }

    /// Number of packets received since boot.
    pub fn received(&self) -> Result<u64> {
        self.count("rx_packets")
    }

    fn count(&self, of: &str) -> Result<u64> {
        procfs::value(self.path(&format!("statistics/{of}")))
    }

    /// Writes one of the card's settings in sysfs, and checks that it reads back.
    pub fn set(&self, setting: &str, wanted: u64) -> Result<()> {
        procfs::set(self.path(setting), wanted)
    }

    fn path(&self, file: &str) -> String {
        format!("{CLASS}/{}/{file}", self.name)
    }
}

/// Sets how long a task polls that reads a socket or waits for several, in us; 0 switches this off.
/// The setting holds for sockets that are made from now on. A kernel without it polls no packet,
/// which [`CardCounts`] show.
pub fn busy_poll(us: u64) -> Result<()> {
    let mut there = BUSY_POLLING.iter().filter(|path| Path::new(path).exists());
    there.try_for_each(|path| procfs::set(path, us))
}

/// What the kernel counts for a card.
#[derive(Clone, Copy, Debug)]
pub struct CardCounts {
    pub rx: Flow,
    pub tx: Flow,
    /// Number of packets that busy polling found.
    pub busy_polled: u64,
}

/// The counts of one direction.
#[derive(Clone, Copy, Debug)]
pub struct Flow {
    pub interrupts: u64,
    pub packets: u64,
}

impl CardCounts {
    pub fn since(self, before: CardCounts) -> CardCounts {
        CardCounts {
            rx: self.rx.since(before.rx),
            tx: self.tx.since(before.tx),
            busy_polled: self.busy_polled - before.busy_polled,
        }
    }
}

impl Flow {
    fn since(self, before: Flow) -> Flow {
        Flow {
            interrupts: self.interrupts - before.interrupts,
            packets: self.packets - before.packets,
        }
    }

    /// Interrupts per packet.
    pub fn rate(self) -> f64 {
        self.interrupts as f64 / self.packets.max(1) as f64
    }
}
