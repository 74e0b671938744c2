// SPDX-License-Identifier: GPL-2.0
//! `boot-test`: runs one scenario, in one guest or several, with one result. `ci/init` implements
//! the scenarios.

mod kunit;
pub mod lifetime;
mod net;

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Result;
use clap::ValueEnum;
use guest_protocol::{Feature, Form, Report, Scenario, Smoke};

use crate::options::GuestArgs;
use kernel::config::Config;
use kernel::image::Image;
use toolbox::cases::{self, Case, Status};
use toolbox::options::spelled;
use toolbox::place::Place;
use toolbox::tools::Need;
use vm::accel::Accelerator;
use vm::machine::{Disk, Machine, Network};
use vm::record::{Record, again};
use vm::session::{Ended, Limits, Plan, Rig, Session};
use vm::threads::Threads;

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
    let out = args.guest.out.folder(&place, "boot-test")?;
    let need = match args.scenario {
        ScenarioName::Net => Need::Net,
        ScenarioName::Lifetime => Need::ByHand,
        _ => Need::Fio,
    };
    let (rig, image, accel) = args.guest.ready(&place, &[need])?;
    let mut record = Record::new(&rig, &image, accel);
    if args.scenario == ScenarioName::Lifetime {
        let (cases, outcome) = lifetime::run(&rig, &image, accel, &mut record)?;
        record.write(&out)?;
        cases::write(&out, &spelled(args.scenario), &cases)?;
        return outcome;
    }
    // The far end must exist until the last guest has ended.
    let mut far_end = None;
    let guests = match args.scenario {
        ScenarioName::Smoke => vec![smoke(&rig, &image.config, image.feature())],
        ScenarioName::Threadirqs => threadirqs(&rig, &image),
        ScenarioName::Net => net::guests(far_end.insert(net::far_end(&rig)?)),
        ScenarioName::Kunit => vec![kunit::guest()],
        ScenarioName::Panic => vec![bare(Scenario::Panic)],
        ScenarioName::Hang => vec![bare(Scenario::Hang)],
        ScenarioName::Splat => vec![bare(Scenario::Splat)],
        ScenarioName::Lifetime => unreachable!("it returned above"),
    };

    let mut cases = Vec::new();
    let mut all_ended = Vec::new();
    for guest in guests {
        let label = guest.label;
        let plan = plan(&args, guest, &image, accel);
        let ended = Session::start(&rig, &plan)?.finish(|report| tell(report, label))?;
        record.add(&ended);
        cases.extend(found(&ended, label));
        all_ended.push(ended);
    }
    record.write(&out)?;
    cases::write(&out, &spelled(args.scenario), &cases)?;
    conclude(all_ended, &out)
}

fn plan(args: &Args, guest: Guest, image: &Image, accel: Accelerator) -> Plan {
    let label = guest.label.map(|label| label.replace([' ', '_'], "-"));
    let words = ["boot-test".to_owned(), spelled(args.scenario)];
    let words: Vec<String> = words.into_iter().chain(label).collect();
    let silence = args.time_limit.map(Duration::from_secs);
    guest.plan(words.join("-"), image, accel, silence)
}

/// Returns the plan of the smoke scenario. `feature` is how much of the feature the kernel has.
pub fn smoke_plan(
    rig: &Rig,
    name: String,
    image: &Image,
    accel: Accelerator,
    feature: Feature,
) -> Plan {
    smoke(rig, &image.config, feature).plan(name, image, accel, None)
}

impl Guest {
    /// `silence`: how long the guest may report nothing; None: the default.
    fn plan(
        self,
        name: String,
        image: &Image,
        accel: Accelerator,
        silence: Option<Duration>,
    ) -> Plan {
        let silence = silence.unwrap_or(SILENCE * accel.patience());
        Plan {
            name,
            image: image.clone(),
            machine: self.machine,
            accel,
            scenario: self.scenario,
            programs: self.programs,
            limits: Limits {
                silence,
                total: silence * TOTAL,
            },
            threads: Threads::Anywhere,
            rerun: again(),
        }
    }
}

fn smoke(rig: &Rig, config: &Config, feature: Feature) -> Guest {
    Guest {
        label: None,
        machine: two_disks(Disk::polled(config, 2)),
        scenario: Scenario::Smoke(Smoke { feature }),
        programs: vec![rig.tools.fio.clone()],
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

fn threadirqs(rig: &Rig, image: &Image) -> Vec<Guest> {
    let feature = image.feature();
    // In this guest a hit wakes the thread of the interrupt handler.
    let mut guests = vec![smoke(rig, &image.config, feature)];
    // A guest whose devices have no vectors. It is only for the series: the module has another
    // reason not to poll such devices.
    if (feature, image.form) == (Feature::Polling, Form::Series) {
        let mut intx = smoke(rig, &image.config, Feature::Threaded);
        intx.label = Some("intx");
        intx.machine.kernel_args.push("pci=nomsi");
        guests.push(intx);
    }
    for guest in &mut guests {
        guest.machine.kernel_args.push("threadirqs");
    }
    guests
}

fn bare(scenario: Scenario) -> Guest {
    Guest {
        label: None,
        machine: Machine::bare(),
        scenario,
        programs: Vec::new(),
    }
}

/// Returns the case that a report is about, if it is about one. `label` makes the name unique
/// among the guests.
fn case(report: &Report, label: Option<&str>) -> Option<Case> {
    let (name, status, detail) = match report {
        Report::Case { name, pass, detail } => (name, (*pass).into(), detail),
        Report::Skip { name, why } => (name, Status::Skip, why),
        _ => return None,
    };
    Some(Case {
        name: labelled(name, label),
        status,
        detail: detail.clone(),
    })
}

/// Prints the result of a check, if the report has one.
pub fn tell(report: &Report, label: Option<&str>) {
    if let Some(case) = case(report, label) {
        println!("{}  {}: {}", case.status.sign(), case.name, case.detail);
    }
}

fn labelled(name: &str, label: Option<&str>) -> String {
    match label {
        Some(label) => format!("{label}: {name}"),
        None => name.to_owned(),
    }
}

/// Returns the guest's own cases, and one for the run as a whole: a guest that crashed cannot
/// report a case for that.
pub fn found(ended: &Ended, label: Option<&str>) -> Vec<Case> {
    let own = ended
        .reports
        .iter()
        .filter_map(|report| case(report, label));
    let fault = ended.outcome.as_ref().err();
    let whole = Case {
        name: labelled("one passing verdict and a clean console", label),
        status: fault.is_none().into(),
        detail: fault.map(|err| format!("{err:#}")).unwrap_or_default(),
    };
    own.chain([whole]).collect()
}

/// Returns the first fault; the others are only in the results.
fn conclude(all_ended: Vec<Ended>, out: &Path) -> Result<()> {
    let after: Option<Duration> = all_ended.iter().map(|ended| ended.verdict_after).sum();
    for ended in all_ended {
        ended.outcome?;
    }
    if let Some(after) = after {
        println!(
            "passed, {:.1} s from start to verdict; results in {}",
            after.as_secs_f64(),
            out.display()
        );
    }
    Ok(())
}
