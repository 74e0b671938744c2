// SPDX-License-Identifier: GPL-2.0
//! Changes the parameters of the wait (haltpoll's or the module's) and the governor, and restores
//! them.

use std::fs;
use std::io::ErrorKind;

use anyhow::{Context, Result};
use guest_protocol::Form;
use rand::Rng;
use rand::rngs::SmallRng;
use rand::seq::IndexedRandom;

use crate::facts::{CPUIDLE, wait_parameter};
use crate::modules;
use crate::procfs::{self, read};

/// The parameters, each with values that mean none, little, the default and a lot.
const VALUES: &[(&str, &[&str])] = &[
    (
        "guest_halt_poll_ns",
        &["0", "1000", "50000", "200000", "2000000", "40000000"],
    ),
    ("guest_halt_poll_shrink", &["0", "1", "2", "4"]),
    ("guest_halt_poll_grow", &["0", "1", "2", "4"]),
    (
        "guest_halt_poll_grow_start",
        &["0", "1000", "50000", "40000000"],
    ),
    ("guest_halt_poll_allow_shrink", &["Y", "N"]),
];
/// A parameter of the module only: whether CPUs also wait if they have nothing to poll.
const MODULES_VALUES: &[(&str, &[&str])] = &[("wait_always", &["Y", "N"])];

pub struct Tuning(Vec<(String, String)>);

impl Tuning {
    pub fn now() -> Result<Tuning> {
        let parameters = values().into_iter().map(|(name, _)| wait_parameter(name));
        let governor = format!("{CPUIDLE}/current_governor");
        parameters
            .chain([governor])
            .map(|path| Ok((path.clone(), read(&path)?)))
            .collect::<Result<_>>()
            .map(Tuning)
    }

    pub fn restore(&self) -> Result<()> {
        self.0
            .iter()
            .try_for_each(|(path, value)| write(path, value))
    }
}

/// Sets one of the parameters, or the governor, to another value.
pub fn change(chance: &mut SmallRng) -> Result<u64> {
    let governors = read(format!("{CPUIDLE}/available_governors"))?;
    let governors: Vec<&str> = governors.split_whitespace().collect();
    if governors.len() > 1 && chance.random_bool(0.2) {
        let governor = governors.choose(chance).context("no governor to choose")?;
        write(&format!("{CPUIDLE}/current_governor"), governor)?;
        return Ok(1);
    }
    let all = values();
    let (name, values) = all.choose(chance).context("no parameter to choose")?;
    let value = values.choose(chance).context("no value to choose")?;
    let path = wait_parameter(name);
    match write(&path, value) {
        // The module is gone at this moment, or only half loaded. All its files existed at the
        // start.
        Err(err)
            if modules::form() == Form::Module
                && err.downcast_ref().is_some_and(procfs::is_gone) =>
        {
            Ok(0)
        }
        done => done.map(|()| 1),
    }
}

fn values() -> Vec<(&'static str, &'static [&'static str])> {
    let own = match modules::form() {
        Form::Series => &[],
        Form::Module => MODULES_VALUES,
    };
    [VALUES, own].concat()
}

fn write(path: &str, value: &str) -> Result<()> {
    match fs::write(path, value) {
        // The governor is in use already.
        Err(err) if err.kind() == ErrorKind::AlreadyExists => Ok(()),
        written => written.with_context(|| format!("writing {value} to {path}")),
    }
}
