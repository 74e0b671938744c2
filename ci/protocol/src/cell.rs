// SPDX-License-Identifier: GPL-2.0
//! The device matrix: its axes, what one boot tries, the outcome of each cell, and what a guest
//! asks of the host.

use serde::{Deserialize, Serialize};

use crate::named::named;

named! {
    /// The kinds of virtio device. Each has its own driver and its own workload.
    Device {
        Blk = "blk",
        Scsi = "scsi",
        Net = "net",
        Rng = "rng",
        Console = "console",
        Balloon = "balloon",
        P9 = "9p",
        Input = "input",
        Crypto = "crypto",
        Vsock = "vsock",
    }
}

impl Device {
    pub fn is_disk(self) -> bool {
        matches!(self, Device::Blk | Device::Scsi)
    }
}

named! {
    /// The ring's layout, and how its events are suppressed. `no-idx` means without EVENT_IDX.
    Layout {
        Split = "split",
        SplitNoIdx = "split-no-idx",
        Packed = "packed",
        PackedNoIdx = "packed-no-idx",
        SplitInOrder = "split-in-order",
        PackedInOrder = "packed-in-order",
    }
}

impl Layout {
    pub fn packed(self) -> bool {
        use Layout::{Packed, PackedInOrder, PackedNoIdx};
        matches!(self, Packed | PackedNoIdx | PackedInOrder)
    }

    pub fn event_idx(self) -> bool {
        !matches!(self, Layout::SplitNoIdx | Layout::PackedNoIdx)
    }

    pub fn in_order(self) -> bool {
        matches!(self, Layout::SplitInOrder | Layout::PackedInOrder)
    }
}

named! {
    /// How a device's queues interrupt.
    Vectors {
        /// An MSI-X vector for each queue.
        Own = "own",
        /// One MSI-X vector for all queues.
        Shared = "shared",
        /// No MSI-X: an interrupt pin, which several devices may share.
        Intx = "intx",
        /// Like `own`, plus a queue for the block layer's own polling.
        PollQueues = "poll_queues",
        /// The single interrupt line of a virtio-mmio device.
        Line = "line",
    }
}

named! {
    Transport {
        Pci = "pci",
        Mmio = "mmio",
    }
}

named! {
    /// A check of one device.
    Check {
        /// The device works with the switch off, on, and off again.
        Switch = "switch",
        /// The driver is unbound and bound again while the switch is on.
        Rebind = "unbind/bind",
        /// The device is unplugged and plugged in again while the switch is on.
        HotPlug = "hot-plug",
        /// The switch changes 1000 times under load.
        Flips = "1000 flips",
    }
}

/// What one boot tries. All its devices have the same layout and the same kind of vectors.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Matrix {
    pub layout: Layout,
    pub vectors: Vectors,
    /// The devices, in the order in which they are tried.
    pub devices: Vec<Device>,
    /// True: every check for each device. False: only [`Check::Switch`].
    pub all_checks: bool,
    /// Devices that answer before the driver has finished its request. They leave no wait in which
    /// they could be polled.
    pub at_once: Vec<Device>,
}

impl Matrix {
    /// Returns the cells that the guest reports, in this order.
    pub fn cells(&self) -> Vec<(Device, Check)> {
        let checks = match self.all_checks {
            true => Check::ALL,
            false => &[Check::Switch],
        };
        let of = |&device: &Device| checks.iter().map(move |&check| (device, check));
        self.devices.iter().flat_map(of).collect()
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cell {
    pub device: Device,
    pub check: Check,
    #[serde(flatten)]
    pub outcome: Outcome,
    /// None: the check ended before it had figures.
    pub figures: Option<Figures>,
    /// Further information, or empty.
    pub note: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    Pass,
    Fail { why: String },
}

/// The figures of one check. Each phase is named after the state of the switch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Figures {
    /// The vectors that /proc/interrupts shows. They may differ from those that were asked for.
    pub vectors: Vectors,
    /// The status with the switch on: "polled", or the reason why the device is not polled.
    pub status: String,
    pub off: Phase,
    pub on: Phase,
    /// None: the check does not measure this phase.
    pub off_again: Option<Phase>,
}

/// The counts of one batch of work.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Phase {
    pub ops: u64,
    /// Interrupts of the device's queues.
    pub interrupts: u64,
    /// Hits of the device's poll sources.
    pub hits: u64,
}

impl Phase {
    pub fn interrupts_per_op(&self) -> f64 {
        self.interrupts as f64 / self.ops as f64
    }

    pub fn hits_per_op(&self) -> f64 {
        self.hits as f64 / self.ops as f64
    }
}

/// A request to the host for what the guest cannot do itself. The host does not answer, because the
/// guest sees the effect. The types of the numbers limit how long the host is busy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "snake_case")]
pub enum Ask {
    /// The balloon takes exactly this much of the guest's memory.
    Balloon { mib: u64 },
    /// A key is pressed and released alternately: `events` events, `gap_us` apart.
    Keys { events: u8, gap_us: u16 },
    /// The device is unplugged.
    Unplug { device: Device },
    /// A new device of the same kind is plugged in.
    Plug { device: Device },
    /// QEMU is stopped for `ms` milliseconds, or only the thread of one CPU.
    Pause { cpu: Option<u32>, ms: u16 },
    /// The power button is pressed a few times. This wakes the guest from suspend to idle.
    Wake,
    /// Once the guest sleeps, it is woken from suspend to RAM.
    WakeFromRam,
    /// The disks complete at most `iops` operations per second.
    Pace { iops: u64 },
    /// The ring indices of the device, as QEMU sees them, go to the log.
    Rings { device: Device },
}

/// The status of a device that is polled.
pub const POLLED: &str = "polled";
/// The vsock port on which the host echoes.
pub const VSOCK_PORT: u32 = 7777;
/// The names of a console's two ports. Their far ends are connected to each other.
pub const CONSOLE_PORTS: [&str; 2] = ["left", "right"];
/// Operations per second that a disk completes. Even the slowest guest asks for more.
pub const DISK_PACE: u64 = 100;
