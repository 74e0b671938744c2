// SPDX-License-Identifier: GPL-2.0
//! Takes a machine through suspend to RAM, XDP and AF_XDP on its network card, kexec and a reboot
//! while its devices are polled and at work. Nothing may be lost or wrong. Afterwards completions
//! must be polled as before, and interrupt as usual once polling is off.
//!
//! ```text
//! blank disk --first()--kexec--> after_kexec() --reboot--> after_reboot() --> verdict
//! ```
//!
//! Each kernel learns from the disk which of the three it is. A kernel in which a check fails gives
//! the verdict itself and does not restart the machine.

mod asleep;
mod load;
mod restart;
mod rounds;
mod xdp;
mod xsk;

use std::sync::Mutex;
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use guest_protocol::form::{Form, MODULE};

use crate::blocks::read_for;
use crate::cpus::while_none_idles;
use crate::disk::Disks;
use crate::ethtool;
use crate::module;
use crate::modules;
use crate::nic::Nic;
use crate::port::Port;
use crate::smoke;
use crate::soon::soon;
use crate::sources::{self, Source};
use crate::threads::lock;
use crate::virtio;
use load::{Packets, over};
use restart::{Mark, Restart};
use rounds::Rounds;

/// Names of checks that catch planted bugs: `ci/planted` has them.
const POLLED_AFTER_SLEEP: &str = "suspend to RAM: the same queues are polled";
const POLLED_AFTER_RESETS: &str = "queues were reset: the same queues are polled";

/// Number of hits that show that a disk is polled.
const HITS: u64 = 10;
/// Maximum number of short runs in which these hits must occur.
const TRIES: u32 = 12;
/// Numbers of entries that the card's rings get, one after the other. The last one is the usual
/// number.
const SIZES: [u32; 6] = [128, 64, 256, 128, 64, 256];
const BETWEEN_SIZES: Duration = Duration::from_millis(200);

/// `kernel` is the file name of the running kernel's image.
pub fn run(port: &mut Port, kernel: &str) -> Result<()> {
    let disks = Disks::find()?;
    let before = Mark::read(&disks.memory)?;
    let running = Mark {
        restart: None,
        acknowledged: 0,
    };
    running.write(&disks.memory)?;
    let Some(mark) = before else {
        return first(port, kernel, &disks);
    };
    match mark.restart {
        Some(Restart::Kexec) => after_kexec(port, &disks, mark.acknowledged),
        Some(Restart::Reboot) => after_reboot(port, &disks, mark.acknowledged),
        None => bail!("the machine restarted unexpectedly"),
    }
}

fn first(port: &mut Port, kernel: &str, disks: &Disks) -> Result<()> {
    let (card, asker) = (Nic::find()?, port.asker());
    let rounds = Mutex::new(Rounds::begin(&disks.memory)?);
    port.case("at first: completions are polled", || polled(disks))?;
    let queues = polled_queues()?;

    port.case("suspend to RAM, under load: data survives", || {
        let sleep = || asleep::to_ram(&asker);
        over(disks, &rounds, Packets::MayBeLost, sleep)
    })?;
    port.case(POLLED_AFTER_SLEEP, || same_queues(&queues))?;
    port.case("suspend to RAM: completions are polled", || {
        still_polled(disks)
    })?;

    port.case("XDP, under load: no packet is lost", || {
        let attach = || xdp::attach_and_detach(&card);
        over(disks, &rounds, Packets::All, attach)
    })?;
    port.case("rings resized, under load: packets go on", || {
        over(disks, &rounds, Packets::MayBeLost, || resize(&card))
    })?;
    port.case("AF_XDP without copies, under load: packets go on", || {
        let bind = || xsk::bind_and_close(&card);
        over(disks, &rounds, Packets::MayBeLost, bind)
    })?;
    port.case(POLLED_AFTER_RESETS, || same_queues(&queues))?;
    port.case("queues were reset: each ping is answered", smoke::pings)?;

    if modules::form() == Form::Module {
        module::unloaded(port, &disks.timed)?;
        port.case("loaded again: completions are polled", || {
            modules::load(MODULE)?;
            polled(disks)
        })?;
        port.case("loaded again: the same queues are polled", || {
            same_queues(&queues)
        })?;
    }
    let mut loaded = false;
    port.case("kexec: this kernel's image is loaded", || {
        let cmdline = restart::load(kernel)?;
        loaded = true;
        Ok(cmdline)
    })?;
    match loaded {
        true => restart(port, disks, &rounds, Restart::Kexec),
        // This kernel has no kexec.
        false => restart(port, disks, &rounds, Restart::Reboot),
    }
}

fn after_kexec(port: &mut Port, disks: &Disks, acknowledged: u64) -> Result<()> {
    port.case("kexec: this kernel was started by kexec", || {
        ensure!(restart::was_by_kexec()?, "the machine was reset instead");
        Ok(String::new())
    })?;
    let rounds = restarted(port, "kexec", disks, acknowledged)?;
    restart(port, disks, &rounds, Restart::Reboot)
}

fn after_reboot(port: &mut Port, disks: &Disks, acknowledged: u64) -> Result<()> {
    port.case("reboot: the machine was reset", || {
        ensure!(
            !restart::was_by_kexec()?,
            "kexec started this kernel instead"
        );
        Ok(String::new())
    })?;
    restarted(port, "reboot", disks, acknowledged)?;
    match modules::form() {
        Form::Module => module::unloaded(port, &disks.timed),
        Form::Series => Ok(()),
    }
}

/// Checks the data that a new kernel finds, and that its devices work.
fn restarted(port: &mut Port, by: &str, disks: &Disks, acknowledged: u64) -> Result<Mutex<Rounds>> {
    let mut rounds = None;
    port.case(&format!("{by}, under load: data survived"), || {
        let found = rounds.insert(Rounds::resume(&disks.memory, acknowledged)?);
        Ok(format!(
            "last acknowledged write: {acknowledged}, last write on the disk: {}",
            found.acknowledged()
        ))
    })?;
    port.case(&format!("{by}: completions interrupt"), || {
        smoke::interrupting(&disks.timed)
    })?;
    port.case(&format!("{by}: completions are polled"), || polled(disks))?;
    port.case(&format!("{by}: each ping is answered"), smoke::pings)?;
    rounds.map(Mutex::new).context("the data did not survive")
}

/// Restarts the machine under load. Returns only if a check has failed before, or if the restart
/// fails.
fn restart(port: &mut Port, disks: &Disks, rounds: &Mutex<Rounds>, by: Restart) -> Result<()> {
    if port.has_failed() {
        return Ok(());
    }
    port.stage(format!("{by:?}, under load"))?;
    port.drain()?;
    let restart = || {
        let mark = Mark {
            restart: Some(by),
            acknowledged: lock(rounds).acknowledged(),
        };
        mark.write(&disks.memory)?;
        restart::now(by)
    };
    over(disks, rounds, Packets::MayBeLost, restart).map(drop)
}

fn resize(card: &Nic) -> Result<String> {
    for entries in SIZES {
        let resized = ethtool::resize_rings(&card.name, entries)?;
        ensure!(resized, "the rings were not resized to {entries} entries");
        sleep(BETWEEN_SIZES);
    }
    Ok(format!("resized {} times", SIZES.len()))
}

/// Switches polling on for all devices, and checks that the disk is polled.
fn polled(disks: &Disks) -> Result<String> {
    while_none_idles(|| virtio::set_all(true))?;
    still_polled(disks)
}

/// Checks that the disk is polled with the switches as they are. On a busy host a disk is so slow
/// that most waits end before it answers. So this asks for a few hits only: a device that is not
/// polled has none.
fn still_polled(disks: &Disks) -> Result<String> {
    let virtio = &disks.timed.virtio;
    let (mut reads, start) = (0, virtio.hits()?);
    for _ in 0..TRIES {
        reads += read_for(&disks.timed, smoke::RUN_MS)?;
        let hits = virtio.hits()? - start;
        if hits >= HITS {
            return Ok(format!("{hits} hits in {reads} reads"));
        }
    }
    bail!(
        "only {} hits in {reads} reads, fewer than {HITS}",
        virtio.hits()? - start
    )
}

fn polled_queues() -> Result<Vec<String>> {
    let mut sources = sources::all()?;
    sources.retain(|source: &Source| source.cpu >= 0);
    let mut names: Vec<String> = sources.into_iter().map(|source| source.name).collect();
    names.sort();
    Ok(names)
}

fn same_queues(before: &[String]) -> Result<String> {
    soon(|| {
        let now = polled_queues()?;
        ensure!(
            now == before,
            "polled queues: {before:?} before, {now:?} now"
        );
        Ok(())
    })?;
    Ok(before.join(", "))
}
