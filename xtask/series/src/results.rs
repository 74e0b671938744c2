// SPDX-License-Identifier: GPL-2.0
//! Saved results: c-shim/results/KERNEL/{blk,net}.json, written by `bench --save`; soak.json,
//! written by `soak --save`; and results of other people's hosts, LINE/others/HOST.json, written by
//! `report --save`. This file decides which of them may go into the cover letter: those that were
//! measured on exactly the tree of the series and say how sure they are. `results/table.rs` and
//! `results/soaks.rs` format them for the cover letter, `results/page.rs` for the pages.

pub mod conditions;
pub mod page;
mod soaks;
pub mod table;

use std::path::{Path, PathBuf};

use anyhow::Result;
use fs_err as fs;

use guest_protocol::Form;
use measure::foreign::{self, Foreign};
use measure::judge::read;
use measure::results::{Comparison, Results};
use measure::soak;
use toolbox::line::Line;

/// A kind of device that is measured. The names of its cases and of its file begin with `name`.
#[derive(Debug, PartialEq, Eq)]
pub struct MeasuredDevice {
    pub name: &'static str,
    what: &'static str,
    /// The unit for counts of interrupts, as in "interrupts per op".
    pub operation: &'static str,
}

pub const DEVICES: [MeasuredDevice; 2] = [
    MeasuredDevice {
        name: "blk",
        what: "virtio disk",
        operation: "op",
    },
    MeasuredDevice {
        name: "net",
        what: "virtio network card",
        operation: "packet",
    },
];

impl MeasuredDevice {
    pub fn cases<'a>(&self, results: &'a Results) -> impl Iterator<Item = &'a Comparison> {
        let name = self.name;
        let is_its = move |case: &&Comparison| case.device() == name;
        results.cases.iter().filter(is_its)
    }

    fn is_in(&self, results: &Results) -> bool {
        self.cases(results).next().is_some()
    }
}

/// What the cover letter says of measurements of exactly the series.
#[derive(Debug, Default)]
pub struct Figures {
    /// The results, as text.
    pub results: String,
    /// How long the series was soaked, as text.
    pub soaks: String,
    /// What the cover letter leaves out, each with the reason: a device without results of this
    /// series, and other people's hosts with results of another tree.
    pub lacking: Vec<String>,
}

/// Returns the folder of a kernel's results. `kernel` is the name of a line, for its kernel with
/// the series, or a name from [`stock`].
pub fn folder(root: &Path, kernel: &str) -> PathBuf {
    root.join("c-shim/results").join(kernel)
}

/// Returns the name of a distribution's kernel among the results. `stock` is the value of --stock.
pub fn stock(stock: &str) -> String {
    format!("stock-{stock}")
}

/// Returns the file of a device's results.
pub fn path(root: &Path, kernel: &str, device: &str) -> PathBuf {
    folder(root, kernel).join(format!("{device}.json"))
}

/// Returns the file of a line's soaks, including the module's.
pub fn soak_path(root: &Path, line: &Line) -> PathBuf {
    folder(root, line.name).join("soak.json")
}

/// Returns the folder of the results of other people's hosts.
pub fn others(root: &Path, line: &Line) -> PathBuf {
    folder(root, line.name).join("others")
}

/// Finds the results for the series that makes `tree`. Results of the tree `also` are accepted too:
/// the one that the committed series makes on its own base.
pub fn find(root: &Path, line: &Line, tree: &str, also: Option<&str>) -> Result<Figures> {
    let fits = |own: Option<&str>| own.is_some() && (own == Some(tree) || own == also);
    let mut lacking = Vec::new();
    let mut reports = Vec::new();
    for device in &DEVICES {
        let path = path(root, line.name, device.name);
        let name = path.strip_prefix(root).unwrap_or(&path).display();
        match path.is_file().then(|| read(&path)).transpose()? {
            None => lacking.push(format!("there is no {name}")),
            Some(report) if fits(report.tree.as_deref()) => reports.push(report),
            Some(report) => lacking.push(format!("{name}: {}", of_another(&report, tree))),
        }
    }
    let mut hosts = Vec::new();
    for foreign in foreigners(&others(root, line))? {
        match fits(foreign.results.tree.as_deref()) {
            true => hosts.push(foreign),
            false => {
                let why = of_another(&foreign.results, tree);
                lacking.push(format!("{}: {why}", foreign.host));
            }
        }
    }
    let mut soaks = soak::read(&soak_path(root, line))?;
    soaks.retain(|soak| soak.form == Form::Series && fits(soak.tree.as_deref()));
    Ok(Figures {
        results: table::text(&reports) + &table::others(&hosts),
        soaks: soaks::list(&soaks),
        lacking,
    })
}

/// Reads the results of all hosts in a folder. An invalid file is an error: `report --save` would
/// not have put it there.
fn foreigners(folder: &Path) -> Result<Vec<Foreign>> {
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let entries = fs::read_dir(folder)?;
    let mut paths = entries
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<Vec<_>>>()?;
    paths.sort();
    paths.iter().map(|path| foreign::read(path, &[])).collect()
}

fn of_another(report: &Results, tree: &str) -> String {
    let own = report.tree.as_deref().unwrap_or("unknown");
    format!("measured on tree {own}, but this series makes {tree}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_results_of_this_tree_are_taken() {
        let dir = tempfile::tempdir().unwrap();
        let line = toolbox::line::DEFAULT;
        let find = |tree: &str, also| find(dir.path(), line, tree, also).unwrap();
        let none = find("1234", None);
        assert_eq!(none.lacking.len(), 2);
        assert!(none.lacking[0].contains("there is no c-shim/results/7.3/blk.json"));

        let blk = path(dir.path(), line.name, "blk");
        fs::create_dir_all(blk.parent().unwrap()).unwrap();
        fs::write(&blk, measure::sample::results().to_string()).unwrap();
        soak::keep(&soak_path(dir.path(), line), measure::sample::soak()).unwrap();
        let soaked = "20 minutes in 6 guests, 1,240,000 operations";
        for some in [find("1234", None), find("5678", Some("1234"))] {
            assert_eq!(some.lacking.len(), 1);
            assert!(some.results.contains("randread@0us") && some.soaks.contains(soaked));
        }
        let other = find("5678", None);
        assert_eq!(other.results, none.results);
        assert!(other.lacking[0].contains("measured on tree 1234, but this series makes 5678"));
        assert_eq!(other.soaks, " - none yet");
    }
}
