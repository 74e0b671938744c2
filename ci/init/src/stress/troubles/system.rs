// SPDX-License-Identifier: GPL-2.0
//! Faults that are injected into all devices, or into the machine.

use std::fs;
use std::hint::black_box;
use std::io;
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, Result};
use guest_protocol::form::MODULE;
use guest_protocol::{Ask, Device};
use nix::errno::Errno;
use rand::Rng;
use rand::rngs::SmallRng;
use rand::seq::IndexedRandom;

use super::super::field::Field;
use super::ms;
use crate::cpus;
use crate::modules;
use crate::port::untried;
use crate::procfs::{self, read};
use crate::virtio::{self, new_devices_are_polled};

const POWER: &str = "/sys/power";

pub fn hotplug(field: &Field, chance: &mut SmallRng) -> Result<u64> {
    let removable = cpus::removable()?;
    let Some(online) = removable.choose(chance) else {
        return Err(untried("no CPU can go offline"));
    };
    match cpus::take_offline(online) {
        Err(err) if is_busy(&err) => return Ok(0),
        done => done.with_context(|| format!("writing 0 to {}", online.display()))?,
    }
    sleep(chance.random_range(ms(0)..=ms(300)));
    // A suspend in progress blocks this for a moment.
    loop {
        match fs::write(online, "1") {
            Err(err) if is_busy(&err) && !field.is_over() => sleep(ms(20)),
            done => {
                done.with_context(|| format!("writing 1 to {}", online.display()))?;
                return Ok(1);
            }
        }
    }
}

/// Starts a sleep that goes only up to a test level, and wakes at once. The level freezes tasks
/// alone, or suspends devices as well.
pub fn freeze(field: &Field, chance: &mut SmallRng) -> Result<u64> {
    let test = format!("{POWER}/pm_test");
    if !Path::new(&test).exists() {
        return Err(untried("this kernel has no CONFIG_PM_DEBUG"));
    }
    let devices = chance.random_bool(0.5);
    let _alone = field.awake.write();
    let level = if devices { "devices" } else { "freezer" };
    procfs::write(&test, level)?;
    // By default the kernel stays at the level for 5 s.
    procfs::write("/sys/module/suspend/parameters/pm_test_delay", 0)?;
    let done = sleep_and_wake(field, devices);
    procfs::write(&test, "none")?;
    done
}

/// Reloads the module that polls. A poller may be at work on every CPU. The module's switches
/// vanish, and come back switched off.
pub fn reload_poller(field: &Field, chance: &mut SmallRng) -> Result<u64> {
    // The system must not be put to sleep between unload and load.
    let _awake = field.awake.read();
    if !modules::try_unload(MODULE)? {
        return Ok(0);
    }
    sleep(chance.random_range(ms(0)..=ms(300)));
    modules::load(MODULE)?;
    new_devices_are_polled(field.polled)?;
    for virtio in virtio::all()? {
        // A device may be gone at this moment.
        let _ = virtio.set(field.polled);
    }
    Ok(1)
}

pub fn suspend(field: &Field) -> Result<u64> {
    if !Path::new(&format!("{POWER}/state")).exists() {
        return Err(untried("this kernel has no CONFIG_SUSPEND"));
    }
    let _alone = field.awake.write();
    // Writing the old count makes a wake-up event that comes too early keep the system awake
    // (Documentation/ABI/testing/sysfs-power).
    let counter = format!("{POWER}/wakeup_count");
    let count = read(&counter)?;
    field.asker.ask(Ask::Wake)?;
    match fs::write(&counter, count) {
        Ok(()) => sleep_and_wake(field, true),
        Err(err) if err.kind() == io::ErrorKind::InvalidInput => Ok(0),
        Err(err) => Err(err).with_context(|| format!("writing to {counter}")),
    }
}

/// Whether the device may lose its operations in flight when it is suspended. Packets may be lost,
/// and messages on their way to a port; the generator is another one afterwards. Disks lose
/// nothing.
fn loses(device: Device) -> bool {
    matches!(device, Device::Net | Device::Console | Device::Rng)
}

fn sleep_and_wake(field: &Field, devices: bool) -> Result<u64> {
    let losers: Vec<_> = field
        .posts
        .iter()
        .filter(|post| devices && loses(post.device))
        .collect();
    let state = format!("{POWER}/state");
    losers.iter().for_each(|post| post.mark());
    let written = fs::write(&state, "freeze");
    losers.iter().for_each(|post| post.mark());
    match written {
        Ok(()) => Ok(1),
        // Something woke the system before it slept, or did not freeze.
        Err(err) if is_busy(&err) => Ok(0),
        Err(err) => Err(err).with_context(|| format!("writing freeze to {state}")),
    }
}

fn is_busy(err: &io::Error) -> bool {
    let number = err.raw_os_error().map(Errno::from_raw);
    matches!(number, Some(Errno::EBUSY | Errno::EAGAIN | Errno::EINTR))
}

/// Fills a good part of the available memory for a moment.
pub fn fill_memory(field: &Field, chance: &mut SmallRng) -> Result<u64> {
    let available = procfs::number(&read("/proc/meminfo")?, "MemAvailable")?;
    let kib = available * chance.random_range(5..=60) / 100;
    let mut pages = vec![0u8; (kib << 10) as usize];
    for page in pages.chunks_mut(4096) {
        page[0] = 1;
        if field.is_over() {
            break;
        }
    }
    black_box(&pages);
    sleep(chance.random_range(ms(0)..=ms(100)));
    drop(pages);
    if chance.random_bool(0.3) {
        procfs::write("/proc/sys/vm/drop_caches", 3)?;
    }
    Ok(1)
}

pub fn pause(field: &Field, chance: &mut SmallRng, one_cpu: bool) -> Result<u64> {
    // The first CPU cannot go offline, but it can be stopped.
    let cpu = chance.random_range(0..=cpus::removable()?.len() as u64) as u32;
    let time = chance.random_range(Duration::from_millis(1)..=ms(250));
    field.asker.ask(Ask::Pause {
        cpu: one_cpu.then_some(cpu),
        ms: time.as_millis() as u16,
    })?;
    Ok(1)
}
