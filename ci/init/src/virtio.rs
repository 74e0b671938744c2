// SPDX-License-Identifier: GPL-2.0
//! A virtio device as sysfs, /proc/interrupts and the list of poll sources show it.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use guest_protocol::{Device, Layout, Vectors};

use crate::cpus::{self, while_none_idles};
use crate::interrupts::{self, Interrupt};
use crate::modules;
use crate::procfs::{self, read};
use crate::sources::{self, Source};

const DEVICES: &str = "/sys/bus/virtio/devices";
const DRIVERS: &str = "/sys/bus/virtio/drivers";

/// Positions of feature bits in the string that sysfs shows (include/uapi/linux/virtio_config.h).
const EVENT_IDX: usize = 29;
const RING_PACKED: usize = 34;
const IN_ORDER: usize = 35;

/// Bit of the device's status (include/uapi/linux/virtio_config.h): the driver has finished its
/// set-up.
const DRIVER_OK: u32 = 4;

/// The status texts of a device that is not polled.
pub mod status {
    pub const OFF: &str = "off";
    pub const THREADS: &str = "interrupt handlers are threads";
    pub const NO_INTERRUPT: &str = "no queue has an interrupt";
}

/// The device's ID, from include/uapi/linux/virtio_ids.h.
fn id(device: Device) -> &'static str {
    match device {
        Device::Net => "0x0001",
        Device::Blk => "0x0002",
        Device::Console => "0x0003",
        Device::Rng => "0x0004",
        Device::Balloon => "0x0005",
        Device::Scsi => "0x0008",
        Device::P9 => "0x0009",
        Device::Input => "0x0012",
        Device::Vsock => "0x0013",
        Device::Crypto => "0x0014",
    }
}

#[derive(Clone, Debug)]
pub struct Virtio {
    /// virtioN
    pub name: String,
}

impl Virtio {
    /// Finds the only device of this kind that has a driver.
    pub fn find(device: Device) -> Result<Virtio> {
        let found = all()?.into_iter().find(|virtio| {
            let kind = read(virtio.path().join("device"));
            kind.is_ok_and(|kind| kind == id(device)) && virtio.driver().is_ok()
        });
        found.with_context(|| format!("no {device} device with a driver in {DEVICES}"))
    }

    /// Finds any other device.
    pub fn other(&self) -> Result<Virtio> {
        let other = all()?.into_iter().find(|other| other.name != self.name);
        other.with_context(|| format!("{} is the only device in {DEVICES}", self.name))
    }

    pub fn path(&self) -> PathBuf {
        Path::new(DEVICES).join(&self.name)
    }

    pub fn is_there(&self) -> bool {
        self.path().exists()
    }

    /// The sorted names in one of the device's folders, for example `net`.
    pub fn children(&self, folder: &str) -> Result<Vec<String>> {
        procfs::names(self.path().join(folder))
    }

    /// The first name that begins with `prefix`.
    pub fn child(&self, folder: &str, prefix: &str) -> Result<String> {
        let children = self.children(folder)?.into_iter();
        let child = children.into_iter().find(|name| name.starts_with(prefix));
        child.with_context(|| format!("{} has no {folder}/{prefix}*", self.name))
    }

    pub fn driver(&self) -> Result<String> {
        procfs::link(self.path().join("driver"))
    }

    /// The module of the device's driver.
    pub fn module(&self) -> Result<String> {
        procfs::link(self.path().join("driver/module"))
    }

    /// Writes the device's name to a file of the driver, `bind` or `unbind`.
    pub fn tell_driver(&self, driver: &str, what: &str) -> Result<()> {
        procfs::write(format!("{DRIVERS}/{driver}/{what}"), &self.name)
    }

    pub fn expect_driver_ok(&self) -> Result<()> {
        let status = procfs::bits(self.path().join("status"))?;
        ensure!(
            status & DRIVER_OK != 0,
            "{}: the driver has not finished its set-up, status {status:#x}",
            self.name
        );
        Ok(())
    }

    /// The feature bits that driver and device agreed on, as sysfs shows them.
    pub fn features(&self) -> Result<String> {
        read(self.path().join("features"))
    }

    /// Fails unless driver and device have agreed on this layout.
    pub fn expect(&self, layout: Layout) -> Result<()> {
        let bits = self.features()?;
        let has = |bit| bits.as_bytes().get(bit) == Some(&b'1');
        for (name, bit, wanted) in [
            ("EVENT_IDX", EVENT_IDX, layout.event_idx()),
            ("RING_PACKED", RING_PACKED, layout.packed()),
            ("IN_ORDER", IN_ORDER, layout.in_order()),
        ] {
            ensure!(
                has(bit) == wanted,
                "{}: {name} is {}, but the layout {layout} needs {wanted}: features {bits}",
                self.name,
                has(bit)
            );
        }
        Ok(())
    }

    /// The file of the device's switch.
    pub fn switch(&self) -> PathBuf {
        self.path().join("poll_source")
    }

    /// Whether the switch is on. Fails if the device has none.
    pub fn is_on(&self) -> Result<bool> {
        Ok(procfs::value::<u8>(self.switch())? == 1)
    }

    /// Sets the switch, and checks that it reads back.
    pub fn set(&self, on: bool) -> Result<()> {
        procfs::set(self.switch(), u8::from(on))
    }

    /// Sets the switch while no CPU idles: `cpus.rs` says why.
    pub fn set_calmly(&self, on: bool) -> Result<()> {
        while_none_idles(|| self.set(on))
    }

    /// "off", "polled", or the reason why the device is not polled although the switch is on.
    pub fn status(&self) -> Result<String> {
        read(self.path().join("poll_source_status"))
    }

    pub fn sources(&self) -> Result<Vec<Source>> {
        let mut sources = sources::all()?;
        sources.retain(|source| source.device() == self.name);
        Ok(sources)
    }

    pub fn hits(&self) -> Result<u64> {
        Ok(self.sources()?.iter().map(|source| source.hits).sum())
    }

    /// The interrupt lines of the device's queues. A queue that only its driver polls has none.
    pub fn lines(&self) -> Result<Vec<Interrupt>> {
        let mut lines = interrupts::of_device(&self.name)?;
        lines.retain(|line| !line.is_config());
        let (path, name) = (interrupts::PATH, &self.name);
        ensure!(!lines.is_empty(), "{path} has no line for {name}'s queues");
        Ok(lines)
    }

    pub fn interrupts(&self) -> Result<u64> {
        Ok(self.lines()?.iter().map(|line| line.count).sum())
    }

    /// The kind of vectors that the device has. /proc/interrupts shows `poll_queues` as `own` and
    /// `line` as `intx`; the result is the former if it is `asked` for.
    pub fn vectors(&self, asked: Vectors) -> Result<Vectors> {
        let seen =
            interrupts::vectors(&self.lines()?).context("the device has no interrupt line")?;
        Ok(match (seen, asked) {
            (Vectors::Own, Vectors::PollQueues) => Vectors::PollQueues,
            (Vectors::Intx, Vectors::Line) => Vectors::Line,
            _ => seen,
        })
    }

    /// Moves the device's interrupts to one CPU, which then polls the device. Returns the CPU for
    /// the work. It is another one, so that the polling CPU is idle when the device answers, even
    /// at once. A disk's interrupts stay where they are: there each CPU has a queue of its own.
    pub fn spread(&self) -> Result<usize> {
        let lines = self.lines()?;
        let busiest = lines.iter().max_by_key(|line| line.count);
        let busiest = busiest.context("the device has no interrupt line")?.irq;
        let polling = taken_by(busiest)?;
        let mut managed = false;
        for line in lines {
            managed |= !move_to(line.irq, polling)?;
        }
        let other = cpus::online()?.into_iter().find(|&cpu| cpu != polling);
        let working = other.filter(|_| !managed).unwrap_or(polling);
        // A driver may do its work on the CPU that takes the configuration interrupt.
        let all = interrupts::of_device(&self.name)?;
        for line in all.iter().filter(|line| line.is_config()) {
            move_to(line.irq, working)?;
        }
        Ok(working)
    }

    /// The kernel's view of the device, for an error.
    pub fn state(&self) -> String {
        let status = self.status().unwrap_or_else(|err| format!("{err:#}"));
        let sources = match self.sources() {
            Ok(sources) => format!("{sources:?}"),
            Err(err) => format!("{err:#}"),
        };
        let lines: Vec<String> = self
            .lines()
            .unwrap_or_default()
            .iter()
            .map(|Interrupt { irq, count, queue }| {
                let queue = queue.as_deref().unwrap_or("line");
                format!("{irq} {queue}: {count}{}", interrupts::threads_told(*irq))
            })
            .collect();
        format!("status {status}; sources {sources}; interrupts {lines:?}")
    }
}

/// The CPU that takes an interrupt. Fails if there are several.
pub fn taken_by(irq: u32) -> Result<usize> {
    procfs::value(format!("/proc/irq/{irq}/effective_affinity_list"))
}

/// Moves an interrupt to a CPU. Returns false if the kernel manages this interrupt itself.
pub fn move_to(irq: u32, cpu: usize) -> Result<bool> {
    let path = format!("/proc/irq/{irq}/smp_affinity_list");
    match fs::write(&path, cpu.to_string()) {
        Err(err) if err.kind() == ErrorKind::PermissionDenied => Ok(false),
        moved => moved
            .map(|()| true)
            .with_context(|| format!("writing {cpu} to {path}")),
    }
}

pub fn all() -> Result<Vec<Virtio>> {
    let names = procfs::names(DEVICES)?;
    Ok(names.into_iter().map(|name| Virtio { name }).collect())
}

/// Sets the switches of all devices.
pub fn set_all(on: bool) -> Result<()> {
    all()?.iter().try_for_each(|virtio| virtio.set(on))
}

/// Sets the switch with which new devices start from now on.
pub fn new_devices_are_polled(so: bool) -> Result<()> {
    let module = modules::form().switches();
    let parameter = format!("/sys/module/{module}/parameters/poll_source");
    procfs::write(parameter, if so { "Y" } else { "N" })
}
