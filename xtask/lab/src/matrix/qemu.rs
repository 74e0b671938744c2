// SPDX-License-Identifier: GPL-2.0
//! Which cells of the matrix this machine can test: the properties of QEMU's devices, and all
//! other reasons to skip a cell.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};
use guest_protocol::{Device, Layout, Transport, Vectors};

use kernel::image::Image;
use toolbox::run;
use vm::board;

/// The properties of each device that this QEMU has.
type Properties = BTreeMap<(Device, Transport), BTreeSet<String>>;

pub struct Offer {
    properties: Properties,
    /// The kernel's version.
    kernel: String,
    /// The host has /dev/vhost-vsock, which vsock needs.
    has_vhost: bool,
    /// The kernel's virtio-mmio takes its devices from the command line, where QEMU announces
    /// them. Debian's kernel does not.
    mmio_by_command_line: bool,
}

const VHOST: &str = "/dev/vhost-vsock";

impl Offer {
    pub fn of(qemu: &Path, image: &Image) -> Result<Offer> {
        let mut properties = Properties::new();
        for &device in Device::ALL {
            for &transport in Transport::ALL {
                let driver = board::driver(device, transport);
                if let Some(names) = ask(qemu, &driver)? {
                    properties.insert((device, transport), names);
                }
            }
        }
        Ok(Offer {
            properties,
            kernel: image.version.clone(),
            has_vhost: Path::new(VHOST).exists(),
            mmio_by_command_line: !image.is_stock(),
        })
    }

    pub fn has(&self, device: Device, transport: Transport, property: &str) -> bool {
        let properties = self.properties.get(&(device, transport));
        properties.is_some_and(|names| names.contains(property))
    }

    /// Returns the devices that answer at once, see `answers_at_once()`.
    pub fn at_once(&self, devices: &[Device], vectors: Vectors) -> Vec<Device> {
        let at_once = |device: &&Device| self.answers_at_once(**device, vectors);
        devices.iter().filter(at_once).copied().collect()
    }

    /// Returns whether the device may answer before the CPU that polls it begins to wait. Without
    /// an eventfd the CPU that notifies the device runs the device's code itself. This does not
    /// matter if another CPU polls. But the balloon's driver notifies the device from the CPU on
    /// which the host's request arrived. With one line for everything, the queues interrupt on
    /// that CPU, too.
    pub fn answers_at_once(&self, device: Device, vectors: Vectors) -> bool {
        let has = |property| self.has(device, Transport::Pci, property);
        let one_line = matches!(vectors, Vectors::Intx | Vectors::Line) || !has("vectors");
        device == Device::Balloon && (one_line || !has("ioeventfd"))
    }

    /// Returns the reason why this cell cannot be tested here, if there is one.
    pub fn lack(&self, device: Device, transport: Transport, layout: Layout) -> Option<String> {
        let driver = board::driver(device, transport);
        if !self.properties.contains_key(&(device, transport)) {
            return Some(format!("this QEMU has no {driver}"));
        }
        if transport == Transport::Mmio && !self.mmio_by_command_line {
            return Some("this kernel's virtio-mmio accepts no devices on the command line".into());
        }
        if device == Device::Vsock {
            if !self.has_vhost {
                return Some(format!("this host has no {VHOST}"));
            }
            if layout.packed() || layout.in_order() {
                return Some("the host's vhost supports only plain split rings".into());
            }
        }
        if layout.in_order() {
            if self.kernel == "6.12" || self.kernel.starts_with("6.12.") {
                return Some("Linux 6.12 has no IN_ORDER".into());
            }
            if transport == Transport::Mmio {
                return Some(
                    "QEMU's list for IN_ORDER has the queue size that the device chose. Over mmio \
                     the driver sets a larger size: QEMU 10.0 writes past the end and crashes"
                        .into(),
                );
            }
            if !self.has(device, transport, "in_order") {
                return Some(format!("this QEMU's {driver} has no in_order"));
            }
        }
        None
    }
}

fn ask(qemu: &Path, driver: &str) -> Result<Option<BTreeSet<String>>> {
    run::check_interrupt()?;
    let mut cmd = Command::new(qemu);
    cmd.args(["-device", &format!("{driver},help")]);
    let output = cmd
        .output()
        .with_context(|| format!("running {}", run::command_line(&cmd)))?;
    let said = String::from_utf8_lossy(&output.stdout);
    Ok(output.status.success().then(|| parse(&said)))
}

/// Returns the names of the properties, from lines like `  vectors=<uint32>  - (default: 2)`.
pub fn parse(said: &str) -> BTreeSet<String> {
    let name = |line: &str| Some(line.trim_start().split_once("=<")?.0.to_owned());
    said.lines().filter_map(name).collect()
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// An offer of every device, each with the property `vectors` and those in `also`.
    pub fn offer(kernel: &str, also: &[&str]) -> Offer {
        let mut properties = Properties::new();
        for &device in Device::ALL {
            for &transport in Transport::ALL {
                let names = also.iter().chain(&["vectors"]);
                let names = names.map(ToString::to_string).collect();
                properties.insert((device, transport), names);
            }
        }
        Offer {
            properties,
            kernel: kernel.into(),
            has_vhost: false,
            mmio_by_command_line: true,
        }
    }

    #[test]
    fn properties_are_what_stands_before_the_type() {
        let said = "virtio-rng-pci options:\n  packed=<bool>          - on/off (default: false)\n  \
                    vectors=<uint32>       -  (default: 4294967295)\n";
        let names: Vec<String> = parse(said).into_iter().collect();
        assert_eq!(names, ["packed", "vectors"]);
    }

    #[test]
    fn who_answers_at_once() {
        let with = offer("7.3.4", &["ioeventfd"]);
        assert!(!with.answers_at_once(Device::Balloon, Vectors::Own));
        assert!(with.answers_at_once(Device::Balloon, Vectors::Line));
        assert!(!with.answers_at_once(Device::Blk, Vectors::Line));
        let without = offer("7.3.4", &[]);
        assert!(without.answers_at_once(Device::Balloon, Vectors::Own));
    }

    #[test]
    fn each_lack_has_its_reason() {
        let lack = |offer: &Offer, device, layout| {
            offer
                .lack(device, Transport::Pci, layout)
                .unwrap_or_default()
        };
        let old = offer("7.3.4", &[]);
        assert_eq!(lack(&old, Device::Blk, Layout::Packed), "");
        assert!(lack(&old, Device::Blk, Layout::SplitInOrder).contains("virtio-blk-pci"));
        assert!(lack(&old, Device::Vsock, Layout::Split).contains("/dev/vhost-vsock"));
        let new = |kernel| offer(kernel, &["in_order"]);
        let in_order = Layout::PackedInOrder;
        assert_eq!(lack(&new("7.3.4"), Device::Blk, in_order), "");
        let mmio = new("7.3.4").lack(Device::Blk, Transport::Mmio, in_order);
        assert!(mmio.unwrap().contains("past the end"));
        assert!(lack(&new("6.12.117"), Device::Blk, in_order).contains("6.12 has no"));
        let mut stock = offer("7.3.4", &[]);
        stock.mmio_by_command_line = false;
        let mmio = |offer: &Offer| offer.lack(Device::Blk, Transport::Mmio, Layout::Split);
        assert!(mmio(&stock).unwrap().contains("command line"));
        assert_eq!(mmio(&old), None);
        let mut without = offer("7.3.4", &[]);
        let crypto = (Device::Crypto, Transport::Pci);
        without.properties.remove(&crypto);
        assert!(lack(&without, Device::Crypto, Layout::Split).contains("no virtio-crypto-pci"));
    }
}
