// SPDX-License-Identifier: GPL-2.0
//! `soak --lost`: searches for a completion that nobody sees. `ci/init/src/lost.rs` explains the
//! method.

use std::time::Duration;

use anyhow::Result;
use guest_protocol::{Losses, Report, Scenario};

use crate::checked::{Checked, tell};
use crate::testbed::TestBed;
use vm::machine::{Disk, Machine};
use vm::session::{Limits, Plan};

/// Operations of a long search: 250 losses and more were seen when the last look was left out.
pub const MANY: u64 = 500_000;
/// Operations of a short search. It shows the same bug, but less reliably.
pub const FEW: u64 = 20_000;
/// Time in which the slowest guest does one operation.
const OPERATION: Duration = Duration::from_millis(3);
/// How long the guest may report nothing, under KVM. TCG gets a multiple. The boot takes longest.
const SILENCE: Duration = Duration::from_secs(30);
/// Number of CPUs of each guest. With one CPU, a hit of one disk ends the wait for the other
/// disk.
const GUESTS: [u32; 2] = [2, 1];

/// Runs the guests until one fails. They do `operations` together.
pub fn search(bed: &TestBed, seed: u64, operations: u64) -> Result<Checked> {
    let mut all = Checked::none();
    for cpus in GUESTS {
        let label = match cpus {
            1 => "lost events, 1 CPU".to_owned(),
            cpus => format!("lost events, {cpus} CPUs"),
        };
        println!("{label}");
        let plan = plan(bed, cpus, seed, operations / GUESTS.len() as u64);
        let ended = bed.run(&plan, |report| match report {
            Report::Stage { name } => println!("      {name}"),
            report => tell(report),
        })?;
        all.add(Checked::of(ended).labelled(&label));
        if all.outcome.is_err() {
            break;
        }
    }
    Ok(all)
}

fn plan(bed: &TestBed, cpus: u32, seed: u64, operations: u64) -> Plan {
    let disk = Disk::polled(&bed.image.config, 1);
    let machine = Machine {
        cpus,
        disks: vec![disk.clone(), disk],
        ..Machine::bare()
    };
    let scenario = Scenario::Losses(Losses {
        disks: vec!["vda".into(), "vdb".into()],
        operations,
        seed: seed.wrapping_add(cpus.into()),
    });
    let silence = SILENCE * bed.accel.patience();
    let limits = Limits {
        silence,
        total: silence * 2 + OPERATION * operations as u32,
    };
    Plan {
        rerun: format!("the same command with --seed {seed}"),
        ..bed.plan(format!("lost-{cpus}"), machine, scenario, limits)
    }
}
