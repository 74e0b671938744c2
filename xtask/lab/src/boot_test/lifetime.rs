// SPDX-License-Identifier: GPL-2.0
//! The lifetime scenario: a guest is suspended, attaches XDP and is restarted while its devices
//! are polled and at work. `ci/init/src/lifetime.rs` is the guest's side.

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
/// How long the guest may report nothing, under KVM. TCG gets a multiple. A kernel reports
/// nothing while it boots, and three kernels boot in this guest.
const SILENCE: Duration = Duration::from_secs(40);

/// Runs the guest. Returns its cases, and its fault if it failed.
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
        // If this fails, the guest stays suspended, and its silence is reported as a hang.
        (Report::Ask(Ask::WakeFromRam), Some(qmp)) => {
            wake_from_ram(qmp).unwrap_or_else(|err| println!("      {err:#}"));
        }
        // Under QEMU 10.0 ACPI does not power off a guest that was suspended and not reset since.
        // That would be reported as a hang instead of the failed check. So QEMU is asked to quit.
        // An error is ignored, because QEMU may have ended already.
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
        // Without fio: its libraries would be in the initramfs that kexec loads.
        programs: vec![rig.tools.busybox.clone(), image.bzimage.clone()],
        limits: Limits {
            silence,
            total: silence * 4,
        },
        threads: Threads::Anywhere,
        rerun: again(),
    }
}
