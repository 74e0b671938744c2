// SPDX-License-Identifier: GPL-2.0
//! `check matrix`: tests every virtio device with each ring layout, kind of vectors and
//! transport. `matrix/select.rs` lists the cells, `ci/init/src/matrix.rs` is the guest's side.

mod boot;
mod echo;
pub mod qemu;
mod results;
mod select;
mod table;

use std::path::Path;

use anyhow::Result;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use fs_err as fs;
use guest_protocol::{Device, Layout, Vectors};

use crate::options::GuestArgs;
use boot::MatrixSetup;
use kernel::image::Image;
use qemu::Offer;
use results::CellOutcome;
use select::Wanted;
use toolbox::cases::{self, Case, Status};
use toolbox::fault;
use toolbox::place::Place;
use toolbox::tools::Need;
use vm::record::Record;

/// Test every virtio device with every ring layout and kind of vectors
///
/// Boots a guest for each layout and kind of vectors. The guest puts all its devices to work with
/// polling off, on and off again, and checks data, interrupts and hits. With a vector for each
/// queue (split and packed rings) it also unbinds and binds the driver, has the device unplugged
/// and plugged, and flips the switch 1000 times, all under load. Cells that this machine cannot
/// run are shown as skipped. Prints a table, and writes matrix.md, result.ktap, junit.xml and
/// run.json to the folder of results (target/matrix unless --out names another). Takes about half
/// an hour.
#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(flatten)]
    guest: GuestArgs,

    /// Test only these devices
    #[arg(long, value_delimiter = ',', value_parser = one_of(Device::ALL, Device::name))]
    device: Vec<Device>,

    /// Test only these ring layouts; no-idx is without event index
    #[arg(long, value_delimiter = ',', value_parser = one_of(Layout::ALL, Layout::name))]
    layout: Vec<Layout>,

    /// Test only these kinds of vectors; line is the interrupt line of an MMIO device
    #[arg(long, value_delimiter = ',', value_parser = one_of(Vectors::ALL, Vectors::name))]
    vectors: Vec<Vectors>,

    /// Test only split and packed rings, with a vector for each queue and without vectors
    #[arg(long, conflicts_with_all = ["layout", "vectors"])]
    quick: bool,
}

/// Returns a parser that accepts the names of `all` and yields the value with that name.
pub fn one_of<T>(all: &'static [T], name: fn(T) -> &'static str) -> impl TypedValueParser<Value = T>
where
    T: Copy + Send + Sync + 'static,
{
    let names: Vec<&str> = all.iter().map(|&value| name(value)).collect();
    PossibleValuesParser::new(names).map(move |given| {
        let found = all.iter().find(|&&value| name(value) == given);
        *found.expect("clap accepts only these names")
    })
}

pub fn main(args: Args) -> Result<()> {
    let place = Place::find()?;
    let out = args.guest.out.folder(&place, "matrix")?;
    let (rig, image, accel) = args.guest.ready(&place, &[Need::Fio, Need::Ipsec])?;
    let offer = Offer::of(&rig.tools.qemu, &image)?;
    let boots = select::boots(&args.wanted(), &offer)?;
    let setup = MatrixSetup {
        rig: &rig,
        image: &image,
        accel,
        offer: &offer,
    };

    if boots
        .iter()
        .any(|boot| boot.matrix.devices.contains(&Device::Vsock))
    {
        echo::start()?;
    }
    let mut record = Record::new(&rig, &image, accel);
    let mut outcomes = Vec::new();
    let mut faults = Vec::new();
    for boot in &boots {
        let tried = boot::run(&setup, boot, &mut record);
        // The record is written first: it is needed most if the guest has failed.
        record.write(&out)?;
        let (cells, fault) = tried?;
        outcomes.extend(cells);
        faults.extend(fault.map(|fault| (boot.place, fault)));
    }
    write(&out, &image, accel.name(), &outcomes, &faults)?;
    conclude(&outcomes, faults, &out)
}

impl Args {
    fn wanted(&self) -> Wanted {
        let quick = match self.quick {
            true => Wanted::quick(),
            false => Wanted {
                layouts: self.layout.clone(),
                vectors: self.vectors.clone(),
                ..Wanted::default()
            },
        };
        Wanted {
            devices: self.device.clone(),
            ..quick
        }
    }
}

type GuestFault = (select::Spot, anyhow::Error);

fn write(
    out: &Path,
    image: &Image,
    accel: &str,
    outcomes: &[CellOutcome],
    faults: &[GuestFault],
) -> Result<()> {
    let table = table::of_all(outcomes);
    println!("\n{table}");
    let head = format!("# Every virtio device\n\nLinux {}, {accel}.", image.version);
    let path = out.join("matrix.md");
    fs::write(&path, format!("{head} {table}"))?;

    let guest = |(place, fault): &GuestFault| Case {
        name: format!(
            "guest with {}, {}, {}: a clean console and an orderly end",
            place.layout,
            place.vectors,
            place.transport()
        ),
        status: Status::Fail,
        detail: format!("{fault:#}"),
    };
    let cells = outcomes.iter().map(CellOutcome::case);
    let cases: Vec<Case> = cells.chain(faults.iter().map(guest)).collect();
    cases::write(out, "matrix", &cases)
}

fn conclude(outcomes: &[CellOutcome], faults: Vec<GuestFault>, out: &Path) -> Result<()> {
    let count = |status| outcomes.iter().filter(|o| o.status == status).count();
    let (passed, failed, skipped) = (
        count(Status::Pass),
        count(Status::Fail),
        count(Status::Skip),
    );
    let said = format!(
        "{passed} passed, {failed} failed, {skipped} skipped; results in {}",
        out.display()
    );
    println!("{said}");
    // The fault of a guest explains more than the cells that failed because of it.
    if let Some((_, fault)) = faults.into_iter().next() {
        return Err(fault.context(format!("a guest failed; {said}")));
    }
    if failed > 0 {
        return Err(fault::test_failed(said));
    }
    if passed == 0 {
        return Err(fault::environment(format!(
            "no cell can be tested on this machine: {said}"
        )));
    }
    Ok(())
}
