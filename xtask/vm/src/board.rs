// SPDX-License-Identifier: GPL-2.0
//! The virtio devices under test of a machine: their arguments on QEMU's command line and, for a
//! device that is plugged in later, on its control socket.

use std::path::PathBuf;

use anyhow::Result;
use fs_err::{self as fs, File};
use guest_protocol::cell::{CONSOLE_PORTS, DISK_PACE};
use guest_protocol::{Device, Layout, Transport, Vectors};
use serde_json::{Value, json};

use super::machine::{GuestFiles, MEMORY_DISK_BYTES, NETDEV, value};

/// Number of vectors of a device whose queues do not share vectors: enough for any device here.
const MANY_VECTORS: u32 = 16;

/// Time that the network card waits before it sends, in ns. Under TCG a driver gets from its kick
/// to the end of its work in this time.
const SENDS_AFTER_NS: u32 = 200_000;

#[derive(Clone, Debug)]
pub struct Board {
    pub transport: Transport,
    pub layout: Layout,
    pub vectors: Vectors,
    pub devices: Vec<Device>,
    /// The devices whose number of vectors can be set with this QEMU.
    pub with_vectors: Vec<Device>,
    /// Each device is in a slot in which it can be replaced.
    pub slots: bool,
    /// Queues of each disk.
    pub queues: u32,
    /// Queue pairs of the network card, as many as its network has.
    pub pairs: u32,
}

/// Returns QEMU's id of the device.
pub fn id(device: Device) -> &'static str {
    match device {
        // An id begins with a letter.
        Device::P9 => "p9",
        _ => device.name(),
    }
}

/// Returns QEMU's name of the device, without its transport.
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

/// Returns QEMU's name of the device.
pub fn driver(device: Device, transport: Transport) -> String {
    let suffix = match transport {
        Transport::Pci => "pci",
        Transport::Mmio => "device",
    };
    format!("{}-{suffix}", model(device))
}

/// Returns a disk's file in the run's folder.
fn disk(device: Device, files: &GuestFiles) -> PathBuf {
    files.dir.join(format!("{device}.raw"))
}

fn share(files: &GuestFiles) -> PathBuf {
    files.dir.join("share")
}

impl Board {
    /// Creates the files and folders that the devices need.
    pub fn lay_out(&self, files: &GuestFiles) -> Result<()> {
        for &device in &self.devices {
            match device {
                Device::Blk | Device::Scsi => {
                    File::create(disk(device, files))?.set_len(MEMORY_DISK_BYTES)?;
                }
                Device::P9 => fs::create_dir_all(share(files))?,
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
                let (id, number) = (slot(device), index + 1);
                let port = json!({
                    "driver": "pcie-root-port", "id": id, "chassis": number, "slot": number,
                });
                args.extend(["-device".into(), port.to_string()]);
            }
            for part in self.parts(device) {
                args.extend(["-device".into(), part.to_string()]);
            }
        }
        args
    }

    /// Returns the device itself, then the devices that are attached to it. Each is an argument of
    /// `-device` or of device_add: QEMU reads both as JSON.
    pub fn parts(&self, device: Device) -> Vec<Value> {
        let mut parts = vec![self.virtio(device)];
        let part = &mut parts[0];
        match device {
            Device::Blk => {
                part["drive"] = "blk-disk".into();
                part["num-queues"] = self.queues.into();
            }
            Device::Scsi => part["num_queues"] = self.queues.into(),
            // The card waits a moment before it sends. Linux asks for completions only after it has
            // kicked: without the wait, if QEMU runs on the poller's CPU, everything is sent before
            // the poller looks again.
            Device::Net => {
                part["netdev"] = NETDEV.into();
                part["mq"] = (self.pairs > 1).into();
                part["tx"] = "timer".into();
                part["x-txtimer"] = SENDS_AFTER_NS.into();
            }
            // The device waits a moment between two answers, as disks do.
            Device::Rng => {
                part["rng"] = "rng-builtin".into();
                part["max-bytes"] = 64.into();
                part["period"] = 1.into();
            }
            Device::Console => part["max_ports"] = 3.into(),
            Device::Balloon | Device::Input => {}
            Device::P9 => {
                part["fsdev"] = "share".into();
                part["mount_tag"] = "share".into();
            }
            Device::Crypto => part["cryptodev"] = "crypto-builtin".into(),
            Device::Vsock => part["guest-cid"] = guest_cid().into(),
        }
        let bus = format!("{}.0", id(device));
        match device {
            Device::Scsi => {
                parts.push(json!({ "driver": "scsi-hd", "bus": bus, "drive": "scsi-disk" }));
            }
            Device::Console => parts.extend(CONSOLE_PORTS.map(|name| {
                json!({ "driver": "virtserialport", "bus": bus, "chardev": name, "name": name })
            })),
            _ => {}
        }
        parts
    }

    fn virtio(&self, device: Device) -> Value {
        let mut part = json!({
            "driver": driver(device, self.transport),
            "id": id(device),
            "event_idx": self.layout.event_idx(),
            "packed": self.layout.packed(),
        });
        if self.slots {
            part["bus"] = slot(device).into();
        }
        if self.layout.in_order() {
            part["in_order"] = true.into();
        }
        if self.with_vectors.contains(&device) {
            match self.vectors {
                Vectors::Own | Vectors::PollQueues => part["vectors"] = MANY_VECTORS.into(),
                Vectors::Shared => part["vectors"] = 2.into(),
                Vectors::Intx => part["vectors"] = 0.into(),
                Vectors::Line => {}
            }
        }
        part
    }
}

/// Returns the name of QEMU's object that limits how fast a disk is.
pub fn pace(device: Device) -> String {
    format!("{}-pace", id(device))
}

pub fn disks(devices: &[Device]) -> Vec<Device> {
    let is_disk = |device: &&Device| device.is_disk();
    devices.iter().filter(is_disk).copied().collect()
}

fn slot(device: Device) -> String {
    format!("slot-{}", id(device))
}

/// Returns QEMU's arguments for the device's backend, which outlives the device.
fn backend(device: Device, files: &GuestFiles) -> Vec<String> {
    let args = |args: &[&str]| args.iter().map(ToString::to_string).collect();
    match device {
        // The disk keeps its data, and takes its time: where QEMU is fast and the CPU is slow, a
        // completion would come before the CPU waits for it.
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
            // An abstract socket leaves no file. The process id is in its name because two runs
            // must not share it.
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
        // The backend of the network card belongs to the machine. The other devices need none.
        Device::Net | Device::Balloon | Device::Input | Device::Vsock => Vec::new(),
    }
}

/// Returns the guest's vsock CID. No two guests of a host may have the same.
fn guest_cid() -> u32 {
    // The lowest CIDs are not for guests.
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

    /// Returns the `-device` argument of the device with this id.
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
        assert_eq!(board.parts(Device::P9)[0], first);
    }
}
