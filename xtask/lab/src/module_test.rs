// SPDX-License-Identifier: GPL-2.0
//! `module test`: the module on stock kernels, from its loading to what is left after it. What the
//! guest does: `ci/init/src/module.rs` and, for lost events, `lost.rs`.

mod installed;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use guest_protocol::losses::NONE_IS_LOST;
use guest_protocol::module_test::SELFTEST;
use guest_protocol::{ModuleTest, Scenario, Smoke};

use crate::boot_test::{case, found};
use crate::soak::lost::{FEW, MANY, Search};
use kernel::image::Image;
use kernel::module::build;
use kernel::module::stock::Stock;
use kit::cases::{self, Case, Status};
use kit::fault;
use kit::git::Git;
use kit::options::{AccelArgs, BaseArgs, OutArgs, SeedArgs};
use kit::place::Place;
use kit::tools::{self, Need};
use plants::{Check, Plant};
use vm::accel::{self, Accelerator};
use vm::machine::{Disk, Machine, Network};
use vm::record::{Record, again};
use vm::session::{Limits, Plan, Rig, Session};
use vm::threads::Threads;

const LATENCY: Duration = Duration::from_micros(100);
/// Without a report, under KVM; TCG gets a multiple. The selftest is the longest.
const SILENCE: Duration = Duration::from_secs(60);
/// For one load and unload, likewise.
const LOAD: Duration = Duration::from_secs(2);
const HELPERS: &str = "tools/testing/selftests/kselftest/ktap_helpers.sh";

/// Test the module on stock kernels
///
/// Boots Debian's own kernel with the module: the series' selftest, data under load while the switch
/// is flipped and the module is unloaded and loaded, the ticks of an idle processor, what the module
/// leaves behind, an idle driver that was there first. Then it searches for lost events. Takes a few
/// minutes for the two generic kernels; --all adds the cloud kernels, and runs longer. Leaves
/// result.ktap, junit.xml and run.json in the folder of results (target/module-test unless --out
/// says otherwise).
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Only these kernels of Debian 13
    #[arg(long, value_name = "LINE[-cloud]", value_delimiter = ',')]
    stock: Vec<Stock>,

    /// All stock kernels, 200 loads, 1000 flips, 500000 operations to find a lost event
    #[arg(long)]
    all: bool,

    /// Only build a module that loses events, and check that the test notices; part of --all
    #[arg(long, conflicts_with = "all")]
    planted: bool,

    /// Test the Debian package instead: DKMS builds it for the distribution's kernel, a guest boots
    /// that machine, uses the module and removes the package [default kernel: 6.12]
    #[arg(long)]
    package: bool,

    #[command(flatten)]
    accel: AccelArgs,
    #[command(flatten)]
    out: OutArgs,
    #[command(flatten)]
    seed: SeedArgs,
}

/// How much of everything.
struct Amounts {
    pairs: u32,
    loads: u32,
    flips: u32,
    idle_seconds: u64,
    operations: u64,
}

const SHORT: Amounts = Amounts {
    pairs: 2,
    loads: 10,
    flips: 50,
    idle_seconds: 10,
    operations: FEW,
};

const LONG: Amounts = Amounts {
    pairs: 6,
    loads: 200,
    flips: 1000,
    idle_seconds: 10,
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
    let needs = [Need::Fetch, Need::Guest, Need::Fio, Need::ByHand];
    let rig = Rig::with_tools(&place, tools::ensure(&place, &needs)?)?;
    println!("seed {}", args.seed.seed());
    let mut all = Vec::new();
    let mut outcome = Ok(());
    let kernels = match args.planted {
        true => Vec::new(),
        false => args.kernels(),
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
    if args.all || args.planted {
        let stock = args.kernels()[0];
        let mut plants = plants::load(&place.root)?;
        plants.retain(|plant| plant.caught.iter().any(Check::is_of_module));
        for plant in &plants {
            let (case, caught) = plant_is_caught(&place, &rig, stock, plant, &args)?;
            all.push(case);
            outcome = outcome.and(caught);
        }
    }
    cases::write(&out, "module", &all)?;
    outcome
}

/// Whether the search for lost events finds those of a module that loses some.
fn plant_is_caught(
    place: &Place,
    rig: &Rig,
    stock: Stock,
    plant: &Plant,
    args: &Args,
) -> Result<(Case, Result<()>)> {
    println!("planted: {}", plant.name);
    let image = Image::stock(place, &build::build_planted(place, stock, plant)?)?;
    let search = Search {
        rig,
        accel: accel::choose(rig, &image, args.accel.accel)?,
        seed: args.seed.seed(),
        operations: MANY,
        again: again(),
        image: &image,
    };
    let mut record = Record::new(rig, &image, search.accel);
    let (cases, searched) = search.run(&mut record)?;
    let caught = |case: &Case| case.name.ends_with(NONE_IS_LOST) && case.status == Status::Fail;
    let caught = cases.iter().any(caught);
    let detail = match &searched {
        Ok(()) => "every check passed".to_owned(),
        Err(err) => format!("{err:#}"),
    };
    let name = format!("Linux {}: {} is caught", image.version, plant.name);
    let outcome = match caught {
        true => Ok(()),
        false => Err(fault::test_failed(format!("not so: {name}: {detail}"))),
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
            // It takes long, and installs the same on each.
            (true, false) if self.package => vec![Stock::OF_RELEASE],
            (true, false) => Stock::all().filter(|stock| !stock.cloud).collect(),
        }
    }

    fn amounts(&self) -> &'static Amounts {
        if self.all { &LONG } else { &SHORT }
    }
}

/// One kernel.
struct ModuleTrial<'a> {
    place: &'a Place,
    rig: &'a Rig,
    accel: Accelerator,
    image: Image,
    stock: Stock,
    args: &'a Args,
}

impl ModuleTrial<'_> {
    /// Both guests, the second also where the first failed: what it finds says more.
    fn run(&self, out: &Path) -> Result<(Vec<Case>, Result<()>)> {
        let label = format!("Linux {}", self.image.version);
        println!("{label}");
        let mut record = Record::new(self.rig, &self.image, self.accel);
        let plan = self.plan()?;
        let ended = Session::start(self.rig, &plan)?.finish(|report| {
            if let Some(case) = case(report, None) {
                println!("{}  {}: {}", case.status.sign(), case.name, case.detail);
            }
        })?;
        record.add(&ended);
        let mut cases = found(&ended, Some(&label));
        let search = Search {
            rig: self.rig,
            image: &self.image,
            accel: self.accel,
            seed: self.args.seed.seed(),
            operations: self.args.amounts().operations,
            again: format!("cargo xtask soak --lost --stock {}", self.stock),
        };
        let (more, searched) = search.run(&mut record)?;
        cases.extend(more.into_iter().map(|case| Case {
            name: format!("{label}: {}", case.name),
            ..case
        }));
        let dir = out.join(self.stock.to_string());
        fs::create_dir_all(&dir).with_context(|| format!("creating {}", dir.display()))?;
        record.write(&dir)?;
        let outcome = ended.outcome.and(searched);
        Ok((cases, outcome.map_err(|err| err.context(label))))
    }

    fn plan(&self) -> Result<Plan> {
        let Amounts {
            pairs,
            loads,
            flips,
            idle_seconds,
            ..
        } = *self.args.amounts();
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
            machine: Machine {
                cpus: 2,
                disks: vec![timed, Disk::Memory],
                network: Network::Shut,
                ..Machine::bare()
            },
            accel: self.accel,
            scenario: Scenario::Module(ModuleTest {
                smoke: Smoke {
                    timed_disk: "vda".into(),
                    memory_disk: "vdb".into(),
                    feature: self.image.feature(),
                },
                pairs,
                loads,
                flips,
                idle_seconds,
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

/// The selftest that the series brings, and the helpers that the kernel has for it.
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
