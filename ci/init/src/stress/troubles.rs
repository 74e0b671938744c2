// SPDX-License-Identifier: GPL-2.0
//! The faults that are injected: how often each strikes, and what it does. Faults of one device are
//! in `device.rs`, those of the whole system in `system.rs`.

mod device;
mod system;

use std::sync::Mutex;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::Result;
use guest_protocol::{Struck, Trouble};
use rand::Rng;
use rand::rngs::SmallRng;

use super::field::Field;
use crate::port::Untried;
use crate::threads::lock;

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// Shortest and longest pause between two strikes. Faults that take a device away for long are
/// rare, so that other faults find it at work.
fn pause(trouble: Trouble) -> (Duration, Duration) {
    match trouble {
        Trouble::Flip => (ms(0), ms(100)),
        Trouble::Affinity => (ms(1), ms(100)),
        Trouble::Tune => (ms(1), ms(200)),
        Trouble::Hotplug
        | Trouble::Pause
        | Trouble::PauseCpu
        | Trouble::Memory
        | Trouble::Channels => (ms(200), ms(2000)),
        Trouble::Flr => (ms(300), ms(3000)),
        Trouble::Pace => (ms(500), ms(3000)),
        Trouble::Rebind | Trouble::Reload | Trouble::Replug | Trouble::Resize | Trouble::Module => {
            (ms(1000), ms(6000))
        }
        Trouble::Freeze => (ms(1000), ms(8000)),
        Trouble::Suspend => (ms(4000), ms(12000)),
    }
}

pub fn strike_again_and_again(
    trouble: Trouble,
    field: &Field,
    struck: &Mutex<Struck>,
    mut chance: SmallRng,
) -> Result<()> {
    let (least, most) = pause(trouble);
    while rest(field, chance.random_range(least..=most)) {
        match strike(trouble, field, &mut chance) {
            Ok(0) => lock(struck).refused += 1,
            Ok(times) => lock(struck).times += times,
            Err(err) => {
                let Untried(why) = err.downcast()?;
                // The reason is the same every time.
                lock(struck).untried = Some(why);
                return Ok(());
            }
        }
    }
    Ok(())
}

/// Sleeps for `time`. Returns false if the stress ends first.
fn rest(field: &Field, time: Duration) -> bool {
    let start = Instant::now();
    while !field.is_over() {
        let Some(left) = time.checked_sub(start.elapsed()) else {
            return true;
        };
        sleep(left.min(ms(100)));
    }
    false
}

/// Strikes once. Returns how often the fault took effect; 0 if the kernel or another fault
/// prevented it.
fn strike(trouble: Trouble, field: &Field, chance: &mut SmallRng) -> Result<u64> {
    match trouble {
        Trouble::Flip => device::flip(field, chance),
        Trouble::Affinity => device::move_interrupts(field, chance),
        Trouble::Rebind => device::rebind(field, chance),
        Trouble::Reload => device::reload(field, chance),
        Trouble::Replug => device::replug(field, chance),
        Trouble::Flr => device::reset(field),
        Trouble::Resize => device::resize(field, chance),
        Trouble::Pace => device::pace(field, chance),
        Trouble::Channels => device::use_channels(field, chance),
        Trouble::Hotplug => system::hotplug(field, chance),
        Trouble::Freeze => system::freeze(field, chance),
        Trouble::Suspend => system::suspend(field),
        Trouble::Tune => super::tuning::change(chance),
        Trouble::Module => system::reload_poller(field, chance),
        Trouble::Memory => system::fill_memory(field, chance),
        Trouble::Pause => system::pause(field, chance, false),
        Trouble::PauseCpu => system::pause(field, chance, true),
    }
}
