// SPDX-License-Identifier: GPL-2.0
//! Tests the module on a stock kernel. It does what the series does, can be loaded and unloaded at
//! any time, also beside another idle driver, leaves nothing behind, and costs nothing while there
//! is nothing to do.

mod idle;
mod left_over;
mod other_idle;
mod reload;
mod selftest;

use anyhow::Result;
use guest_protocol::ModuleTest;
use guest_protocol::form::MODULE;

use crate::disk::{Disks, VirtioDisk};
use crate::modules;
use crate::port::Port;
use crate::smoke;

pub fn run(port: &mut Port, test: &ModuleTest) -> Result<()> {
    smoke::run(port, test.feature)?;
    let Disks { timed, memory } = Disks::find()?;
    port.case("the series' selftest passes", || selftest::run(test.pairs))?;
    port.case(
        "no function of the kernel is patched",
        left_over::patches_nothing,
    )?;
    port.case("the switch is flipped under load: data survives", || {
        smoke::flip_under_load(&memory, &timed, test.flips)
    })?;
    port.case("unloaded and loaded under load: data survives", || {
        reload::under_load(&memory, &timed, test.loads)
    })?;
    port.case("loaded again: completions are polled", || {
        smoke::completions(&timed, true)
    })?;
    port.case("an idle CPU's tick stops", || {
        idle::costs_nothing(test.idle_seconds)
    })?;
    unloaded(port, &timed)?;
    port.case("unloaded: data survives", || smoke::survives(&memory))?;
    port.case(
        "another driver's polling state: taken over, given back",
        || other_idle::is_taken_over(&timed),
    )?;
    port.case(
        "another driver without such a state: refused, and logged",
        || other_idle::is_refused(&timed),
    )
}

/// Leaves the module unloaded.
pub fn unloaded(port: &mut Port, disk: &VirtioDisk) -> Result<()> {
    port.case("unloaded: nothing is left behind", || {
        modules::unload(MODULE)?;
        left_over::nothing(disk, "none")
    })?;
    port.case("unloaded: completions interrupt", || {
        smoke::interrupting(disk)
    })
}
