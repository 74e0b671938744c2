// SPDX-License-Identifier: GPL-2.0
//! `boot-test`: one guest, one scenario, one verdict. What the scenario does is in `ci/init`.

use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use clap::ValueEnum;
use guest_init::{Report, Scenario, Smoke};

use crate::cases::{self, Case};
use crate::guest::accel::{self, Accelerator};
use crate::guest::image::{Image, KernelArgs};
use crate::guest::machine::{Disk, Machine, Network};
use crate::guest::record::{Record, again};
use crate::guest::session::{Ended, Limits, Plan, Rig, Session};
use crate::options::{AccelArgs, OutArgs};
use crate::place::Place;

/// Silence under KVM; TCG gets a multiple.
const SILENCE: Duration = Duration::from_secs(15);
/// A whole run may take this many times its longest silence.
const TOTAL: u32 = 4;

/// Boot the kernel and run a scenario in it
///
/// Builds what is missing, boots it in QEMU and waits for the guest's verdict. Leaves
/// run.json, result.ktap and junit.xml in the folder of results (target/boot-test
/// unless --out says otherwise), all logs of the guest under target/logs/.
#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(flatten)]
    kernel: KernelArgs,
    #[command(flatten)]
    accel: AccelArgs,
    #[command(flatten)]
    out: OutArgs,

    /// What the guest does; all but smoke go wrong on purpose
    #[arg(long, value_enum, default_value_t)]
    scenario: Name,

    /// The guest hangs if it reports nothing for so long [default: 15 under KVM, 60 under TCG]
    #[arg(long, value_name = "SECONDS")]
    time_limit: Option<u64>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Name {
    /// The feature works
    #[default]
    Smoke,
    /// The kernel crashes
    Panic,
    /// The guest goes silent
    Hang,
    /// The kernel prints a backtrace, and the verdict is good
    Splat,
}

impl Name {
    fn text(self) -> &'static str {
        match self {
            Name::Smoke => "smoke",
            Name::Panic => "panic",
            Name::Hang => "hang",
            Name::Splat => "splat",
        }
    }
}

pub fn main(args: Args) -> Result<()> {
    let place = Place::find()?;
    let out = args.out.folder(&place, "boot-test")?;
    let rig = Rig::with_tools(&place, args.kernel.tools(&place)?)?;
    let image = args.kernel.image(&place)?;
    let accel = accel::choose(&rig, &image, args.accel.accel)?;

    let mut record = Record::new(&rig, &image, accel);
    let plan = plan(&args, &rig, image, accel);
    let ended = Session::start(&rig, &plan)?.finish(tell)?;
    record.add(&ended);
    record.write(&out)?;
    cases::write(&out, args.scenario.text(), &found(&ended))?;
    conclude(ended, &out)
}

fn plan(args: &Args, rig: &Rig, image: Image, accel: Accelerator) -> Plan {
    let smoke = args.scenario == Name::Smoke;
    let silence = match args.time_limit {
        Some(seconds) => Duration::from_secs(seconds),
        None => SILENCE * accel.patience(),
    };
    Plan {
        name: format!("boot-test-{}", args.scenario.text()),
        image,
        machine: if smoke { machine() } else { Machine::bare() },
        accel,
        scenario: match args.scenario {
            Name::Smoke => Scenario::Smoke(Smoke {
                timed_disk: "vda".into(),
                memory_disk: "vdb".into(),
            }),
            Name::Panic => Scenario::Panic,
            Name::Hang => Scenario::Hang,
            Name::Splat => Scenario::Splat,
        },
        programs: if smoke {
            vec![rig.tools.fio.clone()]
        } else {
            Vec::new()
        },
        limits: Limits {
            silence,
            total: silence * TOTAL,
        },
        pin: false,
        rerun: again(),
    }
}

fn machine() -> Machine {
    let timed = Disk::Timed {
        latency: Duration::from_micros(100),
        queues: 2,
    };
    Machine {
        cpus: 2,
        disks: vec![timed, Disk::Memory],
        network: Network::Shut,
        ..Machine::bare()
    }
}

fn tell(report: &Report) {
    if let Report::Case { name, pass, detail } = report {
        let sign = if *pass { "ok  " } else { "FAIL" };
        println!("{sign}  {name}: {detail}");
    }
}

/// The guest's own cases, and one for the run as a whole: a guest that crashed has no case for it.
fn found(ended: &Ended) -> Vec<Case> {
    let own = ended.reports.iter().filter_map(|report| match report {
        Report::Case { name, pass, detail } => Some(Case {
            name: name.clone(),
            status: (*pass).into(),
            detail: detail.clone(),
        }),
        _ => None,
    });
    let fault = ended.outcome.as_ref().err();
    let whole = Case {
        name: "one passing verdict and a clean console".into(),
        status: fault.is_none().into(),
        detail: fault.map(|err| format!("{err:#}")).unwrap_or_default(),
    };
    own.chain([whole]).collect()
}

fn conclude(ended: Ended, out: &Path) -> Result<()> {
    ended.outcome?;
    if let Some(after) = ended.verdict_after {
        println!(
            "passed, {:.1} s from start to verdict; results in {}",
            after.as_secs_f64(),
            out.display()
        );
    }
    Ok(())
}
