// SPDX-License-Identifier: GPL-2.0
//! The stress: devices at work, and the troubles that happen to them and to the machine.

use serde::{Deserialize, Serialize};

use crate::cell::{Device, Matrix};
use crate::named::named;

named! {
    /// A trouble strikes again and again, at random times.
    Trouble {
        /// The switch of a device changes, up to a thousand times a second.
        Flip = "flip",
        /// A processor goes and comes back.
        Hotplug = "cpu-hotplug",
        /// Interrupts move to other processors.
        Affinity = "irq-affinity",
        /// A driver goes and comes back.
        Rebind = "rebind",
        /// A driver's module is unloaded and comes back.
        Reload = "module-reload",
        /// A device goes and comes back.
        Replug = "replug",
        /// A PCI function is reset.
        Flr = "flr",
        /// A network card's queues are reset, each to another size.
        Resize = "ring-resize",
        /// Tasks are frozen, or devices put to sleep as well, and all of it undone at once.
        Freeze = "freeze",
        /// The system is suspended to idle, until somebody wakes it.
        Suspend = "suspend",
        /// The parameters of haltpoll change, and the governor.
        Tune = "haltpoll",
        /// Memory is short.
        Memory = "memory",
        /// The host stops the machine for a moment.
        Pause = "vm-pause",
        /// The host stops one processor for a moment.
        PauseCpu = "vcpu-pause",
        /// The disks become slower or faster.
        Pace = "disk-pace",
        /// The module that polls is unloaded and comes back.
        Module = "poller-reload",
        /// A network card uses more queue pairs, or fewer; their interrupts move with that.
        Channels = "net-channels",
    }
}

/// One guest's orders.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stress {
    /// The same seed gives the same troubles in the same order, but not at the same times.
    pub seed: u64,
    pub seconds: u32,
    /// The devices, all of them at work at the same time.
    pub board: Matrix,
    /// False: to tell whether something goes wrong without polling, too.
    pub polled: bool,
    pub troubles: Vec<Trouble>,
}

/// The outcome of a stress.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Stressed {
    pub seconds: u32,
    pub works: Vec<Worked>,
    pub troubles: Vec<Struck>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Worked {
    pub device: Device,
    /// Each of them checked.
    pub operations: u64,
    pub batches: u64,
    /// Batches that ended early because a trouble took the device away.
    pub cut_short: u64,
    /// The longest time in which nothing was completed.
    pub slowest_ms: u64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Struck {
    pub trouble: Trouble,
    pub times: u64,
    /// The kernel refused, as it may: something was busy, or a processor was offline.
    pub refused: u64,
    /// Why it cannot strike here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub untried: Option<String>,
}
