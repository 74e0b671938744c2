// SPDX-License-Identifier: GPL-2.0
//! The guests of the soak: the ring layout and the vectors of each, and the faults that it leaves
//! to other guests.

use guest_protocol::{Device, Layout, Trouble, Vectors};

use crate::matrix::select::Spot;
use vm::accel::Accelerator;

/// Devices that come back after every fault.
const DEVICES: [Device; 4] = [Device::Blk, Device::Scsi, Device::Net, Device::Rng];
/// A device that does not survive suspend: its ports lose their far ends, polled or not. The
/// cause is in QEMU and Linux.
const BAD_SLEEPER: Device = Device::Console;
const SLEEP: [Trouble; 2] = [Trouble::Freeze, Trouble::Suspend];
/// Faults that change the memory map. Under TCG with several threads, QEMU 10.0 may then deliver
/// a CPU's store for a device to another register: a kick of queue 7, at 7 * 4 of the notify
/// region, arrived as `wrong value for queue_enable 7`, which is at 28 of the common region.
/// Kicks and timers are lost that way, polled or not. With one thread for all CPUs they are not
/// lost, but then the guest is so slow that a device which comes back may count as lost. So under
/// TCG these faults are only injected on request.
pub const REMAP: [Trouble; 4] = [
    Trouble::Replug,
    Trouble::Flr,
    Trouble::Freeze,
    Trouble::Suspend,
];
/// The guests in the order in which they run: ring layout, vectors, and whether the guest sleeps.
/// Under TCG a guest that sleeps has one thread for all CPUs, and only such guests get the faults
/// of `REMAP`. In-order rings, which few hosts have, are only run on request.
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
/// The guests for the module. It polls split rings with an event index and MSI-X vectors. It does
/// not poll the packed rings of the last guest.
pub const MODULE_GUESTS: [Guest; 4] = [
    Guest::new(Layout::Split, Vectors::Own, true),
    Guest::new(Layout::Split, Vectors::Shared, false),
    Guest::new(Layout::Split, Vectors::Own, false),
    Guest::new(Layout::Packed, Vectors::Own, false),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Guest {
    pub place: Spot,
    pub sleeps: bool,
}

impl Guest {
    pub const fn new(layout: Layout, vectors: Vectors, sleeps: bool) -> Guest {
        Guest {
            place: Spot { vectors, layout },
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

    /// Returns the guest, which only sleeps if one of its faults is in `REMAP`.
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
        write!(f, "{}/{}", self.place.layout, self.place.vectors)?;
        f.write_str(if self.sleeps { " that sleeps" } else { "" })
    }
}
