// SPDX-License-Identifier: GPL-2.0
//! A virtio disk as sysfs shows it: its device, its interrupts, who takes them.

use std::fs;
use std::os::unix::fs::FileTypeExt;

use anyhow::{Context, Result, bail, ensure};

use crate::procfs::{self, irqs, read};

#[derive(Clone, Debug)]
pub struct Disk {
    pub name: String,
    /// virtioN
    pub device: String,
}

impl Disk {
    pub fn find(name: &str) -> Result<Disk> {
        let link = format!("/sys/block/{name}/device");
        let target = fs::read_link(&link).with_context(|| format!("following {link}"))?;
        let device = target
            .file_name()
            .with_context(|| format!("{link} leads nowhere"))?;
        Ok(Disk {
            name: name.to_owned(),
            device: device.to_string_lossy().into_owned(),
        })
    }

    pub fn path(&self) -> String {
        format!("/dev/{}", self.name)
    }

    /// That there is a node for it, which comes and goes with the driver.
    pub fn expect_node(&self) -> Result<()> {
        let path = self.path();
        let node = fs::metadata(&path).with_context(|| format!("looking for {path}"))?;
        ensure!(node.file_type().is_block_device(), "{path} is no disk");
        Ok(())
    }

    pub fn queue_polls(&self) -> Result<bool> {
        Ok(read(format!("/sys/block/{}/queue/io_poll", self.name))? == "1")
    }

    /// Reads and writes completed since boot.
    pub fn operations(&self) -> Result<u64> {
        let path = format!("/sys/block/{}/stat", self.name);
        let stat = read(&path)?;
        let columns: Vec<u64> = stat
            .split_whitespace()
            .map_while(|column| column.parse().ok())
            .collect();
        match columns[..] {
            [reads, _, _, _, writes, ..] => Ok(reads + writes),
            _ => bail!("{path} says '{stat}'"),
        }
    }

    /// Requests that the device has not completed yet.
    pub fn in_flight(&self) -> Result<u64> {
        let path = format!("/sys/block/{}/inflight", self.name);
        let counts = read(&path)?;
        let counts = counts.split_whitespace().map(str::parse);
        let counts: Result<Vec<u64>, _> = counts.collect();
        Ok(counts
            .with_context(|| format!("understanding {path}"))?
            .iter()
            .sum())
    }

    /// Interrupts of all request queues since boot.
    pub fn interrupts(&self) -> Result<u64> {
        Ok(self.irqs()?.iter().map(|irq| irq.count).sum())
    }

    /// The processors that take the request queues' interrupts, in the queues' order.
    pub fn irq_cpus(&self) -> Result<Vec<usize>> {
        let mut cpus = Vec::new();
        for irq in self.irqs()? {
            let path = format!("/proc/irq/{}/effective_affinity_list", irq.number);
            let list = read(&path)?;
            cpus.push(
                list.parse()
                    .with_context(|| format!("{path} says '{list}', not one processor"))?,
            );
        }
        Ok(cpus)
    }

    fn irqs(&self) -> Result<Vec<procfs::Irq>> {
        let prefix = format!("{}-req.", self.device);
        let irqs = irqs(&read("/proc/interrupts")?, &prefix);
        ensure!(
            !irqs.is_empty(),
            "{}: /proc/interrupts has no line {prefix}*",
            self.name
        );
        Ok(irqs)
    }
}
