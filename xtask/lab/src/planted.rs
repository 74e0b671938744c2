// SPDX-License-Identifier: GPL-2.0
//! `check planted`: plants bugs in the kernel, and runs the check that must catch each. A check
//! that passes with its bug, or fails without it, checks nothing.

mod manifest;
mod trial;

use anyhow::Result;

use kernel::build_kernel;
use kernel::image::Image;
use manifest::GuestPlant;
use toolbox::cases::{self, Case, Status};
use toolbox::fault;
use toolbox::options::{AccelArgs, BaseArgs, OutArgs};
use toolbox::place::Place;
use toolbox::tools::Need;
use trial::Trial;
use vm::accel;
use vm::session::Rig;

/// Plant bugs in the kernel, and check that they are caught
///
/// The manifest in ci/planted has the bugs, and for each bug the checks that must catch it, and
/// how. This command runs those "by guest". The kernel without a bug must pass each of these
/// checks first. For a bug only the affected files are compiled, and its kernel goes to
/// target/kernel/planted. Writes result.ktap and junit.xml to the folder of results
/// (target/planted unless --out names another), and the output of each check to
/// target/logs/planted-NAME.log.
#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(flatten)]
    base: BaseArgs,
    #[command(flatten)]
    accel: AccelArgs,
    #[command(flatten)]
    out: OutArgs,

    /// Test only these bugs
    #[arg(long, value_name = "NAME", num_args = 1..)]
    only: Vec<String>,

    /// Test only the few bugs that are caught fastest
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
        all.push(trial.without(plant, kernel)?);
    }
    for plant in &plants {
        let kernel = build_kernel::build_planted(
            &place,
            &source,
            &plant.variant(),
            &plant.plant,
            &place.kernel_out("planted"),
        );
        all.push(trial.with(plant, kernel)?);
    }
    cases::write(&out, "planted", &all)?;
    conclude(&all)
}

impl Args {
    fn chosen(&self, mut plants: Vec<GuestPlant>) -> Result<Vec<GuestPlant>> {
        let known = |name: &&String| plants.iter().any(|it| it.plant.name == **name);
        if let Some(unknown) = self.only.iter().find(|name| !known(name)) {
            let names: Vec<&str> = plants.iter().map(|it| it.plant.name.as_str()).collect();
            return Err(fault::usage(format!(
                "--only {unknown}: no such bug; known: {}",
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

fn conclude(all: &[Case]) -> Result<()> {
    let is_bad = |case: &&Case| case.status == Status::Fail;
    let line = |case: &Case| format!("\n  {}: {}", case.name, case.detail);
    let bad: Vec<String> = all.iter().filter(is_bad).map(line).collect();
    match bad.is_empty() {
        true => Ok(()),
        false => Err(fault::test_failed(format!(
            "{} of {} checks did not end as expected:{}",
            bad.len(),
            all.len(),
            bad.concat()
        ))),
    }
}
