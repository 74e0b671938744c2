// SPDX-License-Identifier: GPL-2.0
//! A guest that sleeps, gets XDP and is restarted while its devices are polled and at work. What it
//! does: `ci/init/src/lifetime.rs`.

use std::time::Duration;

use anyhow::Result;
use guest_protocol::{Ask, Lifetime, Report, Scenario};

use super::{found, tell, two_disks};
use kernel::image::Image;
use toolbox::cases::Case;
use vm::accel::Accelerator;
use vm::ask::wake_from_ram;
use vm::machine::{Disk, Machine};
use vm::record::{Record, again};
use vm::session::{Limits, Plan, Rig, Session};
use vm::threads::Threads;

const LATENCY: Duration = Duration::from_micros(100);
/// Without a report, under KVM; TCG gets a multiple. A kernel boots without any, three times.
const SILENCE: Duration = Duration::from_secs(40);

/// The guest's cases, and the first fault.
pub fn run(
    rig: &Rig,
    image: &Image,
    accel: Accelerator,
    record: &mut Record,
) -> Result<(Vec<Case>, Result<()>)> {
    println!("lifetime");
    let plan = plan(rig, image, accel);
    let mut session = Session::start(rig, &plan)?;
    let mut qmp = session.control()?;
    let ended = session.finish(|report| match (report, &mut qmp) {
        // A guest that sleeps on is found to hang.
        (Report::Ask(Ask::WakeFromRam), Some(qmp)) => {
            wake_from_ram(qmp).unwrap_or_else(|err| println!("      {err:#}"));
        }
        // Under QEMU 10.0 a guest that slept, and was not reset since, does not get switched off by
        // ACPI. That would be told as a hang instead of the failed check. If QEMU is gone already,
        // that is as well.
        (Report::Verdict { pass: false, .. }, Some(qmp)) => drop(qmp.ask("quit")),
        _ => tell(report, None),
    })?;
    record.add(&ended);
    Ok((found(&ended, Some("lifetime")), ended.outcome))
}

fn plan(rig: &Rig, image: &Image, accel: Accelerator) -> Plan {
    let timed = Disk::Timed {
        latency: LATENCY,
        queues: 2,
    };
    let kernel = image.bzimage.file_name().unwrap_or_default();
    let silence = SILENCE * accel.patience();
    Plan {
        name: format!("lifetime-{}", image.version),
        image: image.clone(),
        machine: Machine {
            card_by_dma_api: true,
            restarts: true,
            control: true,
            ..two_disks(timed)
        },
        accel,
        scenario: Scenario::Lifetime(Lifetime {
            kernel: kernel.to_string_lossy().into_owned(),
        }),
        // Without fio, whose libraries kexec would carry along.
        programs: vec![rig.tools.busybox.clone(), image.bzimage.clone()],
        limits: Limits {
            silence,
            total: silence * 4,
        },
        threads: Threads::Anywhere,
        rerun: again(),
    }
}
