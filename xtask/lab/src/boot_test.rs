// SPDX-License-Identifier: GPL-2.0
//! `boot-test`: runs one scenario, in one guest or several, with one result. `ci/init` implements
//! the scenarios.

mod kunit;
pub mod lifetime;
mod net;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use clap::ValueEnum;
use guest_protocol::{Feature, Form, Scenario};

use crate::checked::{Checked, tell};
use crate::testbed::{GuestArgs, TestBed};
use toolbox::options::spelled;
use toolbox::place::Place;
use toolbox::tools::Need;
use vm::machine::{Disk, Machine, Network};
use vm::session::{Limits, Plan};

/// How long the guest may report nothing, under KVM. TCG gets a multiple.
const SILENCE: Duration = Duration::from_secs(15);
/// Time limit of a whole run, as a multiple of the limit for silence.
const TOTAL: u32 = 4;

/// Boot the kernel and run a scenario in it
///
/// Builds what is missing, boots the kernel in QEMU and waits for the guest's verdict. Writes
/// run.json, result.ktap and junit.xml to the folder of results (target/boot-test unless --out
/// names another), and all logs of the guest to target/logs/.
#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(flatten)]
    guest: GuestArgs,

    /// What the guest does; panic, hang and splat fail on purpose
    #[arg(long, value_enum, default_value_t)]
    scenario: ScenarioName,

    /// The guest counts as hung if it reports nothing for this long, or four times as long with a
    /// slow debug kernel [default: 15 under KVM, 60 under TCG]
    #[arg(long, value_name = "SECONDS")]
    time_limit: Option<u64>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum ScenarioName {
    /// The feature works
    #[default]
    Smoke,
    /// The feature polls with threaded interrupt handlers; devices without vectors report why
    /// they are not polled
    Threadirqs,
    /// The feature works in the modes of NAPI
    Net,
    /// The feature survives suspend to RAM, XDP, kexec and a reset, all under load
    Lifetime,
    /// The kernel's own tests pass (7.3)
    Kunit,
    /// The kernel crashes
    Panic,
    /// The guest stops reporting
    Hang,
    /// The kernel prints a backtrace, but the guest's verdict is good
    Splat,
}

/// One guest of a scenario.
struct Guest {
    /// Distinguishes the logs and cases of this guest from those of the scenario's other guests.
    label: Option<&'static str>,
    machine: Machine,
    scenario: Scenario,
    /// Programs of the host that are copied into the guest.
    programs: Vec<PathBuf>,
}

pub fn main(args: Args) -> Result<()> {
    let place = Place::find()?;
    let need = match args.scenario {
        ScenarioName::Net => Need::Net,
        ScenarioName::Lifetime => Need::ByHand,
        _ => Need::Fio,
    };
    let bed = args.guest.ready(&place, "boot-test", &[need])?;
    let bare = |scenario| vec![Guest::new(Machine::bare(), scenario)];
    let checked = match args.scenario {
        ScenarioName::Smoke => run(&bed, &args, vec![smoke(&bed, bed.image.feature())]),
        ScenarioName::Threadirqs => run(&bed, &args, threadirqs(&bed)),
        ScenarioName::Net => {
            let far_end = net::far_end(&bed.rig)?;
            run(&bed, &args, net::guests(&far_end))
        }
        ScenarioName::Lifetime => lifetime::run(&bed),
        ScenarioName::Kunit => run(&bed, &args, vec![kunit::guest()]),
        ScenarioName::Panic => run(&bed, &args, bare(Scenario::Panic)),
        ScenarioName::Hang => run(&bed, &args, bare(Scenario::Hang)),
        ScenarioName::Splat => run(&bed, &args, bare(Scenario::Splat)),
    }?;
    checked.write(&bed.out, &spelled(args.scenario))?;
    println!("passed; results in {}", bed.out.display());
    Ok(())
}

fn run(bed: &TestBed, args: &Args, guests: Vec<Guest>) -> Result<Checked> {
    let mut all = Checked::none();
    for guest in guests {
        let label = guest.label;
        let words = ["boot-test".to_owned(), spelled(args.scenario)];
        let own = label.map(|label| label.replace([' ', '_'], "-"));
        let words: Vec<String> = words.into_iter().chain(own).collect();
        let plan = guest.plan(
            bed,
            words.join("-"),
            args.time_limit.map(Duration::from_secs),
        );
        if let Some(label) = label {
            println!("{label}");
        }
        let checked = Checked::of(bed.run(&plan, tell)?);
        all.add(match label {
            Some(label) => checked.labelled(label),
            None => checked,
        });
    }
    Ok(all)
}

/// Returns the plan of the smoke scenario. `feature` is how much of the feature the kernel has.
pub fn smoke_plan(bed: &TestBed, name: String, feature: Feature) -> Plan {
    smoke(bed, feature).plan(bed, name, None)
}

impl Guest {
    fn new(machine: Machine, scenario: Scenario) -> Guest {
        Guest {
            label: None,
            machine,
            scenario,
            programs: Vec::new(),
        }
    }

    /// `silence`: how long the guest may report nothing; None: the default.
    fn plan(self, bed: &TestBed, name: String, silence: Option<Duration>) -> Plan {
        let silence = silence.unwrap_or(SILENCE * bed.accel.patience());
        let limits = Limits {
            silence,
            total: silence * TOTAL,
        };
        Plan {
            programs: self.programs,
            ..bed.plan(name, self.machine, self.scenario, limits)
        }
    }
}

fn smoke(bed: &TestBed, feature: Feature) -> Guest {
    let machine = two_disks(Disk::polled(&bed.image.config, 2));
    Guest {
        programs: vec![bed.rig.tools.fio.clone()],
        ..Guest::new(machine, Scenario::Smoke { feature })
    }
}

/// Returns a machine with two disks, which the guest finds as `TIMED_DISK` and `MEMORY_DISK`.
pub fn two_disks(timed: Disk) -> Machine {
    Machine {
        cpus: 2,
        disks: vec![timed, Disk::Memory],
        network: Network::Shut,
        ..Machine::bare()
    }
}

fn threadirqs(bed: &TestBed) -> Vec<Guest> {
    let feature = bed.image.feature();
    // In this guest a hit wakes the thread of the interrupt handler.
    let mut guests = vec![smoke(bed, feature)];
    // A guest whose devices have no vectors. It is only for the series: the module has another
    // reason not to poll such devices.
    if (feature, bed.image.form) == (Feature::Polling, Form::Series) {
        let mut intx = smoke(bed, Feature::Threaded);
        intx.label = Some("intx");
        intx.machine.kernel_args.push("pci=nomsi");
        guests.push(intx);
    }
    for guest in &mut guests {
        guest.machine.kernel_args.push("threadirqs");
    }
    guests
}
