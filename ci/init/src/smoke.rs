// SPDX-License-Identifier: GPL-2.0
//! The shortest run that shows the feature at work: the idle loop is the right one, the switch of
//! each virtio device works, completions come with it on and without interrupts, data survives.

use std::thread::sleep;
use std::time::Duration;

use anyhow::{Result, bail, ensure};
use guest_protocol::{Feature, Smoke, Workload};

use crate::blocks::read_for;
use crate::cpus::{self, while_none_idles};
use crate::disk::{Disks, VirtioDisk};
use crate::facts;
use crate::fio::{self, FioJob};
use crate::interrupts::{self, Interrupt};
use crate::matrix;
use crate::port::Port;
use crate::sources;
use crate::switch::Switch;
use crate::switch::status::{NO_INTERRUPT, THREADS};
use crate::trace;

pub const RUN_MS: u64 = 400;
/// One interrupt an operation, give or take some that completions share.
const INTERRUPTS_OFF: f64 = 0.7;
/// Far below what interrupts give, far above what a run this short needs.
const INTERRUPTS_ON: f64 = 0.3;
const FLIPS: u32 = 50;
const FLIP_FOR: Duration = Duration::from_millis(2);

/// Short: the ring buffer of events is to hold them all.
const TRACED_MS: u64 = 100;

pub fn run(port: &mut Port, smoke: &Smoke) -> Result<()> {
    let Disks { timed, memory } = Disks::find()?;
    port.case("cpuidle: a driver that polls", facts::need_idle_driver)?;
    port.case("network: each ping is answered", || {
        matrix::ping_gateway().map(|pings| format!("{pings} pings"))
    })?;
    if facts::handlers_are_threads()? {
        port.case("the disk's interrupt handlers are threads", || {
            threads(&timed)
        })?;
    }
    match smoke.feature {
        Feature::Absent => without(port, &timed, &memory),
        Feature::Switch => with_switch(port, &timed, &memory),
        Feature::Threaded => threaded(port, &timed, &memory),
        Feature::Polling => polling(port, &timed, &memory),
    }
}

fn threads(disk: &VirtioDisk) -> Result<String> {
    let lines = disk.virtio.lines()?;
    for Interrupt { irq, .. } in &lines {
        let found = interrupts::threads(*irq)?;
        ensure!(!found.is_empty(), "there is no task irq/{irq}-*");
    }
    Ok(format!("{} of them", lines.len()))
}

/// A kernel that has nothing of it yet.
fn without(port: &mut Port, timed: &VirtioDisk, memory: &VirtioDisk) -> Result<()> {
    port.case("poll_source: no device has the switch", no_switch)?;
    port.case("completions interrupt", || interrupting(timed))?;
    port.case("data survives", || survives(memory))
}

/// A kernel whose switch has nothing to switch yet.
fn with_switch(port: &mut Port, timed: &VirtioDisk, memory: &VirtioDisk) -> Result<()> {
    port.case(
        "poll_source: off at boot, reads back what is written",
        switches,
    )?;
    port.case("poll_source on: completions interrupt as before", || {
        while_none_idles(|| timed.virtio.switch().set(true))?;
        interrupting(timed)
    })?;
    port.case("poll_source on: data survives", || {
        while_none_idles(|| memory.virtio.switch().set(true))?;
        survives(memory)
    })
}

/// Devices of which a hit cannot stand in for an interrupt.
fn threaded(port: &mut Port, timed: &VirtioDisk, memory: &VirtioDisk) -> Result<()> {
    with_switch(port, timed, memory)?;
    port.case("poll_source on: there is no source", || {
        let sources = sources::all()?;
        let first = sources.first().map(|source| source.name.as_str());
        ensure!(first.is_none(), "there is {}", first.unwrap_or_default());
        Ok(String::new())
    })?;
    port.case("poll_source on: the status says why it is not", refused)
}

fn polling(port: &mut Port, timed: &VirtioDisk, memory: &VirtioDisk) -> Result<()> {
    port.case(
        "poll_source: off at boot, reads back what is written",
        switches,
    )?;
    port.case("poll_source off: completions interrupt", || {
        completions(timed, false)
    })?;
    port.case("poll_source on: completions are polled", || {
        completions(timed, true)
    })?;
    port.case("poll_source on: events tell of each wait and hit", || {
        events(timed)
    })?;
    port.case("poll_source off again: interrupts are back", || {
        completions(timed, false)
    })?;
    port.case("poll_source on: data survives", || {
        while_none_idles(|| memory.virtio.switch().set(true))?;
        survives(memory)
    })?;
    port.case("poll_source flipped under load: data survives", || {
        flip_under_load(memory, timed, FLIPS)
    })
}

fn switches() -> Result<String> {
    let switches = Switch::all()?;
    ensure!(!switches.is_empty(), "there is no virtio device");
    for switch in &switches {
        let at_boot = switch.get()?;
        ensure!(at_boot == "0", "{switch} is {at_boot} at boot");
        while_none_idles(|| switch.set(true).and_then(|()| switch.set(false)))?;
    }
    Ok(format!("{} devices", switches.len()))
}

/// Of every device that interrupts: the wish is taken, and not granted.
fn refused() -> Result<String> {
    let switches = Switch::all()?;
    let mut refused = 0;
    for switch in &switches {
        switch.set(true)?;
        let status = switch.status()?;
        switch.set(false)?;
        match status.as_str() {
            THREADS => refused += 1,
            NO_INTERRUPT => (),
            status => bail!("{switch} is on, its status is {status:?}"),
        }
    }
    ensure!(refused > 0, "there is no device with an interrupt");
    Ok(format!(
        "{refused} of {} devices: {THREADS}",
        switches.len()
    ))
}

fn no_switch() -> Result<String> {
    let switches = Switch::all()?;
    let there = switches.iter().find(|switch| switch.get().is_ok());
    ensure!(
        there.is_none(),
        "there is {}: is this the kernel that was meant?",
        there.map(ToString::to_string).unwrap_or_default()
    );
    Ok(format!("{} devices", switches.len()))
}

pub fn completions(disk: &VirtioDisk, polled: bool) -> Result<String> {
    while_none_idles(|| disk.virtio.switch().set(polled))?;
    if !polled {
        return interrupting(disk);
    }
    let mut said = Vec::new();
    for _ in 0..matrix::TRIES {
        let (rate, now) = rate(disk)?;
        said.push(now);
        if rate < INTERRUPTS_ON {
            return Ok(said.join("; then "));
        }
    }
    bail!("{}; wanted below {INTERRUPTS_ON}", said.join("; then "))
}

pub fn interrupting(disk: &VirtioDisk) -> Result<String> {
    let (rate, said) = rate(disk)?;
    ensure!(
        rate > INTERRUPTS_OFF,
        "{said}; wanted above {INTERRUPTS_OFF}"
    );
    Ok(said)
}

/// Interrupts an operation in a short run; also in words.
fn rate(disk: &VirtioDisk) -> Result<(f64, String)> {
    let before = disk.interrupts()?;
    let ios = read_for(disk, RUN_MS)?;
    let rate = (disk.interrupts()? - before) as f64 / ios as f64;
    Ok((
        rate,
        format!("{rate:.2} interrupts an operation, {ios} operations"),
    ))
}

/// A run with the events on: each wait begins and ends, and its hits are the disk's.
fn events(disk: &VirtioDisk) -> Result<String> {
    let (trace, ios) = trace::of(|| read_for(disk, TRACED_MS))?;
    let count = |event: &str| trace.lines().filter(|line| line.contains(event)).count();
    let (starts, stops) = (count("poll_source_start:"), count("poll_source_stop:"));
    let hits = count(&format!(
        "poll_source_hit: source={}/req.",
        disk.virtio.name
    ));
    let said = format!("{starts} starts, {hits} hits, {stops} stops, {ios} operations");
    // The telling begins and ends in the middle of a wait, on each processor.
    ensure!(starts.abs_diff(stops) <= cpus::online()?.len(), "{said}");
    ensure!(hits > 0 && hits as u64 <= ios + 2, "{said}");
    ensure!(
        count("reason=resched") > 0,
        "no wait ended for a task: {said}"
    );
    Ok(said)
}

pub fn survives(disk: &VirtioDisk) -> Result<String> {
    let done = verify(disk)?.wait()?;
    Ok(format!("{} operations", done.ios))
}

/// Writes all of the disk's first part in random order, then reads it back.
pub fn verify(disk: &VirtioDisk) -> Result<fio::Running> {
    let mut job = FioJob::new(&disk.path(), Workload::RandWrite);
    job.verifying("1M").on_cpus(&disk.irq_cpus()?[..1]);
    job.start()
}

/// Counts only flips between which the disk completed something: fio also starts and ends. The
/// other disk's switch stays on, so that flips meet a loop at work and not its code being patched.
pub fn flip_under_load(disk: &VirtioDisk, other: &VirtioDisk, wanted: u32) -> Result<String> {
    let switch = disk.virtio.switch();
    let other = other.virtio.switch();
    while_none_idles(|| other.set(true))?;
    let mut flips = 0;
    let mut operations = 0;
    // Where the disk is fast, fio is done before the flips are.
    while flips < wanted {
        let mut load = verify(disk)?;
        while !load.done()? {
            flips += u32::from(flip(disk, &switch)?);
        }
        operations += load.wait()?.ios;
    }
    while_none_idles(|| switch.set(false).and_then(|()| other.set(false)))?;
    Ok(format!("{flips} flips, {operations} operations"))
}

/// On and off again; whether the disk completed something in between.
fn flip(disk: &VirtioDisk, switch: &Switch) -> Result<bool> {
    let before = disk.operations()?;
    switch.set(true)?;
    sleep(FLIP_FOR);
    switch.set(false)?;
    Ok(disk.operations()? > before)
}
