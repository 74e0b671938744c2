// SPDX-License-Identifier: GPL-2.0
//! The parameters of haltpoll and the governor, changed and set back.

use std::fs;
use std::io::ErrorKind;

use anyhow::{Context, Result};

use super::chance::Chance;
use crate::procfs::read;

const PARAMETERS: &str = "/sys/module/haltpoll/parameters";
/// Values of each that say no, little, the default and a lot.
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
const CPUIDLE: &str = "/sys/devices/system/cpu/cpuidle";

pub struct Tuning(Vec<(String, String)>);

impl Tuning {
    pub fn now() -> Result<Tuning> {
        let parameters = VALUES
            .iter()
            .map(|(name, _)| format!("{PARAMETERS}/{name}"));
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

/// One of them takes another value.
pub fn change(chance: &mut Chance) -> Result<()> {
    let governors = read(format!("{CPUIDLE}/available_governors"))?;
    let governors: Vec<&str> = governors.split_whitespace().collect();
    if governors.len() > 1 && chance.percent(20) {
        let governor = chance.pick(&governors).context("there are some")?;
        return write(&format!("{CPUIDLE}/current_governor"), governor);
    }
    let (name, values) = chance.pick(VALUES).context("there are some")?;
    let value = chance.pick(values).context("there are some")?;
    write(&format!("{PARAMETERS}/{name}"), value)
}

fn write(path: &str, value: &str) -> Result<()> {
    match fs::write(path, value) {
        // The governor that is there already.
        Err(err) if err.kind() == ErrorKind::AlreadyExists => Ok(()),
        written => written.with_context(|| format!("writing {value} to {path}")),
    }
}
