// SPDX-License-Identifier: GPL-2.0
//! Searches for lost completions. Under load, the next look at the ring finds a completion that the
//! last one lost, and nobody notices. So each disk has one operation at a time and is polled only
//! for a moment. A completion that is lost when polling ends is found when polling begins again,
//! and the operation takes that long.

mod lane;
mod reader;

use std::thread::sleep;
use std::time::Duration;

use anyhow::{Result, bail, ensure};
use guest_protocol::losses::{ENOUGH, LATE, NONE_IS_LOST, OFF, ON};
use guest_protocol::{Form, Losses};
use rand::SeedableRng;
use rand::rngs::SmallRng;

use crate::cpus::while_none_idles;
use crate::disk::VirtioDisk;
use crate::facts;
use crate::modules;
use crate::port::Port;
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
    let total = found?;
    port.case(NONE_IS_LOST, || none_is_lost(&total.found))?;
    port.case("the search was valid", || was_one(&total, orders))
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

/// The outcome over all disks.
struct Total {
    found: Found,
    flips: u64,
    interrupts: u64,
}

fn search(port: &mut Port, disks: &[VirtioDisk], orders: &Losses) -> Result<Total> {
    let mut chance = SmallRng::seed_from_u64(orders.seed);
    let lanes = disks
        .iter()
        .map(|disk| Lane::new(disk.clone(), SmallRng::from_rng(&mut chance)));
    let lanes: &'static [Lane] = Box::leak(lanes.collect::<Result<Vec<_>>>()?.into());
    let before = interrupts(disks)?;
    lanes.iter().for_each(Lane::start);
    let waited = wait(port, lanes, orders);
    lanes.iter().for_each(Lane::end);
    waited?;
    // Wait until the switches that are still on have gone off.
    sleep(ON * 2 + OFF.1);
    let mut total = Total {
        found: Found::default(),
        flips: 0,
        interrupts: interrupts(disks)? - before,
    };
    for lane in lanes {
        total.found.add(&lane.result());
        total.flips += lane.flips();
    }
    Ok(total)
}

/// Waits until enough operations are done, enough are lost, or one is lost for good. Fails if a
/// thread failed.
fn wait(port: &mut Port, lanes: &[Lane], orders: &Losses) -> Result<()> {
    loop {
        if let Some(fault) = lanes.iter().find_map(|lane| lane.fault()) {
            bail!("{fault}");
        }
        let mut sum = Found::default();
        lanes.iter().for_each(|lane| sum.add(&lane.result()));
        port.progress(|| format!("{} of {} operations", sum.operations, orders.operations))?;
        let one_is_gone = lanes.iter().any(|lane| lane.found().is_gone());
        if sum.operations >= orders.operations || sum.lost >= ENOUGH || one_is_gone {
            return Ok(());
        }
        sleep(TICK);
    }
}

fn interrupts(disks: &[VirtioDisk]) -> Result<u64> {
    disks.iter().map(VirtioDisk::interrupts).sum()
}

/// Checks that some completions were polled and some interrupted. Otherwise nothing was tested.
fn was_one(total: &Total, orders: &Losses) -> Result<String> {
    let Total {
        found,
        flips,
        interrupts,
    } = total;
    let said = format!(
        "{} operations, {flips} short phases of polling, {interrupts} interrupts",
        found.operations
    );
    ensure!(
        found.operations >= orders.operations,
        "{said}; too few operations"
    );
    ensure!(
        *flips > 0 && *interrupts > 0 && *interrupts < found.operations,
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
