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
use guest_protocol::{ModuleTest, Scenario};

use crate::boot_test::{lifetime, two_disks};
use crate::checked::{Checked, tell};
use crate::soak::lost::{self, FEW, MANY};
use crate::testbed::TestBed;
use kernel::image::Image;
use kernel::module::build;
use kernel::module::stock::Stock;
use plants::{Check, Plant};
use toolbox::cases::{Case, Status};
use toolbox::fault;
use toolbox::git::Git;
use toolbox::line;
use toolbox::options::{AccelArgs, BaseArgs, OutArgs, SeedArgs};
use toolbox::place::Place;
use toolbox::tools::{self, Need};
use vm::accel;
use vm::machine::Disk;
use vm::session::{Limits, Plan, Rig};

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
    let mut all = Checked::none();
    if args.planted.is_none() {
        for stock in args.kernels() {
            all.add(test(&rig, stock, &args, &out)?);
        }
    }
    for (plant, check) in planted {
        all.add(plant_is_caught(&rig, &plant, &check, &args, &out)?);
    }
    all.write(&out, "module")
}

/// Tests one kernel. Runs all guests, even after one has failed: their results help to explain it.
fn test(rig: &Rig, stock: Stock, args: &Args, out: &Path) -> Result<Checked> {
    let image = Image::stock(&rig.place, stock, None)?;
    let label = format!("Linux {}", image.version);
    println!("{label}");
    let bed = args.bed(rig, image, out.join(stock.to_string()))?;
    let plan = plan(&bed, stock, args.amounts())?;
    let mut all = Checked::of(bed.run(&plan, tell)?);
    if args.all || !args.stock.is_empty() || stock.line == line::DEFAULT {
        all.add(lifetime::run(&bed)?);
    }
    let operations = args.amounts().operations;
    all.add(lost::search(&bed, args.seed.seed(), operations)?);
    Ok(all.labelled(&label))
}

/// Runs `check` with a module that has the bug. Returns one case, which passes if the check failed.
fn plant_is_caught(
    rig: &Rig,
    plant: &Plant,
    check: &str,
    args: &Args,
    out: &Path,
) -> Result<Checked> {
    println!("planted: {}", plant.name);
    let image = Image::stock(&rig.place, args.kernels()[0], Some(plant))?;
    let bed = args.bed(rig, image, out.join(format!("planted-{}", plant.name)))?;
    let tried = match check {
        NONE_IS_LOST => lost::search(&bed, args.seed.seed(), MANY)?,
        _ => lifetime::run(&bed)?,
    };
    let caught = |case: &Case| case.name.ends_with(check) && case.status == Status::Fail;
    let caught = tried.cases.iter().any(caught);
    let detail = match &tried.outcome {
        Ok(()) => "every check passed".to_owned(),
        Err(err) => format!("{err:#}"),
    };
    let (bug, version) = (&plant.name, &bed.image.version);
    let outcome = match caught {
        true => Ok(()),
        false => Err(fault::test_failed(format!(
            "{bug} was not caught on Linux {version}: {detail}"
        ))),
    };
    let case = Case {
        name: format!("Linux {version}: {bug} is caught"),
        status: caught.into(),
        detail,
    };
    println!("{}  {}", case.status.sign(), case.name);
    Ok(Checked {
        cases: vec![case],
        outcome,
    })
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
        if self.planted.is_none() && !self.all {
            return Ok(Vec::new());
        }
        let mut plants = Vec::new();
        for plant in plants::load(root)? {
            let checks = plant.caught.iter().filter_map(Check::of_module);
            plants.extend(checks.map(|check| (plant.clone(), check.says.clone())));
        }
        let Some(Some(wanted)) = &self.planted else {
            return Ok(plants);
        };
        let (found, others): (Vec<_>, Vec<_>) = plants
            .into_iter()
            .partition(|(plant, _)| plant.name == *wanted);
        if found.is_empty() {
            let known: Vec<&str> = others.iter().map(|(it, _)| it.name.as_str()).collect();
            return Err(fault::usage(format!(
                "no such bug: {wanted}; known: {}",
                known.join(", ")
            )));
        }
        Ok(found)
    }

    fn amounts(&self) -> &'static Amounts {
        if self.all { &LONG } else { &SHORT }
    }

    fn bed(&self, rig: &Rig, image: Image, out: PathBuf) -> Result<TestBed> {
        let accel = accel::choose(rig, &image, self.accel.accel)?;
        fs::create_dir_all(&out)?;
        Ok(TestBed::new(rig.clone(), image, accel, out))
    }
}

fn plan(bed: &TestBed, stock: Stock, amounts: &Amounts) -> Result<Plan> {
    let loads = amounts.loads;
    let (place, tools) = (&bed.rig.place, &bed.rig.tools);
    let mut programs = vec![tools.fio.clone(), tools.busybox.clone()];
    programs.extend(selftest(place, stock)?);
    programs.push(build::build_other_idle(place, stock)?);
    let machine = two_disks(Disk::Timed {
        latency: LATENCY,
        queues: 2,
    });
    let scenario = Scenario::Module(ModuleTest {
        feature: bed.image.feature(),
        pairs: amounts.pairs,
        loads,
        flips: amounts.flips,
        idle_seconds: IDLE_SECONDS,
    });
    let patience = bed.accel.patience();
    let limits = Limits {
        silence: (SILENCE + LOAD * loads) * patience,
        total: (SILENCE * 3 + LOAD * loads) * patience,
    };
    Ok(Plan {
        programs,
        ..bed.plan(format!("module-{stock}"), machine, scenario, limits)
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
    fs::create_dir_all(&dir)?;
    fs::write(&helpers, text)?;
    let own = place
        .root
        .join("c-shim/kernel/tools/testing/selftests/poll_source");
    Ok(vec![own.join(test), own.join(disk), helpers])
}
