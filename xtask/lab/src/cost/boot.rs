// SPDX-License-Identifier: GPL-2.0
//! The one boot of `check cost`: the machine, its far end, the guest's orders, the reported runs.

use std::time::Duration;

use anyhow::Result;
use guest_protocol::{Costs, Facts, Gauged, Probe, Report, Scenario, Segment};

use super::{CostSetup, LATENCY};
use crate::bench::boot::follow;
use crate::bench::plan;
use toolbox::cases::Status;
use toolbox::run::Stage;
use vm::far_end::FarEnd;
use vm::machine::{Disk, Machine};
use vm::session::{Limits, Plan};
use vm::threads::Threads;

const NAME: &str = "cost";
/// Number of the guest's CPUs. One of them, `POLLING_CPU`, has the loads, and polls while they
/// wait.
pub const CPUS: u32 = 2;
/// Time for the boot, or for a run in addition to its wake-ups, under KVM. TCG gets a multiple.
const SILENCE: Duration = Duration::from_secs(20);
/// Kernel parameter: waits stay as long as they can be, also after a handler that took longer.
/// This shows the highest cost of polling.
const WAITS: &str = "haltpoll.guest_halt_poll_allow_shrink=N";
/// Delay step of the echo, in us: a reply comes at once, or up to three times this much later.
const LATER_US: u32 = 200;

pub struct CostBoot {
    pub facts: Facts,
    pub gauged: Vec<Gauged>,
    /// What the guest reports about the limit of the wait.
    pub limit: String,
    /// The network between the guest and the echo.
    pub network: &'static str,
}

pub fn measure(setup: &CostSetup) -> Result<CostBoot> {
    let far_end = FarEnd::start(&setup.bed.rig, NAME, 1, LATER_US)?;
    if setup.threads == Threads::OthersFirst {
        far_end.echo.put_first()?;
    }
    let segments = plan::segments(setup.rounds, &Probe::ALL, &Probe::VARIANTS, setup.seed);
    let wanted = segments.len();
    let plan = plan(setup, &far_end, segments);
    let stage = Stage::new("measuring what polling costs");
    let mut limit = String::new();
    let boot = follow(
        &setup.bed,
        &plan,
        wanted,
        &stage,
        |report, _| match report {
            Report::Gauged(gauged) => Some(gauged.clone()),
            Report::Case { name, pass, detail } => {
                println!("{}  {name}: {detail}", Status::from(*pass).sign());
                limit.clone_from(detail);
                None
            }
            _ => None,
        },
    )?;
    Ok(CostBoot {
        facts: boot.facts,
        gauged: boot.measured,
        limit,
        network: far_end.link.name(),
    })
}

fn plan(setup: &CostSetup, far_end: &FarEnd, segments: Vec<Segment<Probe>>) -> Plan {
    let machine = Machine {
        cpus: CPUS,
        disks: vec![Disk::Timed {
            latency: LATENCY,
            queues: CPUS,
        }],
        network: far_end.link.network(),
        kernel_args: vec![WAITS],
        ..Machine::bare()
    };
    let wake_ups = Duration::from_millis(setup.amounts.wake_ups);
    let slack = SILENCE * setup.bed.accel.patience();
    let silence = 2 * wake_ups + slack;
    let limits = Limits {
        silence,
        total: slack + silence * segments.len() as u32,
    };
    let scenario = Scenario::Costs(Costs {
        disk: "vda".into(),
        udp_port: far_end.udp_port,
        warm_up_ms: plan::WARM_UP.as_millis() as u64,
        amounts: setup.amounts,
        segments,
    });
    Plan {
        programs: vec![setup.bed.rig.tools.cyclictest.clone()],
        threads: setup.threads,
        ..setup.bed.plan(NAME, machine, scenario, limits)
    }
}
