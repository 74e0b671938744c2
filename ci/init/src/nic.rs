// SPDX-License-Identifier: GPL-2.0
//! The virtio network card as the guest's kernel shows it: its device, its interrupts, its packets.

use std::net::{Ipv4Addr, UdpSocket};
use std::os::fd::AsRawFd;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use guest_protocol::net::GUEST;
use nix::libc::{self, __c_anonymous_ifr_ifru, IFNAMSIZ, c_char, ifreq};

use crate::cpus;
use crate::interrupts::Interrupt;
use crate::procfs;
use crate::virtio::Virtio;

const CLASS: &str = "/sys/class/net";
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
    /// Finds the network card. Fails unless there is exactly one.
    pub fn find() -> Result<Nic> {
        let mut cards = Vec::new();
        for name in procfs::names(CLASS)? {
            // A card without a bus, above all the loopback, has no such link.
            if let Ok(device) = procfs::link(format!("{CLASS}/{name}/device")) {
                let virtio = Virtio { name: device };
                cards.push(Nic { name, virtio });
            }
        }
        ensure!(cards.len() == 1, "{} network cards, not one", cards.len());
        Ok(cards.remove(0))
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

    /// Number of interrupts of the receive queues since boot.
    pub fn rx_interrupts(&self) -> Result<u64> {
        self.interrupts("input")
    }

    /// Number of interrupts of the send queues since boot.
    pub fn tx_interrupts(&self) -> Result<u64> {
        self.interrupts("output")
    }

    fn interrupts(&self, way: &str) -> Result<u64> {
        Ok(self.lines(way)?.iter().map(|line| line.count).sum())
    }

    fn lines(&self, way: &str) -> Result<Vec<Interrupt>> {
        let is_way = |line: &Interrupt| {
            let queue = line.queue.as_deref().unwrap_or_default();
            queue.split_once('.').is_some_and(|(name, _)| name == way)
        };
        let mut lines = self.virtio.lines()?;
        lines.retain(is_way);
        ensure!(
            !lines.is_empty(),
            "{}: /proc/interrupts has no line {}-{way}.*",
            self.name,
            self.virtio.name
        );
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

    /// Number of packets sent since boot.
    pub fn sent(&self) -> Result<u64> {
        self.count("tx_packets")
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
/// which [`busy_polled`] shows.
pub fn busy_poll(us: u64) -> Result<()> {
    let mut there = BUSY_POLLING.iter().filter(|path| Path::new(path).exists());
    there.try_for_each(|path| procfs::set(path, us))
}

/// Number of packets that busy polling has found since boot.
pub fn busy_polled() -> Result<u64> {
    procfs::netstat(&procfs::read("/proc/net/netstat")?, "BusyPollRxPackets")
        .context("/proc/net/netstat has no BusyPollRxPackets")
}
