// SPDX-License-Identifier: GPL-2.0
//! Faults that are injected into one device.

use std::fs;
use std::path::PathBuf;
use std::sync::LazyLock;
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use guest_protocol::cell::DISK_PACE;
use guest_protocol::{Ask, Device};
use nix::errno::Errno;
use rand::Rng;
use rand::rngs::SmallRng;
use rand::seq::IndexedRandom;

use super::super::field::Field;
use super::super::post::Post;
use crate::cpus;
use crate::disk;
use crate::ethtool;
use crate::modules;
use crate::nic::Nic;
use crate::port::untried;
use crate::procfs::{self, has_function, read};
use crate::soon::{soon, within};
use crate::virtio::{Virtio, move_to};

/// Longest pause between two flips. This gives up to a thousand flips per second on average.
const FLIP_GAP: Duration = Duration::from_millis(2);
const FLIPS: u64 = 300;
/// Speeds of a disk, in operations per second: the usual one, a slower one and faster ones.
const PACES: &[u64] = &[30, DISK_PACE, 400, 2000, 10_000];
/// Time limit for a slot to release its device. It does so some seconds after the request.
const GOES: Duration = Duration::from_secs(40);
/// The share of bursts that leave the switch on.
const STAYS_ON: f64 = 0.85;

/// Flips the switch of one device in a burst, whatever else happens to the device.
pub fn flip(field: &Field, chance: &mut SmallRng) -> Result<u64> {
    let post = pick(field, chance)?;
    let Ok(virtio) = post.virtio() else {
        return Ok(0);
    };
    let path = virtio.switch();
    let stays_on = chance.random_bool(STAYS_ON);
    let mut done = 0;
    for left in (0..chance.random_range(1..=FLIPS)).rev() {
        let on = (left % 2 == 0) == stays_on;
        match fs::write(&path, if on { "1" } else { "0" }) {
            Ok(()) => done += 1,
            // The device, its folder or the module is just going away.
            Err(_) if !virtio.is_there() => break,
            Err(err) if procfs::is_gone(&err) => break,
            Err(err) => {
                return Err(err).with_context(|| format!("writing to {}", path.display()));
            }
        }
        if field.is_over() {
            break;
        }
        sleep(chance.random_range(Duration::ZERO..=FLIP_GAP));
    }
    Ok(done)
}

pub fn move_interrupts(field: &Field, chance: &mut SmallRng) -> Result<u64> {
    let post = pick(field, chance)?;
    let to = *cpus::online()?.choose(chance).context("no CPU is online")?;
    // The interrupt lines or the CPU may be gone by now.
    let lines = post.virtio().and_then(|virtio| virtio.lines());
    let moved = lines.unwrap_or_default().iter().any(|line| {
        let moved = move_to(line.irq, to);
        moved.unwrap_or(false)
    });
    Ok(u64::from(moved))
}

/// Whether the driver may lose its device during a batch, which then ends with an error. The users
/// of a port, a bus or a generator hold on to it.
fn may_go_at_work(device: Device) -> bool {
    matches!(device, Device::Blk | Device::Net)
}

pub fn rebind(field: &Field, chance: &mut SmallRng) -> Result<u64> {
    change(field, chance, |_, virtio| {
        let driver = virtio.driver()?;
        virtio.tell_driver(&driver, "unbind")?;
        virtio.tell_driver(&driver, "bind")?;
        soon(|| virtio.driver())?;
        Ok(1)
    })
}

/// Reloads the driver's module. This also takes away the driver's text, with a handler that a
/// poller may call.
pub fn reload(field: &Field, chance: &mut SmallRng) -> Result<u64> {
    change(field, chance, |_, virtio| {
        let module = match virtio.module() {
            Ok(module) if modules::is_loaded(&module) => module,
            // The driver is built in.
            _ => return Ok(0),
        };
        if !modules::try_unload(&module)? {
            return Ok(0);
        }
        modules::load(&module)?;
        soon(|| virtio.driver())?;
        Ok(1)
    })
}

pub fn replug(field: &Field, chance: &mut SmallRng) -> Result<u64> {
    change(field, chance, |device, old| {
        field.asker.ask(Ask::Unplug { device })?;
        within(GOES, || {
            ensure!(!old.is_there(), "{} is still there", old.name);
            Ok(())
        })?;
        field.asker.ask(Ask::Plug { device })?;
        soon(|| Virtio::find(device)?.lines())?;
        Ok(1)
    })
}

/// Takes a device away for a moment, perhaps while it is at work.
fn change(
    field: &Field,
    chance: &mut SmallRng,
    change: impl FnOnce(Device, &Virtio) -> Result<u64>,
) -> Result<u64> {
    let post = pick(field, chance)?;
    let device = post.device;
    let at_work = may_go_at_work(device) && chance.random_bool(0.5);
    let _awake = field.awake.read();
    post.change(at_work, || {
        let virtio = soon(|| post.virtio())?;
        // A CPU that goes offline while queues of disks start follows a list that does not exist
        // yet: blk_mq_init_allocated_queue() calls blk_mq_realloc_hw_ctxs(), and from then on
        // blk_mq_hctx_notify_dead() may be called. Only later it calls blk_mq_init_cpu_queues().
        // Linux 6.12 and 7.3 have this fault, with and without the feature.
        let _stay = device.is_disk().then(cpus::all_stay);
        let changed = change(device, &virtio);
        let changed = changed.with_context(|| format!("changing {}", virtio.name))?;
        if device == Device::Scsi {
            disk::find_first_scsi()?;
        }
        Ok(changed)
    })
}

/// Resets the PCI function of the blk device. Only some drivers bring a device back after a reset:
/// virtio_device_reset_prepare() has the list. Other devices are lost to the system, with and
/// without the series. In Linux 6.12 all are lost, because nothing notifies the drivers.
pub fn reset(field: &Field) -> Result<u64> {
    static TELLS_OF_RESETS: LazyLock<bool> =
        LazyLock::new(|| has_function("virtio_pci_reset_prepare").unwrap_or(false));
    if !*TELLS_OF_RESETS {
        return Err(untried("this kernel's virtio-pci does not handle a reset"));
    }
    let post = field.post(Device::Blk)?;
    let _awake = field.awake.read();
    post.keep_from_changing(|| {
        let function = function(&soon(|| post.virtio())?)?;
        let methods = read(function.join("reset_method")).unwrap_or_default();
        if !methods.split_whitespace().any(|method| method == "flr") {
            let why = format!("QEMU's device has no FLR, only the reset methods '{methods}'");
            return Err(untried(why));
        }
        procfs::write(function.join("reset"), 1)?;
        Ok(1)
    })
}

/// The device's PCI function.
fn function(virtio: &Virtio) -> Result<PathBuf> {
    let path = fs::canonicalize(virtio.path()).context("resolving a device's link")?;
    let function = path.parent().context("the device has no parent")?;
    Ok(function.to_owned())
}

pub fn resize(field: &Field, chance: &mut SmallRng) -> Result<u64> {
    let entries = 1 << chance.random_range(6..=8);
    change_card(field, |card| {
        let _stay = cpus::all_stay();
        ethtool::resize_rings(card, entries).map(u64::from)
    })
}

pub fn use_channels(field: &Field, chance: &mut SmallRng) -> Result<u64> {
    change_card(field, |card| use_other_channels(card, chance))
}

fn use_other_channels(card: &str, chance: &mut SmallRng) -> Result<u64> {
    let (now, most) = ethtool::pairs(card)?;
    let others: Vec<u32> = (1..=most).filter(|&pairs| pairs != now).collect();
    let Some(&pairs) = others.choose(chance) else {
        return Err(untried("the card has one queue pair"));
    };
    ethtool::use_pairs(card, pairs)?;
    Ok(1)
}

/// Changes the card's queues. Packets in its rings may be lost.
fn change_card(field: &Field, change: impl FnOnce(&str) -> Result<u64>) -> Result<u64> {
    let post = field.post(Device::Net)?;
    let _awake = field.awake.read();
    post.change(true, || {
        let card = Nic::of(soon(|| post.virtio())?)?;
        match change(&card.name) {
            // A card appears in sysfs a moment before ioctls know its name.
            Err(err) if err.downcast_ref() == Some(&Errno::ENODEV) => Ok(0),
            done => done,
        }
    })
}

pub fn pace(field: &Field, chance: &mut SmallRng) -> Result<u64> {
    let iops = *PACES.choose(chance).context("no pace to choose")?;
    field.asker.ask(Ask::Pace { iops })?;
    Ok(1)
}

fn pick<'a>(field: &'a Field, chance: &mut SmallRng) -> Result<&'a Post> {
    let post = field.posts.choose(chance);
    let post = post.context("no device to choose")?;
    ensure!(
        post.device != Device::P9,
        "9p does not survive the loss of its device"
    );
    Ok(post)
}
