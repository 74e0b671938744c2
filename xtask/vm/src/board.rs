// SPDX-License-Identifier: GPL-2.0
//! The virtio devices of a machine that is there for their sake: what each is made of, on QEMU's
//! command line and, for one that is plugged in later, on its control socket.

use std::fs::{self, File};
use std::path::PathBuf;

use anyhow::{Context, Result};
use guest_protocol::cell::{CONSOLE_PORTS, DISK_PACE};
use guest_protocol::{Device, Layout, Transport, Vectors};
use serde_json::{Map, Value};

use super::machine::{GuestFiles, MEMORY_DISK_BYTES, NETDEV, value};

/// Enough for the queues of any device here.
const MANY_VECTORS: u32 = 16;

/// A moment, in which under TCG a driver gets from its kick to the end of what it does.
const SENDS_AFTER_NS: u32 = 200_000;

#[derive(Clone, Debug)]
pub struct Board {
    pub transport: Transport,
    pub layout: Layout,
    pub vectors: Vectors,
    pub devices: Vec<Device>,
    /// Those that this QEMU lets choose their vectors.
    pub with_vectors: Vec<Device>,
    /// Each device in a slot where it can be replaced.
    pub slots: bool,
    /// Of a disk.
    pub queues: u32,
    /// Queue pairs of the network card; as many as its network has.
    pub pairs: u32,
}

/// One `-device`, or what device_add takes: QEMU reads both as JSON.
#[derive(Clone, Debug, PartialEq)]
pub struct BoardPart(Map<String, Value>);

impl BoardPart {
    fn new(driver: impl Into<Value>) -> BoardPart {
        BoardPart(Map::new()).with("driver", driver)
    }

    fn with(mut self, name: &str, value: impl Into<Value>) -> BoardPart {
        self.0.insert(name.into(), value.into());
        self
    }

    pub fn json(self) -> Value {
        Value::Object(self.0)
    }
}

/// Under this name QEMU knows it.
pub fn id(device: Device) -> &'static str {
    match device {
        // A name begins with a letter.
        Device::P9 => "p9",
        _ => device.name(),
    }
}

/// QEMU's name of the device, without its transport.
fn model(device: Device) -> &'static str {
    match device {
        Device::Console => "virtio-serial",
        Device::Input => "virtio-keyboard",
        Device::Vsock => "vhost-vsock",
        Device::Blk => "virtio-blk",
        Device::Scsi => "virtio-scsi",
        Device::Net => "virtio-net",
        Device::Rng => "virtio-rng",
        Device::Balloon => "virtio-balloon",
        Device::P9 => "virtio-9p",
        Device::Crypto => "virtio-crypto",
    }
}

/// QEMU's name of the device.
pub fn driver(device: Device, transport: Transport) -> String {
    let suffix = match transport {
        Transport::Pci => "pci",
        Transport::Mmio => "device",
    };
    format!("{}-{suffix}", model(device))
}

/// A disk's file in the run's folder.
fn disk(device: Device, files: &GuestFiles) -> PathBuf {
    files.dir.join(format!("{device}.raw"))
}

fn share(files: &GuestFiles) -> PathBuf {
    files.dir.join("share")
}

impl Board {
    /// Makes what the devices need of files.
    pub fn lay_out(&self, files: &GuestFiles) -> Result<()> {
        for &device in &self.devices {
            match device {
                Device::Blk | Device::Scsi => {
                    let path = disk(device, files);
                    File::create(&path)
                        .and_then(|disk| disk.set_len(MEMORY_DISK_BYTES))
                        .with_context(|| format!("making the disk {}", path.display()))?;
                }
                Device::P9 => {
                    let path = share(files);
                    fs::create_dir_all(&path)
                        .with_context(|| format!("creating {}", path.display()))?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    pub fn qemu_args(&self, files: &GuestFiles) -> Vec<String> {
        let mut args = Vec::new();
        if self.transport == Transport::Mmio {
            args.extend(["-global".into(), "virtio-mmio.force-legacy=false".into()]);
        }
        for (index, &device) in self.devices.iter().enumerate() {
            args.extend(backend(device, files));
            if self.slots {
                let port = BoardPart::new("pcie-root-port")
                    .with("id", slot(device))
                    .with("chassis", index + 1)
                    .with("slot", index + 1);
                args.extend(["-device".into(), port.json().to_string()]);
            }
            for part in self.parts(device) {
                args.extend(["-device".into(), part.json().to_string()]);
            }
        }
        args
    }

    /// The device itself, then what hangs on it.
    pub fn parts(&self, device: Device) -> Vec<BoardPart> {
        let part = self.virtio(device);
        let bus = format!("{}.0", id(device));
        match device {
            Device::Blk => vec![
                part.with("drive", "blk-disk")
                    .with("num-queues", self.queues),
            ],
            Device::Scsi => vec![
                part.with("num_queues", self.queues),
                BoardPart::new("scsi-hd")
                    .with("bus", bus)
                    .with("drive", "scsi-disk"),
            ],
            // A moment before it sends: Linux asks for completions once it has kicked, and where
            // QEMU takes the poller's processor, all is sent before the poller looks again.
            Device::Net => vec![
                part.with("netdev", NETDEV)
                    .with("mq", self.pairs > 1)
                    .with("tx", "timer")
                    .with("x-txtimer", SENDS_AFTER_NS),
            ],
            // A moment between two answers, as for disks.
            Device::Rng => vec![
                part.with("rng", "rng-builtin")
                    .with("max-bytes", 64)
                    .with("period", 1),
            ],
            Device::Console => {
                let [left, right] = CONSOLE_PORTS.map(|name| {
                    BoardPart::new("virtserialport")
                        .with("bus", bus.clone())
                        .with("chardev", name)
                        .with("name", name)
                });
                vec![part.with("max_ports", 3), left, right]
            }
            Device::Balloon | Device::Input => vec![part],
            Device::P9 => vec![part.with("fsdev", "share").with("mount_tag", "share")],
            Device::Crypto => vec![part.with("cryptodev", "crypto-builtin")],
            Device::Vsock => vec![part.with("guest-cid", guest_cid())],
        }
    }

    fn virtio(&self, device: Device) -> BoardPart {
        let mut part = BoardPart::new(driver(device, self.transport)).with("id", id(device));
        if self.slots {
            part = part.with("bus", slot(device));
        }
        part = part
            .with("event_idx", self.layout.event_idx())
            .with("packed", self.layout.packed());
        if self.layout.in_order() {
            part = part.with("in_order", true);
        }
        if self.with_vectors.contains(&device) {
            part = match self.vectors {
                Vectors::Own | Vectors::PollQueues => part.with("vectors", MANY_VECTORS),
                Vectors::Shared => part.with("vectors", 2),
                Vectors::Intx => part.with("vectors", 0),
                Vectors::Line => part,
            };
        }
        part
    }
}

/// QEMU's object that says how fast a disk is.
pub fn pace(device: Device) -> String {
    format!("{}-pace", id(device))
}

pub fn disks(devices: &[Device]) -> Vec<Device> {
    let is_disk = |device: &&Device| matches!(device, Device::Blk | Device::Scsi);
    devices.iter().filter(is_disk).copied().collect()
}

fn slot(device: Device) -> String {
    format!("slot-{}", id(device))
}

/// What stands behind the device and outlives it.
fn backend(device: Device, files: &GuestFiles) -> Vec<String> {
    let args = |args: &[&str]| args.iter().map(ToString::to_string).collect();
    match device {
        // It keeps what is written, and takes its time: where QEMU is fast and the processor slow,
        // an answer would come before the wait for it.
        Device::Blk | Device::Scsi => args(&[
            "-object",
            &format!(
                "throttle-group,id={},x-iops-total={DISK_PACE}",
                pace(device)
            ),
            "-blockdev",
            &format!(
                "driver=file,filename={},node-name={device}-file",
                value(&disk(device, files))
            ),
            "-blockdev",
            &format!(
                "driver=throttle,throttle-group={},file={device}-file,node-name={device}-disk",
                pace(device)
            ),
        ]),
        Device::Rng => args(&["-object", "rng-builtin,id=rng-builtin"]),
        Device::Console => {
            // An abstract socket leaves no file, and its name may not be another run's.
            let socket = format!("path=poll-source-{},abstract=on", std::process::id());
            let [left, right] = CONSOLE_PORTS;
            args(&[
                "-chardev",
                &format!("socket,id={left},{socket},server=on,wait=off"),
                "-chardev",
                &format!("socket,id={right},{socket}"),
            ])
        }
        Device::P9 => args(&[
            "-fsdev",
            &format!(
                "local,id=share,security_model=none,path={}",
                value(&share(files))
            ),
        ]),
        Device::Crypto => args(&["-object", "cryptodev-backend-builtin,id=crypto-builtin"]),
        // The machine has its network.
        Device::Net | Device::Balloon | Device::Input | Device::Vsock => Vec::new(),
    }
}

/// No two guests of a host may have the same.
fn guest_cid() -> u32 {
    // The lowest are not for guests.
    1000 + std::process::id()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn board(transport: Transport, layout: Layout, vectors: Vectors) -> Board {
        Board {
            transport,
            layout,
            vectors,
            devices: vec![Device::Console, Device::P9, Device::Balloon],
            with_vectors: vec![Device::Console, Device::P9],
            slots: false,
            queues: 2,
            pairs: 1,
        }
    }

    /// That of the device of this name.
    fn device(board: &Board, id: &str) -> Value {
        let files = GuestFiles { dir: "logs".into() };
        let args = board.qemu_args(&files).into_iter();
        let mut devices = args.filter_map(|arg| serde_json::from_str::<Value>(&arg).ok());
        devices.find(|device| device["id"] == id).unwrap()
    }

    #[test]
    fn layout_and_vectors_are_properties_of_each_device() {
        let board = board(Transport::Pci, Layout::PackedNoIdx, Vectors::Shared);
        let console = json!({
            "driver": "virtio-serial-pci", "id": "console", "event_idx": false, "packed": true,
            "vectors": 2, "max_ports": 3,
        });
        assert_eq!(device(&board, "console"), console);
        let balloon = json!({
            "driver": "virtio-balloon-pci", "id": "balloon", "event_idx": false, "packed": true,
        });
        assert_eq!(device(&board, "balloon"), balloon);
    }

    #[test]
    fn mmio_has_no_vectors() {
        let board = board(Transport::Mmio, Layout::SplitInOrder, Vectors::Line);
        let p9 = json!({
            "driver": "virtio-9p-device", "id": "p9", "event_idx": true, "packed": false,
            "in_order": true, "fsdev": "share", "mount_tag": "share",
        });
        assert_eq!(device(&board, "p9"), p9);
    }

    #[test]
    fn a_slot_takes_the_same_device_again() {
        let mut board = board(Transport::Pci, Layout::Packed, Vectors::Own);
        board.slots = true;
        assert_eq!(device(&board, "slot-p9")["chassis"], 2);
        let first = device(&board, "p9");
        assert_eq!(first["bus"], "slot-p9");
        assert_eq!(board.parts(Device::P9).remove(0).json(), first);
    }
}
