// SPDX-License-Identifier: GPL-2.0
//! The stress: devices at work, and the faults that are injected into them and into the machine.

use serde::{Deserialize, Serialize};

use crate::cell::{Device, Matrix};
use crate::named::named;

named! {
    /// A kind of fault. Each fault is injected repeatedly, at random times.
    Trouble {
        /// The switch of a device changes, on average up to a thousand times a second.
        Flip = "flip",
        /// A CPU goes offline and comes back.
        Hotplug = "cpu-hotplug",
        /// Interrupts move to other CPUs.
        Affinity = "irq-affinity",
        /// A driver is unbound from its device and bound again.
        Rebind = "rebind",
        /// A driver's module is unloaded and loaded again.
        Reload = "module-reload",
        /// A device is unplugged and plugged in again.
        Replug = "replug",
        /// A PCI function is reset.
        Flr = "flr",
        /// A network card's queues are reset to another size.
        Resize = "ring-resize",
        /// Tasks are frozen, sometimes devices are suspended as well, and everything is undone at
        /// once.
        Freeze = "freeze",
        /// The system is suspended to idle until the host wakes it.
        Suspend = "suspend",
        /// A parameter of the wait (haltpoll's or the module's) changes, or the governor.
        Tune = "haltpoll",
        /// Memory becomes short for a moment.
        Memory = "memory",
        /// The host stops the machine for a moment.
        Pause = "vm-pause",
        /// The host stops one CPU for a moment.
        PauseCpu = "vcpu-pause",
        /// The disks become slower or faster.
        Pace = "disk-pace",
        /// The module that polls is unloaded and loaded again.
        Module = "poller-reload",
        /// A network card uses more or fewer queue pairs. Their interrupts move with that.
        Channels = "net-channels",
    }
}

/// What one guest is asked to do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stress {
    /// The same seed gives the same faults in the same order, but not at the same times.
    pub seed: u64,
    pub seconds: u32,
    /// The devices. All of them work at the same time.
    pub board: Matrix,
    /// Whether devices are polled. False shows whether something goes wrong without polling, too.
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
    /// Completed operations. Each of them was checked.
    pub operations: u64,
    pub batches: u64,
    /// Batches that ended early because a fault took the device away.
    pub cut_short: u64,
    /// The longest time in which the device owed an answer and completed nothing.
    pub slowest_ms: u64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Struck {
    pub trouble: Trouble,
    pub times: u64,
    /// How often the fault was refused for a valid reason: something was busy, or a CPU was
    /// offline.
    pub refused: u64,
    /// Why the fault cannot be injected here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub untried: Option<String>,
}
