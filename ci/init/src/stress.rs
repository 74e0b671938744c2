// SPDX-License-Identifier: GPL-2.0
//! The stress scenario: all devices work at once and their data is checked, while faults of all
//! kinds strike at random. Nothing may be lost, wrong or left behind. Afterwards everything must
//! work as usual.
//!
//! The works are those of the matrix. A fault that takes a device away may end a batch with an
//! error, but must never make it hang.

mod field;
mod follow;
mod post;
mod troubles;
mod tuning;
mod watchdog;

use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use guest_protocol::cell::DISK_PACE;
use guest_protocol::{Ask, Device, Report, Stress};
use rand::SeedableRng;
use rand::rngs::SmallRng;

use crate::cpus;
use crate::disk;
use crate::facts;
use crate::matrix::{as_ever, refusals};
use crate::port::{Port, untried};
use crate::soon::within;
use crate::sources;
use crate::virtio::{self, new_devices_are_polled};
use field::Field;

const TICK: Duration = Duration::from_millis(100);
/// Time limit for all threads to end after they were asked to.
const ENDS: Duration = Duration::from_secs(90);

pub fn run(port: &mut Port, stress: &Stress) -> Result<()> {
    facts::need_idle_driver()?;
    let asker = port.asker();
    let devices = &stress.board.devices;
    if devices.contains(&Device::Scsi) {
        disk::find_first_scsi()?;
    }
    let before = sources::all()?.len();
    let tuned = tuning::Tuning::now()?;
    set_all(stress.polled)?;
    new_devices_are_polled(stress.polled)?;

    let field = Field::new(stress, &asker);
    let field: &'static Field = Box::leak(Box::new(field));
    for post in &field.posts {
        let name = post.device.to_string();
        field.threads.start(name, move || post.work(field));
    }
    let mut chance = SmallRng::seed_from_u64(stress.seed);
    for (&trouble, struck) in stress.troubles.iter().zip(&field.troubles) {
        // Each thread has its own generator. So its numbers depend only on the seed, not on how
        // often other threads draw.
        let chance = SmallRng::from_rng(&mut chance);
        field.threads.start(trouble.to_string(), move || {
            troubles::strike_again_and_again(trouble, field, struck, chance)
        });
    }
    let watch = || watchdog::watch(field);
    field.threads.start("the watchdog".into(), watch);
    let outcome = wait(port, field, stress.seconds);
    field.threads.end();
    let ended = outcome.and_then(|()| all_end(port, field));
    port.send(&Report::Stressed(field.stressed(stress.seconds)))?;
    // A thread that hangs would also hang everything that follows.
    ended?;

    port.case("all devices were at work", || all_were_at_work(field))?;
    cpus::bring_up()?;
    tuned.restore()?;
    asker.ask(Ask::Pace { iops: DISK_PACE })?;
    new_devices_are_polled(false)?;
    port.case("a source follows its interrupt", || {
        if let Some(&why) = refusals(&stress.board)?.first() {
            return Err(untried(why));
        }
        set_all(false)?;
        follow::everywhere(&asker)
    })?;
    set_all(false)?;
    port.case("no source is left behind", || none_is_left(before))?;
    for &device in devices {
        port.case(&format!("{device} works as before"), || {
            as_ever(device, &stress.board, &asker)
        })?;
    }
    Ok(())
}

fn set_all(on: bool) -> Result<()> {
    cpus::while_none_idles(|| virtio::set_all(on))
}

/// Waits until the time is up. Fails when something goes wrong.
fn wait(port: &mut Port, field: &Field, seconds: u32) -> Result<()> {
    let start = Instant::now();
    let time = Duration::from_secs(seconds.into());
    while start.elapsed() < time {
        let checked = field.threads.check();
        checked.with_context(|| format!("after {:.1} s", start.elapsed().as_secs_f64()))?;
        let so_far = start.elapsed().as_secs();
        port.progress(|| format!("{so_far} of {seconds} s: {}", field.summary()))?;
        sleep(TICK);
    }
    Ok(())
}

fn all_end(port: &mut Port, field: &Field) -> Result<()> {
    port.stage("waiting for all threads to end")?;
    within(ENDS, || {
        let running = field.threads.still_running();
        ensure!(running.is_empty(), "still running: {}", running.join(", "));
        Ok(())
    })?;
    field.threads.check()
}

/// Checks the number of sources after every switch was set to off. `prove.rs` finds lost memory.
fn none_is_left(before: usize) -> Result<String> {
    let left = sources::all()?;
    let now = left.len();
    ensure!(
        now == before,
        "{before} sources before, {now} after: {left:?}"
    );
    Ok(format!("{before} before, {now} after"))
}

fn all_were_at_work(field: &Field) -> Result<String> {
    for worked in field.stressed(0).works {
        ensure!(
            worked.batches > 0 && worked.operations > 0,
            "{}: no batch of work was completed, or no operation was done",
            worked.device
        );
    }
    Ok(format!("nothing was lost: {}", field.summary()))
}
