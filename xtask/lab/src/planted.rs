// SPDX-License-Identifier: GPL-2.0
//! `planted`: bugs put into the kernel on purpose, and the check that must catch each. A check that
//! stays green on them, or is red without them, checks nothing.

mod manifest;
mod trial;

use anyhow::Result;

use kernel::build_kernel;
use kernel::image::Image;
use manifest::GuestPlant;
use toolbox::cases::{self, Case};
use toolbox::fault::{self, Kind};
use toolbox::options::{AccelArgs, BaseArgs, OutArgs};
use toolbox::place::Place;
use toolbox::tools::Need;
use trial::{Trial, Tried};
use vm::accel;
use vm::session::Rig;

/// Plant bugs in the kernel, and check that they are caught
///
/// The manifest in ci/planted says what is wrong, which check must catch it, and how: the bugs are
/// those with checks "by guest". The kernel without a bug must pass each of these checks first. A bug
/// compiles only what it touches, and its kernel goes to target/kernel/planted. Leaves result.ktap and
/// junit.xml in the folder of results (target/planted unless --out says otherwise), and what each
/// check printed in target/logs/planted-NAME.log.
#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(flatten)]
    base: BaseArgs,
    #[command(flatten)]
    accel: AccelArgs,
    #[command(flatten)]
    out: OutArgs,

    /// Only these bugs
    #[arg(long, value_name = "NAME", num_args = 1..)]
    only: Vec<String>,

    /// Only the few bugs that are caught fastest
    #[arg(long, conflicts_with = "only")]
    quick: bool,
}

pub fn main(args: Args) -> Result<()> {
    let place = Place::find()?;
    let plants = manifest::load(&place.root)?;
    let plants = args.chosen(plants)?;
    let out = args.out.folder(&place, "planted")?;
    let needs = [Need::Fetch, Need::Kernel, Need::Guest, Need::Fio];
    let (source, tools) = source::with_tools(&place, &args.base, |_| Ok(needs.into()))?;
    let bugs: Vec<_> = plants.iter().map(|it| &it.plant).collect();
    build_kernel::take_plants(&place, &source, &bugs)?;

    let clean = build_kernel::build(&place, &source)?;
    let rig = Rig::with_tools(&place, tools)?;
    let accel = accel::choose(&rig, &Image::file(&clean.bzimage)?, args.accel.accel)?;
    let trial = Trial {
        place: &place,
        accel,
        out: &out,
    };
    let mut all = Vec::new();
    for plant in manifest::commands(&plants) {
        let kernel = build_kernel::build_variant(&place, &source, &plant.variant());
        all.push(tell(trial.without(plant, kernel)?));
    }
    for plant in &plants {
        let kernel = build_kernel::build_planted(
            &place,
            &source,
            &plant.variant(),
            &plant.plant,
            &place.kernel_out("planted"),
        );
        all.push(tell(trial.with(plant, kernel)?));
    }
    let cases: Vec<Case> = all.iter().map(Tried::case).collect();
    cases::write(&out, "planted", &cases)?;
    conclude(&all)
}

impl Args {
    fn chosen(&self, mut plants: Vec<GuestPlant>) -> Result<Vec<GuestPlant>> {
        let known = |name: &&String| plants.iter().any(|it| it.plant.name == **name);
        if let Some(unknown) = self.only.iter().find(|name| !known(name)) {
            let names: Vec<&str> = plants.iter().map(|it| it.plant.name.as_str()).collect();
            return Err(fault::usage(format!(
                "--only {unknown}: there are {}",
                names.join(", ")
            )));
        }
        plants.retain(|it| match self.quick {
            true => it.check.quick,
            false => self.only.is_empty() || self.only.contains(&it.plant.name),
        });
        Ok(plants)
    }
}

/// As soon as it is known, for the whole takes long.
fn tell(tried: Tried) -> Tried {
    println!(
        "{}  {}: {} ({:.0} s)",
        tried.status().sign(),
        tried.name,
        tried.detail(),
        tried.took.as_secs_f64()
    );
    tried
}

fn conclude(all: &[Tried]) -> Result<()> {
    let bad: Vec<&Tried> = all.iter().filter(|tried| !tried.is_good()).collect();
    let Some(first) = bad.first() else {
        return Ok(());
    };
    let kind = match first.is_built {
        true => Kind::TestFailed,
        false => Kind::Build,
    };
    let lines: String = bad
        .iter()
        .map(|tried| format!("\n  {}: {}", tried.name, tried.detail()))
        .collect();
    Err(fault::fault(
        kind,
        format!("{} of {} went otherwise:{lines}", bad.len(), all.len()),
    ))
}
