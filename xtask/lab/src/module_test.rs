// SPDX-License-Identifier: GPL-2.0
//! `module test`: tests the module on stock kernels, from its loading to what it leaves behind.
//! The guest's side is `ci/init/src/module.rs` and, for lost events, `ci/init/src/lost.rs`.

mod installed;

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use fs_err as fs;
use guest_protocol::losses::NONE_IS_LOST;
use guest_protocol::module_test::SELFTEST;
use guest_protocol::{ModuleTest, Scenario, Smoke};

use crate::boot_test::{found, lifetime, tell, two_disks};
use crate::soak::lost::{FEW, MANY, Search};
use kernel::image::Image;
use kernel::module::build;
use kernel::module::stock::Stock;
use plants::{Check, Plant};
use toolbox::cases::{self, Case, Status};
use toolbox::fault;
use toolbox::git::Git;
use toolbox::line;
use toolbox::options::{AccelArgs, BaseArgs, OutArgs, SeedArgs};
use toolbox::place::Place;
use toolbox::tools::{self, Need};
use vm::accel::{self, Accelerator};
use vm::machine::Disk;
use vm::record::{Record, again};
use vm::session::{Limits, Plan, Rig, Session};
use vm::threads::Threads;

const LATENCY: Duration = Duration::from_micros(100);
/// How long the guest may report nothing, under KVM. TCG gets a multiple. The selftest takes
/// longest.
const SILENCE: Duration = Duration::from_secs(60);
const IDLE_SECONDS: u64 = 10;
/// Time for one load and unload, under KVM. TCG gets a multiple.
const LOAD: Duration = Duration::from_secs(2);
const HELPERS: &str = "tools/testing/selftests/kselftest/ktap_helpers.sh";

/// Test the module on stock kernels
///
/// Boots Debian's own kernel with the module. The first guest runs the selftest of the series. It
/// also tests data under load while the switch is flipped and the module is unloaded and loaded,
/// the ticks of an idle CPU, what the module leaves behind, and an idle driver that was there
/// first. A second guest is suspended to RAM, attaches XDP, and is restarted by kexec and by a
/// reset, under load (alone: `boot-test --scenario lifetime`); with 6.12 only if --stock names
/// it, or with --all. Then the command searches for lost events. Takes a few minutes for the two
/// generic kernels; --all adds the cloud kernels, and runs longer. Writes result.ktap and
/// junit.xml, and LINE[-cloud]/run.json for each kernel, to the folder of results
/// (target/module-test unless --out names another).
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Test only these kernels of Debian 13
    #[arg(long, value_name = "LINE[-cloud]", value_delimiter = ',')]
    stock: Vec<Stock>,

    /// Test all stock kernels, with 200 loads, 1000 flips, and 500000 operations in the search
    /// for lost events
    #[arg(long)]
    all: bool,

    /// Only build modules with planted bugs, all or this one, and check that the test catches
    /// each; part of --all
    #[arg(long, value_name = "BUG", num_args = 0..=1, conflicts_with = "all")]
    planted: Option<Option<String>>,

    /// Test the Debian package instead: DKMS builds the module for the distribution's kernel, a
    /// guest boots that system, uses the module and removes the package [default kernel: 6.12]
    #[arg(long)]
    package: bool,

    #[command(flatten)]
    accel: AccelArgs,
    #[command(flatten)]
    out: OutArgs,
    #[command(flatten)]
    seed: SeedArgs,
}

/// How often each part of the test is repeated.
struct Amounts {
    pairs: u32,
    loads: u32,
    flips: u32,
    operations: u64,
}

const SHORT: Amounts = Amounts {
    pairs: 2,
    loads: 10,
    flips: 50,
    operations: FEW,
};

const LONG: Amounts = Amounts {
    pairs: 6,
    loads: 200,
    flips: 1000,
    operations: MANY,
};

pub fn main(args: Args) -> Result<()> {
    let place = Place::find()?;
    if args.package {
        let kernels = args.kernels();
        return kernels
            .into_iter()
            .try_for_each(|stock| installed::run(&place, stock, args.accel.accel));
    }
    let out = args.out.folder(&place, "module-test")?;
    let planted = args.plants(&place.root)?;
    let needs = [Need::Fetch, Need::Guest, Need::Fio, Need::ByHand];
    let rig = Rig::with_tools(&place, tools::ensure(&place, &needs)?)?;
    println!("seed {}", args.seed.seed());
    let mut all = Vec::new();
    let mut outcome = Ok(());
    let kernels = match args.planted {
        Some(_) => Vec::new(),
        None => args.kernels(),
    };
    for stock in kernels {
        let image = Image::stock(&place, &build::build_stock(&place, stock)?)?;
        let trial = ModuleTrial {
            place: &place,
            rig: &rig,
            accel: accel::choose(&rig, &image, args.accel.accel)?,
            image,
            stock,
            args: &args,
        };
        let (cases, ended) = trial.run(&out)?;
        all.extend(cases);
        outcome = outcome.and(ended);
    }
    for (plant, check) in planted {
        let stock = args.kernels()[0];
        let (case, caught) = plant_is_caught(&place, &rig, stock, &plant, &check, &args)?;
        all.push(case);
        outcome = outcome.and(caught);
    }
    cases::write(&out, "module", &all)?;
    outcome
}

/// Runs `check` with a module that has the bug. Returns the case, and a fault unless the check
/// failed.
fn plant_is_caught(
    place: &Place,
    rig: &Rig,
    stock: Stock,
    plant: &Plant,
    check: &str,
    args: &Args,
) -> Result<(Case, Result<()>)> {
    println!("planted: {}", plant.name);
    let image = Image::stock(place, &build::build_planted(place, stock, plant)?)?;
    let accel = accel::choose(rig, &image, args.accel.accel)?;
    let mut record = Record::new(rig, &image, accel);
    let (cases, tried) = match check {
        NONE_IS_LOST => {
            let search = Search {
                rig,
                image: &image,
                accel,
                seed: args.seed.seed(),
                operations: MANY,
            };
            search.run(&mut record)?
        }
        _ => lifetime::run(rig, &image, accel, &mut record)?,
    };
    let caught = |case: &Case| case.name.ends_with(check) && case.status == Status::Fail;
    let caught = cases.iter().any(caught);
    let detail = match &tried {
        Ok(()) => "every check passed".to_owned(),
        Err(err) => format!("{err:#}"),
    };
    let name = format!("Linux {}: {} is caught", image.version, plant.name);
    let outcome = match caught {
        true => Ok(()),
        false => Err(fault::test_failed(format!(
            "{} was not caught on Linux {}: {detail}",
            plant.name, image.version
        ))),
    };
    let case = Case {
        name,
        status: caught.into(),
        detail,
    };
    println!("{}  {}", case.status.sign(), case.name);
    Ok((case, outcome))
}

impl Args {
    fn kernels(&self) -> Vec<Stock> {
        match (self.stock.is_empty(), self.all) {
            (false, _) => self.stock.clone(),
            (true, true) => Stock::all().collect(),
            // The test of the package takes long, and installs the same package on each kernel.
            (true, false) if self.package => vec![Stock::OF_RELEASE],
            (true, false) => Stock::all().filter(|stock| !stock.cloud).collect(),
        }
    }

    /// Returns the requested planted bugs, each with the end of the name of the case that must
    /// fail.
    fn plants(&self, root: &Path) -> Result<Vec<(Plant, String)>> {
        let wanted = match &self.planted {
            None if !self.all => return Ok(Vec::new()),
            None | Some(None) => None,
            Some(Some(name)) => Some(name),
        };
        let of_module = |plant: Plant| {
            let checks = plant.caught.iter().filter_map(Check::of_module);
            let says: Vec<String> = checks.map(|check| check.says.clone()).collect();
            says.into_iter().map(move |says| (plant.clone(), says))
        };
        let mut plants: Vec<_> = plants::load(root)?
            .into_iter()
            .flat_map(of_module)
            .collect();
        let Some(wanted) = wanted else {
            return Ok(plants);
        };
        let names: Vec<String> = plants.iter().map(|(plant, _)| plant.name.clone()).collect();
        plants.retain(|(plant, _)| plant.name == *wanted);
        if plants.is_empty() {
            let known = names.join(", ");
            return Err(fault::usage(format!(
                "no such bug: {wanted}; known: {known}"
            )));
        }
        Ok(plants)
    }

    fn amounts(&self) -> &'static Amounts {
        if self.all { &LONG } else { &SHORT }
    }
}

/// The test of one kernel.
struct ModuleTrial<'a> {
    place: &'a Place,
    rig: &'a Rig,
    accel: Accelerator,
    image: Image,
    stock: Stock,
    args: &'a Args,
}

impl ModuleTrial<'_> {
    /// Runs all guests, even after one has failed: their results help to explain it. Returns all
    /// cases and the first fault.
    fn run(&self, out: &Path) -> Result<(Vec<Case>, Result<()>)> {
        let label = format!("Linux {}", self.image.version);
        println!("{label}");
        let mut record = Record::new(self.rig, &self.image, self.accel);
        let plan = self.plan()?;
        let ended = Session::start(self.rig, &plan)?.finish(|report| tell(report, None))?;
        record.add(&ended);
        let mut cases = found(&ended, Some(&label));
        let mut outcome = ended.outcome;
        if self.args.all || !self.args.stock.is_empty() || self.stock.line == line::DEFAULT {
            let (more, lived) = lifetime::run(self.rig, &self.image, self.accel, &mut record)?;
            cases.extend(labelled(more, &label));
            outcome = outcome.and(lived);
        }
        let search = Search {
            rig: self.rig,
            image: &self.image,
            accel: self.accel,
            seed: self.args.seed.seed(),
            operations: self.args.amounts().operations,
        };
        let (more, searched) = search.run(&mut record)?;
        cases.extend(labelled(more, &label));
        let dir = out.join(self.stock.to_string());
        fs::create_dir_all(&dir)?;
        record.write(&dir)?;
        let outcome = outcome.and(searched);
        Ok((cases, outcome.map_err(|err| err.context(label))))
    }

    fn plan(&self) -> Result<Plan> {
        let &Amounts {
            pairs,
            loads,
            flips,
            ..
        } = self.args.amounts();
        let patience = self.accel.patience();
        let timed = Disk::Timed {
            latency: LATENCY,
            queues: 2,
        };
        let mut programs = vec![self.rig.tools.fio.clone(), self.rig.tools.busybox.clone()];
        programs.extend(selftest(self.place, self.stock)?);
        programs.push(build::build_other_idle(self.place, self.stock)?);
        Ok(Plan {
            name: format!("module-{}", self.stock),
            image: self.image.clone(),
            machine: two_disks(timed),
            accel: self.accel,
            scenario: Scenario::Module(ModuleTest {
                smoke: Smoke {
                    feature: self.image.feature(),
                },
                pairs,
                loads,
                flips,
                idle_seconds: IDLE_SECONDS,
            }),
            programs,
            limits: Limits {
                silence: (SILENCE + LOAD * loads) * patience,
                total: (SILENCE * 3 + LOAD * loads) * patience,
            },
            threads: Threads::Anywhere,
            rerun: again(),
        })
    }
}

fn labelled(cases: Vec<Case>, label: &str) -> impl Iterator<Item = Case> {
    cases.into_iter().map(move |case| Case {
        name: format!("{label}: {}", case.name),
        ..case
    })
}

/// Returns the files of the selftest: the scripts of the series, and the kernel's helpers for
/// them.
fn selftest(place: &Place, stock: Stock) -> Result<Vec<PathBuf>> {
    let base = BaseArgs::of_line(stock.line);
    let source = source::get(place, &base)?;
    let [test, disk, helpers] = SELFTEST;
    let text = Git::bare(&source.git)?.file(&source.base, HELPERS)?;
    let text = text.with_context(|| format!("Linux {} has no {HELPERS}", source.version))?;
    let dir = place.target().join("module-test");
    let helpers = dir.join(helpers);
    fs::create_dir_all(&dir)
        .and_then(|()| fs::write(&helpers, text))
        .with_context(|| format!("writing {}", helpers.display()))?;
    let own = place
        .root
        .join("c-shim/kernel/tools/testing/selftests/poll_source");
    Ok(vec![own.join(test), own.join(disk), helpers])
}
