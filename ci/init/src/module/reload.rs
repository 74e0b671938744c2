// SPDX-License-Identifier: GPL-2.0
//! Unloads and loads the module while disks and the network are at work.

use std::time::Duration;

use anyhow::{Result, ensure};
use guest_protocol::form::MODULE;

use crate::blocks::read_for;
use crate::disk::VirtioDisk;
use crate::matrix;
use crate::modules;
use crate::repeated::{Repeated, while_all_work};
use crate::smoke;
use crate::soon::within;
use crate::virtio;

/// Duration of each run of reads, in ms.
const WORK_MS: u64 = 300;
/// Time limit after each change, within which each disk must complete something.
const PROGRESS: Duration = Duration::from_secs(10);

pub fn under_load(memory: &VirtioDisk, timed: &VirtioDisk, times: u32) -> Result<String> {
    let works = [
        Repeated::new("verifying", || smoke::verify(memory)),
        Repeated::new("reading", || read_for(timed, WORK_MS)),
        Repeated::new("pinging", matrix::ping_gateway),
    ];
    let changes = || (0..times).try_for_each(|time| change(time, &[memory, timed]));
    let ((), done) = while_all_work(&works, changes)?;
    Ok(format!("reloaded {times} times; {done}"))
}

/// Unloads and loads the module. The disks must make progress after each of the two, by interrupt
/// and then polled.
fn change(time: u32, disks: &[&VirtioDisk]) -> Result<()> {
    modules::unload(MODULE)?;
    progress(disks)
        .map_err(|err| err.context(format!("module unloaded, after {time} complete rounds")))?;
    modules::load(MODULE)?;
    virtio::set_all(true)?;
    progress(disks)
        .map_err(|err| err.context(format!("module loaded again, after {time} complete rounds")))
}

/// Waits until each disk has completed something more.
fn progress(disks: &[&VirtioDisk]) -> Result<()> {
    for disk in disks {
        let before = disk.operations()?;
        within(PROGRESS, || {
            let waits = disk.in_flight()?;
            let goes_on = disk.operations()? > before;
            ensure!(
                goes_on,
                "{} completed nothing, {waits} requests in flight",
                disk.name
            );
            Ok(())
        })?;
    }
    Ok(())
}
