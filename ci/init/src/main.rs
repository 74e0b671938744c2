// SPDX-License-Identifier: GPL-2.0
//! The guest's init and its only program: mounts file systems, proves before and after the scenario
//! that the kernel is the right one, runs the scenario, gives exactly one verdict, powers off. Each
//! scenario is in the file of its name.

mod bad;
mod bench;
mod blocks;
mod client;
mod count;
mod cpus;
mod disk;
mod ethtool;
mod events;
mod facts;
mod fio;
mod gauge;
mod in_place;
mod interrupts;
mod iperf;
mod kunit;
mod lifetime;
mod lost;
mod matrix;
mod modes;
mod module;
mod modules;
mod net_bench;
mod nic;
mod pattern;
mod peer;
mod port;
mod procfs;
mod prove;
mod repeated;
mod segments;
mod smoke;
mod sockperf;
mod soon;
mod sources;
mod stress;
mod threads;
mod trace;
mod virtio;

use std::convert::Infallible;
use std::env;
use std::ffi::OsString;
use std::path::Path;
use std::process;

use anyhow::{Context, Result, ensure};
use fs_err as fs;
use guest_protocol::proof::{self, Proof};
use guest_protocol::scenario::{self, IN_PLACE, Scenario};
use nix::mount::{MsFlags, mount};
use nix::sys::reboot::{RebootMode, reboot};
use serde::de::DeserializeOwned;

use crate::port::Port;

const MOUNTS: [(&str, &str); 6] = [
    ("proc", "/proc"),
    ("sysfs", "/sys"),
    ("devtmpfs", "/dev"),
    ("tmpfs", "/tmp"),
    ("debugfs", "/sys/kernel/debug"),
    ("tracefs", "/sys/kernel/tracing"),
];

fn main() -> Result<()> {
    let args: Vec<OsString> = env::args_os().skip(1).collect();
    if let [word, root] = &args[..]
        && word == IN_PLACE
        && process::id() != 1
    {
        return in_place::run(Path::new(root));
    }
    ensure!(
        process::id() == 1,
        "this program is the init of a test guest: it runs as process 1 and powers the machine off"
    );
    if let Err(err) = boot() {
        // Without the port there is no verdict, and the host reports that. The console gets the
        // reason.
        eprintln!("init: {err:#}");
    }
    power_off()?;
    Ok(())
}

/// Does everything up to the verdict.
fn boot() -> Result<()> {
    mount_all()?;
    cpus::bring_up()?;
    modules::load_all()?;
    Port::open()?.verdict_of(run)
}

/// Mounts the file systems that a bare initramfs lacks.
fn mount_all() -> Result<()> {
    for (kind, place) in MOUNTS {
        fs::create_dir_all(place)?;
        let flags = MsFlags::empty();
        mount(Some(kind), place, Some(kind), flags, None::<&str>)
            .with_context(|| format!("mounting {kind} on {place}"))?;
    }
    Ok(())
}

fn run(port: &mut Port) -> Result<()> {
    let proofs: Vec<Proof> = from_host(proof::PATH)?;
    prove::at_start(port, &proofs)?;
    scenario(port)?;
    prove::at_end(port, &proofs)
}

fn orders() -> Result<Scenario> {
    from_host(scenario::PATH)
}

/// Reads a JSON file that the host put into the initramfs.
fn from_host<T: DeserializeOwned>(path: &str) -> Result<T> {
    let json = fs::read(path)?;
    serde_json::from_slice(&json).with_context(|| format!("parsing {path}"))
}

fn scenario(port: &mut Port) -> Result<()> {
    match orders()? {
        Scenario::Probe => Ok(()),
        Scenario::Smoke { feature } => smoke::run(port, feature),
        Scenario::Bench(bench) => bench::run(port, &bench),
        Scenario::NetBench(bench) => net_bench::run(port, &bench),
        Scenario::Costs(costs) => gauge::run(port, &costs),
        Scenario::NetModes(modes) => modes::run(port, &modes),
        Scenario::Matrix(matrix) => matrix::run(port, &matrix),
        Scenario::Stress(stress) => stress::run(port, &stress),
        Scenario::Module(test) => module::run(port, &test),
        Scenario::Losses(losses) => lost::run(port, &losses),
        Scenario::Lifetime { kernel } => lifetime::run(port, &kernel),
        Scenario::Kunit { suites } => kunit::run(port, &suites),
        Scenario::Panic => bad::panic(port),
        Scenario::Hang => bad::hang(port),
        Scenario::Splat => bad::splat(port),
    }
}

fn power_off() -> nix::Result<Infallible> {
    nix::unistd::sync();
    // A machine without ACPI cannot power off. A reset ends the run as well.
    let mode = match Path::new("/sys/firmware/acpi").exists() {
        true => RebootMode::RB_POWER_OFF,
        false => RebootMode::RB_AUTOBOOT,
    };
    reboot(mode)
}
