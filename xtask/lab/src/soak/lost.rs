// SPDX-License-Identifier: GPL-2.0
//! `soak --lost`: searches for a completion that nobody sees. `ci/init/src/lost.rs` explains the
//! method.

use std::time::Duration;

use anyhow::Result;
use guest_protocol::{Losses, Report, Scenario};

use crate::boot_test::{found, tell};
use kernel::image::Image;
use toolbox::cases::Case;
use vm::accel::Accelerator;
use vm::machine::{Disk, Machine};
use vm::record::Record;
use vm::session::{Limits, Plan, Rig, Session};
use vm::threads::Threads;

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

pub struct Search<'a> {
    pub rig: &'a Rig,
    pub image: &'a Image,
    pub accel: Accelerator,
    pub seed: u64,
    /// Number of operations in all guests together.
    pub operations: u64,
}

impl Search<'_> {
    /// Runs the guests until one fails. Returns their cases, and the fault.
    pub fn run(&self, record: &mut Record) -> Result<(Vec<Case>, Result<()>)> {
        let mut cases = Vec::new();
        for cpus in GUESTS {
            let label = match cpus {
                1 => "lost events, 1 CPU".to_owned(),
                cpus => format!("lost events, {cpus} CPUs"),
            };
            println!("{label}");
            let plan = self.plan(cpus);
            let ended = Session::start(self.rig, &plan)?.finish(|report| match report {
                Report::Stage { name } => println!("      {name}"),
                report => tell(report, None),
            })?;
            record.add(&ended);
            cases.extend(found(&ended, Some(&label)));
            if let Err(err) = ended.outcome {
                return Ok((
                    cases,
                    Err(err.context(format!("{label}, seed {}", self.seed))),
                ));
            }
        }
        Ok((cases, Ok(())))
    }

    fn plan(&self, cpus: u32) -> Plan {
        let operations = self.operations / GUESTS.len() as u64;
        let patience = self.accel.patience();
        let disk = Disk::polled(&self.image.config, 1);
        let silence = SILENCE * patience;
        Plan {
            name: format!("lost-{cpus}"),
            image: self.image.clone(),
            machine: Machine {
                cpus,
                disks: vec![disk.clone(), disk],
                ..Machine::bare()
            },
            accel: self.accel,
            scenario: Scenario::Losses(Losses {
                disks: vec!["vda".into(), "vdb".into()],
                operations,
                seed: self.seed.wrapping_add(cpus.into()),
            }),
            programs: Vec::new(),
            limits: Limits {
                silence,
                total: silence * 2 + OPERATION * operations as u32,
            },
            threads: Threads::Anywhere,
            rerun: format!("the same command with --seed {}", self.seed),
        }
    }
}
