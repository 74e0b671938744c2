// SPDX-License-Identifier: GPL-2.0
//! `soak --lost`: looks for a completion that nobody sees. How: `ci/init/src/lost.rs`.

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

/// As many as showed 250 and more losses where the last look was left out.
pub const MANY: u64 = 500_000;
/// Shows the same, with some luck less.
pub const FEW: u64 = 20_000;
/// In which the slowest guest does one operation.
const OPERATION: Duration = Duration::from_millis(3);
/// Without a report, under KVM; TCG gets a multiple. Boot is the longest.
const SILENCE: Duration = Duration::from_secs(30);
/// Processors of each guest. With one, each disk's hit ends the other's wait.
const GUESTS: [u32; 2] = [2, 1];

pub struct Search<'a> {
    pub rig: &'a Rig,
    pub image: &'a Image,
    pub accel: Accelerator,
    pub seed: u64,
    /// Over all guests.
    pub operations: u64,
}

impl Search<'_> {
    /// The cases of all guests, and the first fault.
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
