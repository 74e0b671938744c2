// SPDX-License-Identifier: GPL-2.0
//! The soak's guests: what rings and lines each has, and which troubles are left to others.

use guest_protocol::{Device, Layout, Trouble, Vectors};
use vm::accel::Accelerator;

/// Those that come back from everything that is done to them.
const DEVICES: [Device; 4] = [Device::Blk, Device::Scsi, Device::Net, Device::Rng];
/// Its ports have no far ends any more after it slept, polled or not; QEMU's and Linux' affair.
const BAD_SLEEPER: Device = Device::Console;
const SLEEP: [Trouble; 2] = [Trouble::Freeze, Trouble::Suspend];
/// They change what is mapped where. Under TCG with several threads, QEMU 10.0 then may send a
/// processor's store to a device to another register: a kick of queue 7, at 7 * 4 of the notify
/// region, came as `wrong value for queue_enable 7`, which is at 28 of the common one. Kicks are
/// lost so, and timers, polled or not. With one thread for all processors they are not, but that is
/// so slow that a device which comes back may be taken for lost: under TCG for who asks by name.
pub const REMAP: [Trouble; 4] = [
    Trouble::Replug,
    Trouble::Flr,
    Trouble::Freeze,
    Trouble::Suspend,
];
/// One guest after the other: what its rings and lines are, and whether it sleeps. Under TCG those
/// that do have one thread, and alone have what changes the memory map. In-order rings, which few
/// hosts have, are for who asks for them.
pub const GUESTS: [Guest; 10] = [
    Guest::new(Layout::Split, Vectors::Own, true),
    Guest::new(Layout::Packed, Vectors::Shared, false),
    Guest::new(Layout::Packed, Vectors::Own, true),
    Guest::new(Layout::Split, Vectors::Intx, false),
    Guest::new(Layout::SplitNoIdx, Vectors::Own, false),
    Guest::new(Layout::PackedNoIdx, Vectors::Shared, true),
    Guest::new(Layout::Split, Vectors::Own, false),
    Guest::new(Layout::Packed, Vectors::Own, false),
    Guest::new(Layout::SplitInOrder, Vectors::Own, false),
    Guest::new(Layout::PackedInOrder, Vectors::Shared, false),
];
/// The same for the module, which polls no others.
pub const MODULE_GUESTS: [Guest; 4] = [
    Guest::new(Layout::Split, Vectors::Own, true),
    Guest::new(Layout::Split, Vectors::Shared, false),
    Guest::new(Layout::Split, Vectors::Own, false),
    Guest::new(Layout::Packed, Vectors::Own, false),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Guest {
    pub layout: Layout,
    pub vectors: Vectors,
    pub sleeps: bool,
}

impl Guest {
    pub const fn new(layout: Layout, vectors: Vectors, sleeps: bool) -> Guest {
        Guest {
            layout,
            vectors,
            sleeps,
        }
    }

    pub fn bears(self, wanted: &[Trouble], accel: Accelerator) -> Vec<Trouble> {
        let left_to_others: &[Trouble] = match (self.sleeps, accel) {
            (true, _) => &[],
            (false, Accelerator::Tcg) => &REMAP,
            (false, Accelerator::Kvm) => &SLEEP,
        };
        let mut troubles = wanted.to_vec();
        troubles.retain(|it| !left_to_others.contains(it));
        troubles
    }

    /// One that nothing puts to sleep is as any other.
    pub fn with(self, troubles: &[Trouble]) -> Guest {
        Guest {
            sleeps: self.sleeps && troubles.iter().any(|it| REMAP.contains(it)),
            ..self
        }
    }

    pub fn devices(troubles: &[Trouble]) -> Vec<Device> {
        let mut devices = DEVICES.to_vec();
        if !troubles.iter().any(|it| SLEEP.contains(it)) {
            devices.push(BAD_SLEEPER);
        }
        devices
    }
}

impl std::fmt::Display for Guest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.layout, self.vectors)?;
        f.write_str(if self.sleeps { " that sleeps" } else { "" })
    }
}
