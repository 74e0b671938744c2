// SPDX-License-Identifier: GPL-2.0
//! Searches for lost completions. Under load, the next look at the ring finds a completion that the
//! last one lost, and nobody notices. So each disk has one operation at a time and is polled only
//! for a moment. A completion that is lost when polling ends is found when polling begins again,
//! and the operation takes that long.

mod lane;
mod reader;

use std::thread::sleep;
use std::time::Duration;

use anyhow::{Result, ensure};
use guest_protocol::losses::{ENOUGH, LATE, NONE_IS_LOST, OFF, ON};
use guest_protocol::{Form, Losses};
use rand::SeedableRng;
use rand::rngs::SmallRng;

use crate::cpus::while_none_idles;
use crate::disk::VirtioDisk;
use crate::facts;
use crate::modules;
use crate::port::Port;
use crate::threads::Threads;
use crate::virtio::{self, Virtio};
use lane::Lane;
use reader::Found;

const TICK: Duration = Duration::from_millis(50);

pub fn run(port: &mut Port, orders: &Losses) -> Result<()> {
    facts::need_idle_driver()?;
    let disks: Vec<VirtioDisk> = orders
        .disks
        .iter()
        .map(|name| VirtioDisk::find(name))
        .collect::<Result<_>>()?;
    let others = others(&disks)?;
    let set_others = |on| while_none_idles(|| others.iter().try_for_each(|other| other.set(on)));
    set_others(true)?;
    let found = search(port, &disks, orders);
    set_others(false)?;
    let (found, interrupts) = found?;
    port.case(NONE_IS_LOST, || none_is_lost(&found))?;
    port.case("the search was valid", || {
        was_one(&found, interrupts, orders)
    })
}

/// The other devices, whose switches stay on during the search with the series. So the idle loop's
/// code is not patched: `cpus.rs` says why that matters. The module patches no code, so the list is
/// empty there.
fn others(disks: &[VirtioDisk]) -> Result<Vec<Virtio>> {
    if modules::form() == Form::Module {
        return Ok(Vec::new());
    }
    let mut others = virtio::all()?;
    others.retain(|other| disks.iter().all(|disk| disk.virtio.name != other.name));
    Ok(others)
}

/// Returns what all disks did, and the number of their interrupts.
fn search(port: &mut Port, disks: &[VirtioDisk], orders: &Losses) -> Result<(Found, u64)> {
    let threads: &'static Threads = Box::leak(Box::default());
    let lanes = disks.iter().map(|disk| Lane::new(disk.clone(), threads));
    let lanes: &'static [Lane] = Box::leak(lanes.collect::<Result<Vec<_>>>()?.into());
    let before = interrupts(disks)?;
    let mut chance = SmallRng::seed_from_u64(orders.seed);
    for lane in lanes {
        lane.start(SmallRng::from_rng(&mut chance));
    }
    let waited = wait(port, lanes, threads, orders);
    threads.end();
    waited?;
    // Wait until the switches that are still on have gone off.
    sleep(ON * 2 + OFF.1);
    Ok((sum(lanes), interrupts(disks)? - before))
}

fn sum(lanes: &[Lane]) -> Found {
    let mut sum = Found::default();
    lanes.iter().for_each(|lane| sum.add(&lane.result()));
    sum
}

/// Waits until enough operations are done, enough are lost, or one is lost for good. Fails if a
/// thread failed.
fn wait(port: &mut Port, lanes: &[Lane], threads: &Threads, orders: &Losses) -> Result<()> {
    loop {
        threads.check()?;
        let sum = sum(lanes);
        port.progress(|| format!("{} of {} operations", sum.operations, orders.operations))?;
        let one_is_gone = lanes.iter().any(|lane| lane.found().is_gone());
        if sum.operations >= orders.operations || sum.lost >= ENOUGH || one_is_gone {
            return Ok(());
        }
        sleep(TICK);
    }
}

fn interrupts(disks: &[VirtioDisk]) -> Result<u64> {
    disks.iter().map(|disk| disk.virtio.interrupts()).sum()
}

/// Checks that some completions were polled and some interrupted. Otherwise nothing was tested.
fn was_one(found: &Found, interrupts: u64, orders: &Losses) -> Result<String> {
    let Found {
        operations, flips, ..
    } = *found;
    let said = format!(
        "{operations} operations, {flips} short phases of polling, {interrupts} interrupts"
    );
    ensure!(
        operations >= orders.operations,
        "{said}; too few operations"
    );
    ensure!(
        flips > 0 && interrupts > 0 && interrupts < operations,
        "{said}; some completions must be polled, and some must interrupt"
    );
    Ok(said)
}

fn none_is_lost(found: &Found) -> Result<String> {
    let Found {
        operations,
        lost,
        stalled,
        longest,
        ..
    } = found;
    let said = format!(
        "of {operations} operations, {lost} took over {} ms and completed when polling began \
         again, or never; {stalled} more were as late because the machine or the device stalled; \
         the longest took {} ms",
        LATE.as_millis(),
        longest.as_millis()
    );
    ensure!(
        *lost == 0,
        "{said}. If many operations are late, some complete by chance when polling begins: repeat \
         the search on a host with less load"
    );
    Ok(said)
}
