// SPDX-License-Identifier: GPL-2.0
//! The device matrix: its axes, what one boot is to try, and what came of each cell.

use serde::{Deserialize, Serialize};

use crate::named::named;

named! {
    /// The kinds of virtio device, each with a driver and a workload of its own.
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

named! {
    /// The ring's layout and how its events are suppressed; `no-idx` is without EVENT_IDX.
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
        /// No MSI-X: a pin, which devices may share.
        Intx = "intx",
        /// As `own`, with a queue of the block layer's own polling beside.
        PollQueues = "poll_queues",
        /// The one line of a virtio-mmio device.
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
    /// What is done with a device.
    Check {
        /// Work with the switch off, on and off again.
        Switch = "switch",
        /// The driver goes and comes back while the switch is on.
        Rebind = "unbind/bind",
        /// The device goes and comes back while the switch is on.
        HotPlug = "hot-plug",
        /// The switch changes under load.
        Flips = "1000 flips",
    }
}

/// One boot: all of its devices with the same layout and kind of vectors.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Matrix {
    pub layout: Layout,
    pub vectors: Vectors,
    /// In the order in which they are tried.
    pub devices: Vec<Device>,
    /// For each device every check, not only the switch.
    pub all_checks: bool,
    /// Devices that answer before the driver has finished asking: there is no wait to poll in.
    pub at_once: Vec<Device>,
}

impl Matrix {
    /// What the guest reports, in this order.
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
    /// None: it ended before there were any.
    pub figures: Option<Figures>,
    /// What else there is to say.
    pub note: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    Pass,
    Fail { why: String },
}

/// The figures of one check; each phase is named by the state of the switch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Figures {
    /// As /proc/interrupts shows it, whatever was asked for.
    pub vectors: Vectors,
    /// With the switch on: "polled", or why not.
    pub status: String,
    pub off: Phase,
    pub on: Phase,
    /// None: this check does not measure it.
    pub off_again: Option<Phase>,
}

/// One batch of work.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Phase {
    pub ops: u64,
    /// Interrupts of the device's queues.
    pub interrupts: u64,
    /// Hits of its poll sources.
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

/// What the guest cannot do to itself. There is no answer, because the guest sees the effect.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "snake_case")]
pub enum Ask {
    /// The balloon takes that much of the guest's memory, no more and no less.
    Balloon { mib: u64 },
    /// A key is pressed and released, alternating.
    Keys { events: u64, gap_us: u64 },
    /// The device is unplugged.
    Unplug { device: Device },
    /// Another one like it is plugged in.
    Plug { device: Device },
    /// QEMU is stopped for so long, or only the thread of one CPU.
    Pause { cpu: Option<u32>, ms: u64 },
    /// The power button is pressed a few times, which wakes the guest from sleep.
    Wake,
    /// The guest is woken from suspend to RAM, once it sleeps.
    WakeFromRam,
    /// The disks complete so many operations a second.
    Pace { iops: u64 },
    /// The indices of the device's rings, as QEMU has them, go to the log.
    Rings { device: Device },
}

/// The status of a device that is polled.
pub const POLLED: &str = "polled";
/// Where the host echoes what comes by vsock.
pub const VSOCK_PORT: u32 = 7777;
/// The names of a console's two ports, whose far ends are tied together.
pub const CONSOLE_PORTS: [&str; 2] = ["left", "right"];
/// Operations that a disk completes a second: fewer than the slowest guest asks for.
pub const DISK_PACE: u64 = 100;
