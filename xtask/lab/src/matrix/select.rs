// SPDX-License-Identifier: GPL-2.0
//! The cells of the matrix, the selection of cells, and the boots that they need.

use anyhow::Result;
use guest_protocol::{Check, Device, Layout, Matrix, Transport, Vectors};

use super::one_of;
use super::qemu::Offer;
use toolbox::fault;
use vm::board::Board;

/// Number of a disk's queues.
pub const QUEUES: u32 = 2;
/// Number of devices that a microvm has room for.
const MMIO_SLOTS: usize = 8;

/// The selected values of each axis; an empty list selects all.
#[derive(clap::Args, Debug, Default)]
pub struct Wanted {
    /// Test only these devices
    #[arg(long = "device", value_name = "DEVICE", value_delimiter = ',', value_parser = one_of(Device::ALL, Device::name))]
    pub devices: Vec<Device>,

    /// Test only these ring layouts; no-idx is without event index
    #[arg(long = "layout", value_name = "LAYOUT", value_delimiter = ',', value_parser = one_of(Layout::ALL, Layout::name))]
    pub layouts: Vec<Layout>,

    /// Test only these kinds of vectors; line is the interrupt line of an MMIO device
    #[arg(long, value_delimiter = ',', value_parser = one_of(Vectors::ALL, Vectors::name))]
    pub vectors: Vec<Vectors>,
}

impl Wanted {
    /// The selection that shows that a second kernel line behaves like the first.
    pub fn quick(self) -> Wanted {
        Wanted {
            layouts: vec![Layout::Split, Layout::Packed],
            vectors: vec![Vectors::Own, Vectors::Intx],
            ..self
        }
    }

    fn has(&self, place: Spot, device: Device) -> bool {
        fn any<T: PartialEq>(wanted: &[T], value: T) -> bool {
            wanted.is_empty() || wanted.contains(&value)
        }
        any(&self.devices, device)
            && any(&self.layouts, place.layout)
            && any(&self.vectors, place.vectors)
    }
}

/// The place of a boot in the matrix. All devices of the boot share it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Spot {
    pub vectors: Vectors,
    pub layout: Layout,
}

impl Spot {
    /// Only PCI has vectors; an MMIO device has one line.
    pub fn transport(self) -> Transport {
        match self.vectors {
            Vectors::Line => Transport::Mmio,
            _ => Transport::Pci,
        }
    }

    /// Returns the number of devices that fit into one machine.
    fn room(self) -> usize {
        match self.transport() {
            Transport::Pci => Device::ALL.len(),
            Transport::Mmio => MMIO_SLOTS,
        }
    }

    /// Returns the part of a machine that has the devices. With `slots` they can be unplugged. A
    /// network card has `pairs` queue pairs.
    pub fn board(self, offer: &Offer, devices: Vec<Device>, slots: bool, pairs: u32) -> Board {
        let transport = self.transport();
        let has_vectors = |device: &&Device| offer.has(**device, transport, "vectors");
        Board {
            transport,
            layout: self.layout,
            vectors: self.vectors,
            with_vectors: devices.iter().filter(has_vectors).copied().collect(),
            devices,
            slots,
            queues: QUEUES,
            pairs,
        }
    }

    /// Returns the guest's orders.
    pub fn matrix(self, devices: &[Device], offer: &Offer) -> Matrix {
        Matrix {
            layout: self.layout,
            vectors: self.vectors,
            devices: devices.to_vec(),
            all_checks: self.all_checks(),
            at_once: offer.at_once(devices, self.vectors),
        }
    }

    fn keys(self, matrix: &Matrix) -> Vec<CellKey> {
        let key = |(device, check)| CellKey {
            place: self,
            device,
            check,
        };
        matrix.cells().into_iter().map(key).collect()
    }

    fn options(self) -> String {
        format!("--layout {} --vectors {}", self.layout, self.vectors)
    }

    /// Returns whether all checks are run, which also take the device away and bring it back.
    /// Only the usual places have them.
    fn all_checks(self) -> bool {
        self.vectors == Vectors::Own && matches!(self.layout, Layout::Split | Layout::Packed)
    }

    /// Returns whether the matrix has a cell for this device here.
    fn takes(self, device: Device) -> bool {
        self.vectors != Vectors::PollQueues
            || (device == Device::Blk && self.layout == Layout::Split)
    }
}

/// Identifies one cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CellKey {
    pub place: Spot,
    pub device: Device,
    pub check: Check,
}

impl CellKey {
    pub fn name(&self) -> String {
        let Spot { vectors, layout } = self.place;
        let transport = self.place.transport();
        let name = format!("{}, {layout}, {vectors}, {transport}", self.device);
        match self.check {
            Check::Switch => name,
            check => format!("{name}: {check}"),
        }
    }

    /// Returns the options that select this cell, and the other checks of its device in the same
    /// place.
    pub fn options(&self) -> String {
        format!("--device {} {}", self.device, self.place.options())
    }
}

pub struct MatrixBoot {
    pub place: Spot,
    /// The index of this boot among the boots of its place.
    lot: usize,
    /// The guest's orders.
    pub matrix: Matrix,
}

impl MatrixBoot {
    pub fn keys(&self) -> Vec<CellKey> {
        self.place.keys(&self.matrix)
    }

    /// Returns the boot's name, which is also that of the folder of its logs.
    pub fn name(&self) -> String {
        let Spot { vectors, layout } = self.place;
        match self.lot {
            0 => format!("matrix-{vectors}-{layout}"),
            lot => format!("matrix-{vectors}-{layout}-{}", lot + 1),
        }
    }

    /// Returns the options that select this boot.
    pub fn options(&self) -> String {
        let devices: Vec<&str> = self.matrix.devices.iter().map(|d| d.name()).collect();
        format!("--device {} {}", devices.join(","), self.place.options())
    }

    /// While the switch of one device is flipped, that of another stays on, so a lone device gets a
    /// second one beside it.
    pub fn board(&self, offer: &Offer) -> Board {
        let all_checks = self.matrix.all_checks;
        let mut devices = self.matrix.devices.clone();
        if let ([only], true) = (&devices[..], all_checks) {
            devices.push(match only {
                Device::Rng => Device::Blk,
                _ => Device::Rng,
            });
        }
        self.place.board(offer, devices, all_checks, 1)
    }
}

/// The boots, and the cells that cannot be tested, with the reasons.
#[derive(Default)]
pub struct Selected {
    pub boots: Vec<MatrixBoot>,
    pub skipped: Vec<(CellKey, String)>,
}

pub fn select(wanted: &Wanted, offer: &Offer) -> Result<Selected> {
    let mut selected = Selected::default();
    for &vectors in Vectors::ALL {
        for &layout in Layout::ALL {
            let place = Spot { vectors, layout };
            let mut devices = Vec::new();
            for &device in Device::ALL {
                if !place.takes(device) || !wanted.has(place, device) {
                    continue;
                }
                let Some(why) = offer.lack(device, place.transport(), layout) else {
                    devices.push(device);
                    continue;
                };
                let untried = place.keys(&place.matrix(&[device], offer));
                let untried = untried.into_iter().map(|key| (key, why.clone()));
                selected.skipped.extend(untried);
            }
            let lots = devices.chunks(place.room()).enumerate();
            selected.boots.extend(lots.map(|(lot, devices)| MatrixBoot {
                place,
                lot,
                matrix: place.matrix(devices, offer),
            }));
        }
    }
    if selected.boots.is_empty() && selected.skipped.is_empty() {
        return Err(fault::usage(
            "no cell matches all options: poll_queues is tested only with blk and split",
        ));
    }
    Ok(selected)
}

#[cfg(test)]
mod tests {
    use super::super::qemu::tests::offer;
    use super::*;

    #[test]
    fn the_whole_matrix() {
        let offer = offer("7.3.4", &["in_order"]);
        let Selected { boots, skipped } = select(&Wanted::default(), &offer).unwrap();
        // Nine devices do not fit into one MMIO machine, so each layout takes two boots. The
        // in-order layouts are skipped there.
        assert_eq!(boots.len(), 6 * 3 + 1 + 2 * 4);
        let cells = |boot: &MatrixBoot| boot.keys().len();
        let poll_queues = boots
            .iter()
            .find(|boot| boot.place.vectors == Vectors::PollQueues);
        assert_eq!(poll_queues.map(cells), Some(1));
        // Without vhost the cells of vsock exist, and are skipped.
        let devices = Device::ALL.len();
        assert_eq!(cells(&boots[0]), (devices - 1) * Check::ALL.len());
        let skips = |place: Spot| skipped.iter().filter(|it| it.0.place == place).count();
        assert_eq!(skips(boots[0].place), Check::ALL.len());
        let mmio = &boots[boots.len() - 2..];
        assert_eq!(
            mmio.iter().map(cells).collect::<Vec<_>>(),
            [MMIO_SLOTS, devices - 1 - MMIO_SLOTS]
        );
        assert_eq!(skips(mmio[0].place), 1);
    }

    #[test]
    fn a_layout_that_nobody_has_is_skipped_and_not_missing() {
        let wanted = Wanted {
            layouts: vec![Layout::SplitInOrder],
            vectors: vec![Vectors::Shared],
            ..Wanted::default()
        };
        let selected = select(&wanted, &offer("6.12.117", &["in_order"])).unwrap();
        assert!(selected.boots.is_empty());
        assert_eq!(selected.skipped.len(), Device::ALL.len());
    }

    #[test]
    fn the_options_of_a_cell_select_its_place_alone() {
        let wanted = Wanted {
            devices: vec![Device::Rng],
            layouts: vec![Layout::Packed],
            vectors: vec![Vectors::Own],
        };
        let offer = offer("7.3.4", &[]);
        let boots = select(&wanted, &offer).unwrap().boots;
        assert_eq!(boots.len(), 1);
        let keys = boots[0].keys();
        assert_eq!(keys[0].name(), "rng, packed, own, pci");
        assert_eq!(keys[1].name(), "rng, packed, own, pci: unbind/bind");
        assert_eq!(
            keys[1].options(),
            "--device rng --layout packed --vectors own"
        );
        let board = boots[0].board(&offer);
        assert_eq!(board.devices, [Device::Rng, Device::Blk]);
    }

    #[test]
    fn what_cannot_be_is_a_wrong_argument() {
        let wanted = Wanted {
            layouts: vec![Layout::Packed],
            vectors: vec![Vectors::PollQueues],
            ..Wanted::default()
        };
        let err = select(&wanted, &offer("7.3.4", &[])).err().unwrap();
        assert_eq!(fault::kind_of(&err), fault::Kind::Usage);
    }
}
