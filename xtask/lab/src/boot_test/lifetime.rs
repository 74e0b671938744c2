// SPDX-License-Identifier: GPL-2.0
//! The lifetime scenario: a guest is suspended, attaches XDP and is restarted while its devices
//! are polled and at work. `ci/init/src/lifetime.rs` is the guest's side.

use std::time::Duration;

use anyhow::Result;
use guest_protocol::{Ask, Report, Scenario};

use super::two_disks;
use crate::checked::{Checked, tell};
use crate::testbed::TestBed;
use vm::ask::wake_from_ram;
use vm::machine::{Disk, Machine};
use vm::session::{Limits, Plan};

const LATENCY: Duration = Duration::from_micros(100);
/// How long the guest may report nothing, under KVM. TCG gets a multiple. A kernel reports
/// nothing while it boots, and three kernels boot in this guest.
const SILENCE: Duration = Duration::from_secs(40);

pub fn run(bed: &TestBed) -> Result<Checked> {
    println!("lifetime");
    let plan = plan(bed);
    let mut session = bed.start(&plan)?;
    let mut qmp = session.control()?;
    let ended = bed.finish(session, |report| match (report, &mut qmp) {
        // If this fails, the guest stays suspended, and its silence is reported as a hang.
        (Report::Ask(Ask::WakeFromRam), Some(qmp)) => {
            wake_from_ram(qmp).unwrap_or_else(|err| println!("      {err:#}"));
        }
        // Under QEMU 10.0 ACPI does not power off a guest that was suspended and not reset since.
        // That would be reported as a hang instead of the failed check. So QEMU is asked to quit.
        // An error is ignored, because QEMU may have ended already.
        (Report::Verdict { pass: false, .. }, Some(qmp)) => drop(qmp.ask("quit")),
        _ => tell(report),
    })?;
    Ok(Checked::of(ended).labelled("lifetime"))
}

fn plan(bed: &TestBed) -> Plan {
    let timed = Disk::Timed {
        latency: LATENCY,
        queues: 2,
    };
    let machine = Machine {
        card_by_dma_api: true,
        restarts: true,
        control: true,
        ..two_disks(timed)
    };
    let bzimage = &bed.image.bzimage;
    let kernel = bzimage.file_name().unwrap_or_default();
    let scenario = Scenario::Lifetime {
        kernel: kernel.to_string_lossy().into_owned(),
    };
    let silence = SILENCE * bed.accel.patience();
    let limits = Limits {
        silence,
        total: silence * 4,
    };
    Plan {
        // Without fio: its libraries would be in the initramfs that kexec loads.
        programs: vec![bed.rig.tools.busybox.clone(), bzimage.clone()],
        ..bed.plan(
            format!("lifetime-{}", bed.image.version),
            machine,
            scenario,
            limits,
        )
    }
}
