// SPDX-License-Identifier: GPL-2.0
//! `soak`: keeps devices at work while faults are injected, for any length of time.
//! `ci/init/src/stress.rs` is the guest's side, `soak/summary.rs` writes the summary.

mod guest;
pub mod lost;
mod save;
mod summary;

use std::time::Duration;

use anyhow::Result;
use guest_protocol::{Form, Layout, Matrix, Report, Scenario, Stress, Stressed, Trouble};

use crate::checked::{Checked, tell};
use crate::matrix::one_of;
use crate::matrix::qemu::Offer;
use crate::matrix::select::QUEUES;
use crate::testbed::{GuestArgs, TestBed};
use guest::{GUESTS, Guest, MODULE_GUESTS, REMAP};
use summary::Soak;
use toolbox::fault;
use toolbox::options::SeedArgs;
use toolbox::place::Place;
use toolbox::tools::Need;
use vm::accel::Accelerator;
use vm::ask::Host;
use vm::board::Board;
use vm::link::Link;
use vm::machine::Machine;
use vm::session::{Limits, Plan};

/// Number of the guest's CPUs: one more than this project requires of a host. On such a host the
/// guest's CPUs share host CPUs. One CPU has no queue of its own.
const CPUS: u32 = 3;
const QUICK: usize = 2;
const QUICK_MINUTES: f64 = 2.0;
/// Time for the boot, and for the checks of the devices at the end, under KVM. TCG gets a
/// multiple.
const AROUND: Duration = Duration::from_secs(60);
/// How long the guest may report nothing, under KVM. TCG gets a multiple. The guest reports a
/// lost operation after 16 s.
const SILENCE: Duration = Duration::from_secs(40);

/// Put all devices to work, inject faults, and check that nothing is lost
///
/// Boots several guests with different ring layouts and kinds of interrupts. In each guest all
/// devices work at the same time and every byte is checked. Concurrently switches flip, CPUs go
/// offline and come back, interrupts move, drivers, devices and queues are reset or removed, the
/// system is frozen and suspended, and the host stops it. An operation is reported after 2 s, and
/// counts as lost after 16 s. Afterwards polling and interrupts must work as before, and no
/// source or memory may be left. The printed seed gives the same faults in the same order. Under
/// TCG devices are replugged, reset by FLR, frozen or suspended only if --trouble names that
/// fault. Writes soak.md, result.ktap, junit.xml and run.json to the folder of results
/// (target/soak unless --out names another).
#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(flatten)]
    guest: GuestArgs,

    /// How many minutes faults are injected, in all guests together
    #[arg(long, value_name = "N", default_value_t = 30.0)]
    minutes: f64,

    /// Run two guests, for two minutes together
    #[arg(long, conflicts_with = "minutes")]
    quick: bool,

    /// Keep polling off: failures that are found then are not caused by polling
    #[arg(long)]
    unpolled: bool,

    #[command(flatten)]
    seed: SeedArgs,

    /// Inject only these faults
    #[arg(long, value_delimiter = ',', value_parser = one_of(Trouble::ALL, Trouble::name))]
    trouble: Vec<Trouble>,

    /// Run only guests with these ring layouts [default: all except in-order layouts]
    #[arg(long, value_delimiter = ',', value_parser = one_of(Layout::ALL, Layout::name))]
    layout: Vec<Layout>,

    /// Search for lost events instead, on two disks that are polled only briefly, with one
    /// operation at a time. Under load the next look would find a lost event, and hide the loss
    #[arg(long, conflicts_with_all = ["minutes", "unpolled", "trouble", "layout"])]
    lost: bool,

    /// Also write the outcome to c-shim/results/LINE, from which gen-patches reports how long the
    /// soak ran
    #[arg(long, conflicts_with_all = [
        "quick", "kernel", "linux", "unpolled", "trouble", "layout", "lost",
    ])]
    save: bool,

    /// Number of operations of --lost [default: 500000; with --quick 20000]
    #[arg(long, value_name = "N", requires = "lost")]
    operations: Option<u64>,
}

/// A guest that has ended.
pub struct Soaked {
    guest: Guest,
    stressed: Option<Stressed>,
    /// Number of reports of an operation that waited too long.
    stuck: usize,
}

pub fn main(args: Args) -> Result<()> {
    let place = Place::find()?;
    let bed = args.guest.ready(&place, "soak", &[Need::Fio, Need::Link])?;
    let seed = args.seed.seed();
    println!("seed {seed}");
    if args.lost {
        let usual = if args.quick { lost::FEW } else { lost::MANY };
        let searched = lost::search(&bed, seed, args.operations.unwrap_or(usual))?;
        return searched.write(&bed.out, "lost");
    }
    let troubles = args.troubles(&bed)?;
    let guests = args.guests(&troubles, &bed)?;
    let setup = SoakSetup {
        bed: &bed,
        offer: Offer::of(&bed.rig.tools.qemu, &bed.image)?,
        link: Link::best(&bed.rig.tools, QUEUES)?,
        seed,
        args: &args,
    };
    let (all, checked) = setup.soak_all(guests)?;
    let left_out = Trouble::ALL.iter().filter(|it| !troubles.contains(it));
    let mut soak = Soak {
        image: &bed.image,
        accel: bed.accel.name(),
        seed,
        polled: !args.unpolled,
        left_out: left_out.copied().collect(),
        guests: all,
        passed: false,
    };
    let outcome = checked
        .write(&bed.out, "soak")
        .and_then(|()| soak.everything_struck(&troubles));
    soak.passed = outcome.is_ok();
    soak.write(&bed.out)?;
    outcome?;
    match args.save {
        true => save::save(&place, &args.guest.kernel, &soak),
        false => Ok(()),
    }
}

impl Args {
    /// Returns the guests, each with its number and its faults. The number selects the guest's
    /// seed, so the guest gets the same faults whatever other guests there are.
    fn guests(
        &self,
        wanted: &[Trouble],
        bed: &TestBed,
    ) -> Result<Vec<(usize, Guest, Vec<Trouble>)>> {
        let mut guests: Vec<(usize, Guest, Vec<Trouble>)> = Vec::new();
        let all: &[Guest] = match bed.image.form {
            Form::Series => &GUESTS,
            Form::Module => &MODULE_GUESTS,
        };
        for (number, &guest) in all.iter().enumerate() {
            let troubles = guest.bears(wanted, bed.accel);
            let guest = guest.with(&troubles);
            let is_wanted = match self.layout.is_empty() {
                true => !guest.place.layout.in_order(),
                false => self.layout.contains(&guest.place.layout),
            };
            let is_there = guests.iter().any(|(_, other, _)| *other == guest);
            if is_wanted && !is_there && !troubles.is_empty() {
                guests.push((number, guest, troubles));
            }
        }
        if self.quick {
            guests.truncate(QUICK);
        }
        match guests.is_empty() {
            true => Err(fault::usage(
                "--layout: no guest with these rings can get these faults",
            )),
            false => Ok(guests),
        }
    }

    fn minutes(&self) -> f64 {
        match self.quick {
            true => QUICK_MINUTES,
            false => self.minutes,
        }
    }

    /// Returns the requested faults, or all that this accelerator and this kernel allow.
    fn troubles(&self, bed: &TestBed) -> Result<Vec<Trouble>> {
        if self.unpolled && self.trouble.contains(&Trouble::Flip) {
            return Err(fault::usage(
                "--trouble flip: --unpolled keeps all switches off",
            ));
        }
        let has_poller = bed.image.form == Form::Module;
        if self.trouble.contains(&Trouble::Module) && !has_poller {
            return Err(fault::usage(format!(
                "--trouble {}: this kernel polls without a module",
                Trouble::Module
            )));
        }
        if !self.trouble.is_empty() {
            return Ok(self.trouble.clone());
        }
        let is_borne = |it: &&Trouble| {
            (bed.accel != Accelerator::Tcg || !REMAP.contains(it))
                && !(self.unpolled && **it == Trouble::Flip)
                && (!bed.image.modules.is_empty() || **it != Trouble::Reload)
                && (has_poller || **it != Trouble::Module)
        };
        Ok(Trouble::ALL.iter().filter(is_borne).copied().collect())
    }
}

struct SoakSetup<'a> {
    bed: &'a TestBed,
    offer: Offer,
    link: Link,
    seed: u64,
    args: &'a Args,
}

impl SoakSetup<'_> {
    /// Runs each guest for the same time. Stops at the first guest that fails: after a fault the
    /// remaining time is not worth it.
    fn soak_all(
        &self,
        guests: Vec<(usize, Guest, Vec<Trouble>)>,
    ) -> Result<(Vec<Soaked>, Checked)> {
        let seconds = (self.args.minutes() * 60.0 / guests.len() as f64).ceil() as u32;
        let (mut all, mut checked) = (Vec::new(), Checked::none());
        for (number, guest, troubles) in guests {
            let (place, devices) = (guest.place, Guest::devices(&troubles));
            let stress = Stress {
                seed: self.seed.wrapping_add(number as u64),
                seconds,
                board: Matrix {
                    all_checks: false,
                    ..place.matrix(&devices, &self.offer)
                },
                polled: !self.args.unpolled,
                troubles,
            };
            let board = place.board(&self.offer, devices, true, self.link.pairs());
            let (soaked, own) = self.soak(guest, &board, stress)?;
            all.push(soaked);
            checked.add(own);
            if checked.outcome.is_err() {
                break;
            }
        }
        Ok((all, checked))
    }

    fn soak(&self, guest: Guest, board: &Board, stress: Stress) -> Result<(Soaked, Checked)> {
        let label = guest.to_string();
        println!("{label}: injecting faults for {} s", stress.seconds);
        let plan = self.plan(guest, board, stress);
        let mut session = self.bed.start(&plan)?;
        let mut host = Host::new(&mut session, board)?;
        let mut soaked = Soaked {
            guest,
            stressed: None,
            stuck: 0,
        };
        let ended = self.bed.finish(session, |report| match report {
            Report::Ask(ask) => host.grant(ask),
            Report::Stage { name } => println!("      {name}"),
            Report::Stuck { device, ms, state } => {
                println!("LATE  {device} completed nothing for {ms} ms: {state}");
                soaked.stuck += 1;
            }
            Report::Stressed(stressed) => soaked.stressed = Some(stressed.clone()),
            _ => tell(report),
        })?;
        if !host.rings.is_empty() {
            println!("{}", host.rings);
        }
        let mut checked = Checked::of(ended);
        if !host.refused.is_empty() {
            let refused = host.refused.join("\n  ");
            let seed = self.seed;
            let refused = format!("seed {seed}: the host could not carry out\n  {refused}");
            checked.outcome = match checked.outcome {
                // Every requested fault must actually have been injected.
                Ok(()) => Err(fault::environment(refused)),
                Err(err) => Err(err.context(refused)),
            };
        }
        Ok((soaked, checked.labelled(&label)))
    }

    fn plan(&self, guest: Guest, board: &Board, stress: Stress) -> Plan {
        let machine = Machine {
            cpus: CPUS,
            one_thread: guest.sleeps,
            network: self.link.network(),
            board: Some(board.clone()),
            // The first prints what goes wrong during suspend. With the second the guest decides
            // when to look for SCSI disks: ci/init/src/stress/troubles/device.rs.
            kernel_args: vec!["no_console_suspend", "scsi_mod.scan=manual"],
            ..Machine::bare()
        };
        let patience = self.bed.accel.patience();
        let limits = Limits {
            silence: SILENCE * patience,
            total: Duration::from_secs(stress.seconds.into()) + AROUND * patience,
        };
        let name = format!("soak-{guest}").replace([' ', '/'], "-");
        Plan {
            programs: vec![self.bed.rig.tools.fio.clone()],
            rerun: format!(
                "the same command with --seed {} --layout {}",
                self.seed, board.layout
            ),
            ..self
                .bed
                .plan(name, machine, Scenario::Stress(stress), limits)
        }
    }
}
