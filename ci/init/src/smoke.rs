// SPDX-License-Identifier: GPL-2.0
//! The shortest run that shows the feature at work. Checks that the idle loop is the right one,
//! that the switch of each virtio device works, that completions arrive without interrupts while it
//! is on, and that data survives.

use anyhow::{Result, bail, ensure};
use guest_protocol::{Feature, Workload};

use crate::blocks::read_for;
use crate::cpus::{self, while_none_idles};
use crate::disk::{Disks, VirtioDisk};
use crate::facts;
use crate::fio::FioJob;
use crate::interrupts::{self, Interrupt};
use crate::matrix;
use crate::port::Port;
use crate::sources;
use crate::trace;
use crate::virtio::status::{NO_INTERRUPT, THREADS};
use crate::virtio::{self, Virtio};

pub const RUN_MS: u64 = 400;
/// Minimum of interrupts per operation without polling. The usual rate is one, less some that
/// completions share.
const INTERRUPTS_OFF: f64 = 0.7;
/// Maximum of interrupts per operation with polling: far below the rate of interrupts, far above
/// the needs of such a short run.
const INTERRUPTS_ON: f64 = 0.3;
const FLIPS: u32 = 50;

/// Duration of the traced run, in ms. It is short, because the ring buffer of trace events must
/// hold them all.
const TRACED_MS: u64 = 100;

pub fn run(port: &mut Port, feature: Feature) -> Result<()> {
    let Disks { timed, memory } = Disks::find()?;
    port.case("cpuidle: a driver that polls", facts::need_idle_driver)?;
    port.case("network: each ping is answered", pings)?;
    if facts::handlers_are_threads()? {
        port.case("the disk's interrupt handlers are threads", || {
            threads(&timed)
        })?;
    }
    match feature {
        Feature::Absent => without(port, &timed, &memory),
        Feature::Switch => with_switch(port, &timed, &memory),
        Feature::Threaded => threaded(port, &timed, &memory),
        Feature::Polling => polling(port, &timed, &memory),
    }
}

pub fn pings() -> Result<String> {
    matrix::ping_gateway().map(|pings| format!("{pings} pings"))
}

fn threads(disk: &VirtioDisk) -> Result<String> {
    let lines = disk.virtio.lines()?;
    for Interrupt { irq, .. } in &lines {
        let found = interrupts::threads(*irq)?;
        ensure!(!found.is_empty(), "there is no task irq/{irq}-*");
    }
    Ok(format!("{} interrupts", lines.len()))
}

/// Checks a kernel that has no part of the feature yet.
fn without(port: &mut Port, timed: &VirtioDisk, memory: &VirtioDisk) -> Result<()> {
    port.case("poll_source: no device has the switch", no_switch)?;
    port.case("completions interrupt", || interrupting(timed))?;
    port.case("data survives", || survives(memory))
}

/// Checks a kernel in which the switch has no effect.
fn with_switch(port: &mut Port, timed: &VirtioDisk, memory: &VirtioDisk) -> Result<()> {
    port.case(
        "poll_source: off at boot, reads back what is written",
        switches,
    )?;
    port.case("poll_source on: completions interrupt as before", || {
        timed.virtio.set_calmly(true)?;
        interrupting(timed)
    })?;
    port.case("poll_source on: data survives", || {
        memory.virtio.set_calmly(true)?;
        survives(memory)
    })
}

/// Checks devices for which a hit cannot replace an interrupt.
fn threaded(port: &mut Port, timed: &VirtioDisk, memory: &VirtioDisk) -> Result<()> {
    with_switch(port, timed, memory)?;
    port.case(
        "poll_source on: there is no source",
        || match sources::all()?.first() {
            Some(source) => bail!("there is the source {}", source.name),
            None => Ok(String::new()),
        },
    )?;
    port.case(
        "poll_source on: the status says why nothing is polled",
        refused,
    )
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
    port.case(
        "poll_source on: trace events show each wait and hit",
        || events(timed),
    )?;
    port.case("poll_source off again: interrupts are back", || {
        completions(timed, false)
    })?;
    port.case("poll_source on: data survives", || {
        memory.virtio.set_calmly(true)?;
        survives(memory)
    })?;
    port.case("poll_source flipped under load: data survives", || {
        flip_under_load(memory, timed, FLIPS)
    })
}

fn switches() -> Result<String> {
    let devices = virtio::all()?;
    ensure!(!devices.is_empty(), "there is no virtio device");
    for virtio in &devices {
        ensure!(!virtio.is_on()?, "{} is on at boot", virtio.name);
        while_none_idles(|| virtio.set(true).and_then(|()| virtio.set(false)))?;
    }
    Ok(format!("{} devices", devices.len()))
}

/// Checks for every device with an interrupt that the switch can be set but the device is not
/// polled.
fn refused() -> Result<String> {
    let devices = virtio::all()?;
    let mut refused = 0;
    for virtio in &devices {
        virtio.set(true)?;
        let status = virtio.status()?;
        virtio.set(false)?;
        match status.as_str() {
            THREADS => refused += 1,
            NO_INTERRUPT => (),
            status => bail!("{} is on, but its status is {status:?}", virtio.name),
        }
    }
    ensure!(refused > 0, "there is no device with an interrupt");
    Ok(format!("{refused} of {} devices: {THREADS}", devices.len()))
}

fn no_switch() -> Result<String> {
    let devices = virtio::all()?;
    for switch in devices.iter().map(Virtio::switch) {
        ensure!(
            !switch.exists(),
            "{} exists: does this guest run the wrong kernel?",
            switch.display()
        );
    }
    Ok(format!("{} devices", devices.len()))
}

pub fn completions(disk: &VirtioDisk, polled: bool) -> Result<String> {
    disk.virtio.set_calmly(polled)?;
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

/// Returns the interrupts per operation in a short run, also as text.
fn rate(disk: &VirtioDisk) -> Result<(f64, String)> {
    let before = disk.virtio.interrupts()?;
    let ios = read_for(disk, RUN_MS)?;
    let rate = (disk.virtio.interrupts()? - before) as f64 / ios as f64;
    Ok((
        rate,
        format!("{rate:.2} interrupts per operation, {ios} operations"),
    ))
}

/// Checks the trace events of a short run: each wait begins and ends, and the hits belong to the
/// disk.
fn events(disk: &VirtioDisk) -> Result<String> {
    let (trace, ios) = trace::of(|| read_for(disk, TRACED_MS))?;
    let count = |event: &str| trace.lines().filter(|line| line.contains(event)).count();
    let (starts, stops) = (count("poll_source_start:"), count("poll_source_stop:"));
    let hits = count(&format!(
        "poll_source_hit: source={}/req.",
        disk.virtio.name
    ));
    let said = format!("{starts} starts, {hits} hits, {stops} stops, {ios} operations");
    // On each CPU, tracing may begin and end in the middle of a wait.
    ensure!(starts.abs_diff(stops) <= cpus::online()?.len(), "{said}");
    ensure!(hits > 0 && hits as u64 <= ios + 2, "{said}");
    ensure!(
        count("reason=resched") > 0,
        "no wait ended for a task: {said}"
    );
    Ok(said)
}

pub fn survives(disk: &VirtioDisk) -> Result<String> {
    Ok(format!("{} operations", verify(disk)?))
}

/// Writes the first part of the disk in random order and reads it back. Returns the number of
/// operations.
pub fn verify(disk: &VirtioDisk) -> Result<u64> {
    let mut job = FioJob::new(&disk.path(), Workload::RandWrite);
    job.verifying("1M").on_cpus(&disk.irq_cpus()?[..1]);
    Ok(job.run()?.ios)
}

/// Flips the disk's switch on and off under load, `flips` times. The other disk's switch stays on,
/// so that flips hit a working idle loop and not one whose code is being patched.
pub fn flip_under_load(disk: &VirtioDisk, other: &VirtioDisk, flips: u32) -> Result<String> {
    let (virtio, other) = (&disk.virtio, &other.virtio);
    other.set_calmly(true)?;
    let operations = matrix::flip_disk(virtio, 2 * flips)?;
    while_none_idles(|| virtio.set(false).and_then(|()| other.set(false)))?;
    Ok(format!("{flips} flips, {operations} operations"))
}
