// SPDX-License-Identifier: GPL-2.0
//! Tests the module with another cpuidle driver that was there first. The module either takes over
//! that driver's polling state and gives it back, or is refused.

use std::path::Path;

use anyhow::{Result, bail, ensure};
use guest_protocol::form::MODULE;
use guest_protocol::module_test::OTHER_IDLE;
use guest_protocol::scenario::PROGRAMS;

use super::left_over;
use crate::blocks::read_for;
use crate::cpus;
use crate::disk::VirtioDisk;
use crate::facts::IDLE_DRIVER;
use crate::modules;
use crate::procfs::expect;
use crate::prove::kernel_log;
use crate::smoke;

const NAME: &str = "other_idle";
/// The parameter that shows which function the polling state calls: `TAKEN` with the module, `OWN`
/// without.
const ENTER: &str = "/sys/module/other_idle/parameters/enter";
const TAKEN: &str = "poll_idle_hosted_enter [poll_source]";
const OWN: &str = "poll_idle";
/// Minimum of hits, in percent of the operations. The governor prefers to halt now and then.
const HITS: u64 = 10;

/// Leaves both the module and the other driver unloaded.
pub fn is_taken_over(disk: &VirtioDisk) -> Result<String> {
    load("polling=1")?;
    expect(ENTER, OWN)?;
    modules::load(MODULE)?;
    expect(ENTER, TAKEN)?;
    let lent = format!("{MODULE}: polling in the state POLL of the idle driver {NAME}");
    said_once(&lent)?;
    let polled = polls(disk)?;

    modules::unload(MODULE)?;
    left_over::nothing(disk, NAME)?;
    expect(ENTER, OWN)?;
    let before = usage(disk)?;
    let interrupting = smoke::interrupting(disk)?;
    let after = usage(disk)?;
    ensure!(
        after > before,
        "after the unload, {NAME}'s polling state is not used any more: {after} times in all"
    );
    modules::unload(NAME)?;
    Ok(format!(
        "{polled}; given back: {interrupting}, {} waits",
        after - before
    ))
}

/// Leaves both the module and the other driver unloaded.
pub fn is_refused(disk: &VirtioDisk) -> Result<String> {
    load("polling=0")?;
    let Err(err) = modules::load(MODULE) else {
        modules::unload(MODULE)?;
        modules::unload(NAME)?;
        bail!("{MODULE} was loaded beside a driver without a polling state");
    };
    let why =
        format!("{MODULE}: the idle driver {NAME} has no polling state that could poll devices");
    said_once(&why)?;
    left_over::nothing(disk, NAME)?;
    modules::unload(NAME)?;
    Ok(format!("{err:#}"))
}

/// Reads the disk with its switch on, on the CPU that takes its interrupt. Checks the numbers of
/// hits and waits.
fn polls(disk: &VirtioDisk) -> Result<String> {
    disk.virtio.set_calmly(true)?;
    let virtio = &disk.virtio;
    let (hits, waits) = (virtio.hits()?, usage(disk)?);
    let ios = read_for(disk, smoke::RUN_MS)?;
    let (hits, waits) = (virtio.hits()? - hits, usage(disk)? - waits);
    let said = format!("{hits} hits in {waits} waits, {ios} operations");
    ensure!(
        hits * 100 >= ios * HITS && hits <= ios + 2,
        "{said}; wanted hits for at least {HITS} % of the operations"
    );
    // A wait with polling still counts as an entry of the state.
    ensure!(waits >= hits / 2, "{said}");
    Ok(said)
}

/// How often the CPU that takes the disk's interrupt has entered the first state.
fn usage(disk: &VirtioDisk) -> Result<u64> {
    cpus::usage(disk.irq_cpus()?[0], 0)
}

fn said_once(what: &str) -> Result<()> {
    let log = kernel_log()?;
    let found = log.lines().filter(|line| line.contains(what)).count();
    ensure!(
        found == 1,
        "the kernel log has {what:?} {found} times, not once"
    );
    Ok(())
}

fn load(parameters: &str) -> Result<()> {
    expect(IDLE_DRIVER, "none")?;
    modules::load_file(&Path::new(PROGRAMS).join(OTHER_IDLE), parameters)
}
