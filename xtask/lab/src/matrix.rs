// SPDX-License-Identifier: GPL-2.0
//! `check matrix`: tests every virtio device with each ring layout, kind of vectors and
//! transport. `matrix/select.rs` lists the cells, `ci/init/src/matrix.rs` is the guest's side.

mod boot;
mod echo;
pub mod qemu;
mod results;
pub mod select;
mod table;

use anyhow::Result;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use fs_err as fs;
use guest_protocol::Device;

use crate::testbed::{GuestArgs, TestBed};
use qemu::Offer;
use results::CellOutcome;
use select::{Selected, Wanted};
use toolbox::cases::{self, Case, Status};
use toolbox::fault;
use toolbox::place::Place;
use toolbox::tools::Need;

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

    #[command(flatten)]
    wanted: Wanted,

    /// Test only split and packed rings, with a vector for each queue and without vectors
    #[arg(long, conflicts_with_all = ["layouts", "vectors"])]
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
    let needs = [Need::Fio, Need::Ipsec];
    let bed = args.guest.ready(&place, "matrix", &needs)?;
    let offer = Offer::of(&bed.rig.tools.qemu, &bed.image)?;
    let wanted = match args.quick {
        true => args.wanted.quick(),
        false => args.wanted,
    };
    let Selected { boots, skipped } = select::select(&wanted, &offer)?;
    if boots
        .iter()
        .any(|boot| boot.matrix.devices.contains(&Device::Vsock))
    {
        echo::start()?;
    }
    let skipped = skipped.into_iter();
    let mut outcomes: Vec<_> = skipped
        .map(|(key, why)| boot::tell(CellOutcome::new(key, Status::Skip, why)))
        .collect();
    let mut faults = Vec::new();
    for boot in &boots {
        let (cells, fault) = boot::run(&bed, &offer, boot)?;
        outcomes.extend(cells);
        faults.extend(fault.map(|fault| (boot.place, fault)));
    }
    write(&bed, &outcomes, &faults)?;
    conclude(&bed, &outcomes, faults)
}

type GuestFault = (select::Spot, anyhow::Error);

fn write(bed: &TestBed, outcomes: &[CellOutcome], faults: &[GuestFault]) -> Result<()> {
    let table = table::of_all(outcomes);
    println!("\n{table}");
    let (version, accel) = (&bed.image.version, bed.accel.name());
    let head = format!("# Every virtio device\n\nLinux {version}, {accel}.");
    fs::write(bed.out.join("matrix.md"), format!("{head} {table}"))?;

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
    cases::write(&bed.out, "matrix", &cases)
}

fn conclude(bed: &TestBed, outcomes: &[CellOutcome], faults: Vec<GuestFault>) -> Result<()> {
    let [passed, failed, skipped] = [Status::Pass, Status::Fail, Status::Skip]
        .map(|status| outcomes.iter().filter(|it| it.status == status).count());
    let said = format!(
        "{passed} passed, {failed} failed, {skipped} skipped; results in {}",
        bed.out.display()
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
