// SPDX-License-Identifier: GPL-2.0
//! soak.json, which `soak --save` keeps in c-shim/results: a list of the soaks of a kernel line
//! that passed, each reduced to what a reader needs. `lab` runs soaks, and `series` formats the
//! list.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result};
use fs_err as fs;
use guest_protocol::{Device, Form, Trouble};
use serde::{Deserialize, Serialize};
use toolbox::fault;

/// One soak of one kernel.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SavedSoak {
    /// The kernel's line: "7.3".
    pub line: String,
    pub form: Form,
    /// The names after --config, sorted; [`STOCK`] for a distribution's kernel.
    pub configuration: Vec<String>,
    pub version: String,
    /// git tree hash of the kernel; null for a distribution's.
    pub tree: Option<String>,
    /// git tree hash of the module's source; null for the series.
    #[serde(default)]
    pub module: Option<String>,
    pub accel: String,
    /// YYYY-MM-DD.
    pub date: String,
    /// Minutes in which faults were injected, for all guests together.
    pub minutes: f64,
    pub guests: usize,
    /// Operations of each device. All of them were checked.
    pub operations: BTreeMap<Device, u64>,
    /// How often each fault was injected.
    pub troubles: BTreeMap<Trouble, u64>,
    pub passed: bool,
}

/// The configuration of a distribution's kernel; the one for cloud machines has [`CLOUD`] as well.
pub const STOCK: &str = "stock";
pub const CLOUD: &str = "cloud";

impl SavedSoak {
    pub fn all_operations(&self) -> u64 {
        self.operations.values().sum()
    }

    /// Fails, with the reason, if this soak must not be kept.
    pub fn judge(&self) -> Result<(), String> {
        let reason = match self {
            it if !it.passed => "it did not pass",
            it if !(it.minutes.is_finite() && it.minutes > 0.0) => "its duration is not positive",
            it if it.guests == 0 => "no guest took part",
            it if it.all_operations() == 0 => "no operation was done",
            it if it.troubles.values().sum::<u64>() == 0 => "no fault was injected",
            _ => return Ok(()),
        };
        Err(format!("{}: {reason}", self.name()))
    }

    fn name(&self) -> String {
        let words = self.configuration.join(" ");
        format!("the soak of {} ({:?}, {words})", self.line, self.form)
    }

    fn key(&self) -> (Form, &[String]) {
        (self.form, &self.configuration)
    }
}

/// Reads the soaks in a file; none if the file does not exist. Fails if one must not be kept, or if
/// two are of the same form and configuration.
pub fn read(path: &Path) -> Result<Vec<SavedSoak>> {
    if !path.exists() {
        return Ok(Vec::new());
    }
    let text = fs::read_to_string(path)?;
    parse(&text).map_err(|reason| fault::usage(format!("{}: {reason}", path.display())))
}

fn parse(text: &str) -> Result<Vec<SavedSoak>, String> {
    let soaks: Vec<SavedSoak> = serde_json::from_str(text).map_err(|err| err.to_string())?;
    for (index, soak) in soaks.iter().enumerate() {
        soak.judge()?;
        if soaks[..index].iter().any(|other| other.key() == soak.key()) {
            return Err(format!("{} appears twice", soak.name()));
        }
    }
    Ok(soaks)
}

/// Puts a soak into the file. It replaces an older one of the same form and configuration.
pub fn keep(path: &Path, soak: SavedSoak) -> Result<()> {
    soak.judge()
        .map_err(|reason| fault::test_failed(format!("not saved: {reason}")))?;
    let mut soaks = read(path)?;
    soaks.retain(|other| other.key() != soak.key());
    soaks.push(soak);
    soaks.sort_by(|a, b| a.key().cmp(&b.key()));
    let json = serde_json::to_string_pretty(&soaks)? + "\n";
    let folder = path.parent().context("the path has no folder")?;
    fs::create_dir_all(folder)?;
    Ok(fs::write(path, json)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    #[test]
    fn a_newer_soak_replaces_the_one_of_the_same_kernel_only() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("7.3/soak.json");
        assert!(read(&path).unwrap().is_empty());
        let old = sample::soak();
        keep(&path, old.clone()).unwrap();
        let mut kasan = old.clone();
        kasan.configuration = vec!["kasan".into()];
        keep(&path, kasan.clone()).unwrap();
        let mut newer = old.clone();
        newer.minutes = 60.0;
        keep(&path, newer.clone()).unwrap();
        assert_eq!(read(&path).unwrap(), [newer, kasan]);

        let twice = serde_json::to_string(&[&old, &old]).unwrap();
        assert!(parse(&twice).unwrap_err().contains("appears twice"));
    }

    #[test]
    fn only_a_soak_that_passed_and_did_something_is_kept() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("soak.json");
        type Break = fn(&mut SavedSoak);
        let cases: [(Break, &str); 5] = [
            (|it| it.passed = false, "did not pass"),
            (|it| it.minutes = 0.0, "duration is not positive"),
            (|it| it.guests = 0, "no guest"),
            (|it| it.operations.clear(), "no operation was done"),
            (|it| it.troubles.clear(), "no fault was injected"),
        ];
        for (break_it, reason) in cases {
            let mut soak = sample::soak();
            break_it(&mut soak);
            let written = serde_json::to_string(&[&soak]).unwrap();
            assert!(parse(&written).unwrap_err().contains(reason), "{reason}");
            let refused = keep(&path, soak).unwrap_err();
            assert!(refused.to_string().contains(reason), "{refused}");
        }
        assert!(!path.exists());
    }
}
