// SPDX-License-Identifier: GPL-2.0
//! Is a completion ever lost? Under load the next look at the ring finds what the last one lost, and
//! nobody notices. So each disk has one operation at a time, and is polled for a moment only: what is
//! lost when polling ends is found when it begins again, and took that long.

mod pulse;
mod reader;
mod schedule;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use guest_init::losses::LATE;
use guest_init::{Form, Losses};

use crate::chance::Chance;
use crate::cpus::while_none_idles;
use crate::disk::Disk;
use crate::facts;
use crate::modules;
use crate::port::Port;
use crate::switch::Switch;
use pulse::Pulse;
use reader::Found;
use schedule::Schedule;

const REPORT_EVERY: Duration = Duration::from_secs(5);
const TICK: Duration = Duration::from_millis(50);

pub fn run(port: &mut Port, orders: &Losses) -> Result<()> {
    facts::need_idle_driver()?;
    let disks: Vec<Disk> = orders
        .disks
        .iter()
        .map(|name| Disk::find(name))
        .collect::<Result<_>>()?;
    let others = others(&disks)?;
    let switch_others =
        |on| while_none_idles(|| others.iter().try_for_each(|switch| switch.set(on)));
    switch_others(true)?;
    let found = search(port, &disks, orders);
    switch_others(false)?;
    let found = found?;
    port.case("the search was one", || was_one(&found, orders))?;
    port.case("no event is lost", || none_is_lost(&found))
}

/// Sources of the series that stay on, so that the idle loop's code is not patched: `cpus.rs` says
/// why that matters. The module patches none.
fn others(disks: &[Disk]) -> Result<Vec<Switch>> {
    let is_disk = |name: &str| disks.iter().any(|disk| disk.device == name);
    match modules::form() {
        Form::Series => Switch::all_but(is_disk),
        Form::Module => Ok(Vec::new()),
    }
}

/// What the threads share.
pub struct Field {
    pub operations: AtomicU64,
    over: AtomicBool,
}

impl Field {
    pub fn is_over(&self) -> bool {
        self.over.load(Relaxed)
    }
}

/// What came of it.
struct Findings {
    all: Vec<Found>,
    flips: u64,
    interrupts: u64,
}

fn search(port: &mut Port, disks: &[Disk], orders: &Losses) -> Result<Findings> {
    let field = Field {
        operations: AtomicU64::new(0),
        over: AtomicBool::new(false),
    };
    let mut chance = Chance::new(orders.seed);
    let schedules: Vec<Schedule> = disks
        .iter()
        .map(|disk| Schedule::new(Switch::of(&disk.device), chance.branch()))
        .collect();
    let pulses: Vec<Pulse> = disks
        .iter()
        .map(|disk| Pulse::of(disk))
        .collect::<Result<_>>()?;
    let before = interrupts(disks)?;
    let all = thread::scope(|scope| {
        let field = &field;
        let mut helpers = Vec::new();
        for schedule in &schedules {
            helpers.push(scope.spawn(|| schedule.keep(field)));
        }
        for pulse in &pulses {
            helpers.push(scope.spawn(|| pulse.beat(field)));
        }
        let readers: Vec<_> = disks
            .iter()
            .zip(schedules.iter().zip(&pulses))
            .map(|(disk, (schedule, pulse))| {
                scope.spawn(move || reader::read(disk, schedule, pulse, field))
            })
            .collect();
        let told = wait(port, field, orders, || {
            readers.iter().any(|reader| reader.is_finished())
        });
        field.over.store(true, Relaxed);
        let found = readers
            .into_iter()
            .map(|reader| reader.join().expect("it reports errors"));
        let found: Result<Vec<Found>> = found.collect();
        for helper in helpers {
            helper.join().expect("it reports errors")?;
        }
        told?;
        found
    })?;
    Ok(Findings {
        all,
        flips: schedules.iter().map(Schedule::flips).sum(),
        interrupts: interrupts(disks)? - before,
    })
}

/// Until enough is done, or a reader gave up.
fn wait(port: &mut Port, field: &Field, orders: &Losses, gave_up: impl Fn() -> bool) -> Result<()> {
    let mut said: Option<Instant> = None;
    loop {
        let done = field.operations.load(Relaxed);
        if said.is_none_or(|at| at.elapsed() >= REPORT_EVERY) {
            port.stage(format!("{done} of {} operations", orders.operations))?;
            said = Some(Instant::now());
        }
        if done >= orders.operations || gave_up() {
            return Ok(());
        }
        sleep(TICK);
    }
}

fn interrupts(disks: &[Disk]) -> Result<u64> {
    disks.iter().map(Disk::interrupts).sum()
}

/// Both ways of a completion must have been in use, or nothing was tried.
fn was_one(found: &Findings, orders: &Losses) -> Result<String> {
    let said = format!(
        "{} operations, {} times polled for a moment, {} interrupts",
        operations(found),
        found.flips,
        found.interrupts
    );
    ensure!(operations(found) >= orders.operations, "{said}");
    ensure!(
        found.flips > 0 && found.interrupts > 0 && found.interrupts < operations(found),
        "{said}: a part of the completions must be polled, and a part not"
    );
    Ok(said)
}

fn operations(found: &Findings) -> u64 {
    found.all.iter().map(|found| found.operations).sum()
}

fn none_is_lost(found: &Findings) -> Result<String> {
    let lost: u64 = found.all.iter().map(|found| found.lost).sum();
    let stalled: u64 = found.all.iter().map(|found| found.stalled).sum();
    let longest = found.all.iter().map(|found| found.longest).max();
    let longest = longest.context("no disk")?;
    let said = format!(
        "of {} operations {lost} took over {} ms and came when the disk was polled again; {stalled} \
         more were that late, with the machine or the device; the longest took {} ms",
        operations(found),
        LATE.as_millis(),
        longest.as_millis()
    );
    ensure!(lost == 0, "{said}");
    Ok(said)
}
