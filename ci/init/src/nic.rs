// SPDX-License-Identifier: GPL-2.0
//! The virtio network card as the guest's kernel shows it: its device, its interrupts, its packets.

use std::fs;
use std::net::Ipv4Addr;

use anyhow::{Context, Result, ensure};

use crate::client;
use crate::procfs::{Irq, irqs, read};

const CLASS: &str = "/sys/class/net";

pub struct Nic {
    pub name: String,
    /// virtioN
    pub device: String,
}

impl Nic {
    /// The one card that there is.
    pub fn find() -> Result<Nic> {
        let mut cards = Vec::new();
        for entry in fs::read_dir(CLASS).with_context(|| format!("listing {CLASS}"))? {
            let entry = entry?;
            // What no bus has, the loopback above all, has no such link.
            if let Ok(target) = fs::read_link(entry.path().join("device")) {
                let device = target.file_name().context("a device without a name")?;
                cards.push(Nic {
                    name: entry.file_name().to_string_lossy().into_owned(),
                    device: device.to_string_lossy().into_owned(),
                });
            }
        }
        ensure!(cards.len() == 1, "{} network cards, not one", cards.len());
        Ok(cards.remove(0))
    }

    /// Gives it its address. There is no route but to its own network.
    pub fn bring_up(&self, address: Ipv4Addr, prefix: u8) -> Result<()> {
        let name = &self.name;
        client::run("ip", &format!("address add {address}/{prefix} dev {name}"))?;
        client::run("ip", &format!("link set {name} up"))?;
        Ok(())
    }

    /// Interrupts of the receiving queues since boot.
    pub fn rx_interrupts(&self) -> Result<u64> {
        self.interrupts("input")
    }

    /// Interrupts of the sending queues since boot.
    pub fn tx_interrupts(&self) -> Result<u64> {
        self.interrupts("output")
    }

    fn interrupts(&self, way: &str) -> Result<u64> {
        Ok(self.irqs(way)?.iter().map(|irq| irq.count).sum())
    }

    fn irqs(&self, way: &str) -> Result<Vec<Irq>> {
        let prefix = format!("{}-{way}.", self.device);
        let irqs = irqs(&read("/proc/interrupts")?, &prefix);
        ensure!(
            !irqs.is_empty(),
            "{}: /proc/interrupts has no line {prefix}*",
            self.name
        );
        Ok(irqs)
    }

    /// Both directions' interrupts go to one processor from now on.
    pub fn interrupt_on(&self, cpu: usize) -> Result<()> {
        for way in ["input", "output"] {
            for irq in self.irqs(way)? {
                let path = format!("/proc/irq/{}/smp_affinity_list", irq.number);
                fs::write(&path, cpu.to_string())
                    .with_context(|| format!("writing {cpu} to {path}"))?;
            }
        }
        Ok(())
    }

    /// Packets received since boot.
    pub fn received(&self) -> Result<u64> {
        self.count("rx_packets")
    }

    /// Packets sent since boot.
    pub fn sent(&self) -> Result<u64> {
        self.count("tx_packets")
    }

    fn count(&self, of: &str) -> Result<u64> {
        let path = self.path(&format!("statistics/{of}"));
        let text = read(&path)?;
        text.parse()
            .with_context(|| format!("{path} says '{text}'"))
    }

    /// Writes one of its settings in sysfs, and sees that it took.
    pub fn set(&self, setting: &str, wanted: u64) -> Result<()> {
        let path = self.path(setting);
        let wanted = wanted.to_string();
        fs::write(&path, &wanted).with_context(|| format!("writing {wanted} to {path}"))?;
        let got = read(&path)?;
        ensure!(got == wanted, "wrote {wanted} to {path}, it reads {got}");
        Ok(())
    }

    fn path(&self, file: &str) -> String {
        format!("{CLASS}/{}/{file}", self.name)
    }
}
