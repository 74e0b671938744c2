// SPDX-License-Identifier: GPL-2.0
//! Results that landed: c-shim/results/LINE/{blk,net}.json, put there by `bench
//! --save`. Here it is decided which of them may go into the cover letter: those
//! that were measured on the series' very tree and say how sure they are. How
//! they look there is `results/table.rs`.

mod table;

use std::path::{Path, PathBuf};

use anyhow::Result;

use guest_protocol::Variant;
use kit::fault;
use kit::line::Line;
use measure::judge::read;
use measure::results::{Comparison, Design, Results};

/// What is measured. Its name begins the names of its cases and of its file.
#[derive(Debug, PartialEq, Eq)]
pub struct MeasuredDevice {
    pub name: &'static str,
    what: &'static str,
    /// What interrupts are counted by.
    operation: &'static str,
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
    /// The polling that it is compared with.
    fn peer(&self) -> Variant {
        Design::of_device(self.name)
            .expect("each has its kind")
            .peer()
    }

    fn cases<'a>(&self, results: &'a Results) -> impl Iterator<Item = &'a Comparison> {
        let name = self.name;
        let is_its = move |case: &&Comparison| case.device() == name;
        results.cases.iter().filter(is_its)
    }

    fn is_in(&self, results: &Results) -> bool {
        self.cases(results).next().is_some()
    }
}

/// Which results a series takes.
#[derive(Clone, Debug, Default)]
pub struct Choice {
    /// These files, which then have to fit; else the landed ones that do.
    pub files: Vec<PathBuf>,
    /// Results of this tree fit as well: what the committed series makes on the
    /// patch level that it was made on.
    pub also: Option<String>,
}

/// Those that fit a series.
#[derive(Debug, Default)]
pub struct Landed {
    reports: Vec<Results>,
    /// Why there are none for a device, a line each.
    pub lacking: Vec<String>,
}

impl Landed {
    /// For the cover letter.
    pub fn text(&self) -> String {
        table::text(&self.reports)
    }
}

/// Where a line's results land.
pub fn folder(root: &Path, line: &Line) -> PathBuf {
    root.join("c-shim/results").join(line.name)
}

/// Where a device's results land.
pub fn path(root: &Path, line: &Line, device: &str) -> PathBuf {
    folder(root, line).join(format!("{device}.json"))
}

/// What to type for results that fit.
pub fn remedy(line: &Line) -> String {
    let name = line.name;
    format!("cargo xtask bench --base {name} --workload all --save")
}

/// The results for the series that makes `tree`.
pub fn find(root: &Path, line: &Line, tree: &str, choice: &Choice) -> Result<Landed> {
    let mut landed = Landed::default();
    for path in &choice.files {
        let report = read(path)?;
        if report.tree.as_deref() != Some(tree) {
            return Err(fault::usage(format!(
                "{}: {}; to measure it: `{}`",
                path.display(),
                of_another(&report, tree),
                remedy(line)
            )));
        }
        landed.reports.push(report);
    }
    for device in &DEVICES {
        if choice.files.is_empty() {
            landed.stored(&path(root, line, device.name), root, tree, choice)?;
        } else if !landed.reports.iter().any(|report| device.is_in(report)) {
            let what = device.what;
            landed
                .lacking
                .push(format!("no file given has results of a {what}"));
        }
    }
    Ok(landed)
}

impl Landed {
    fn stored(&mut self, path: &Path, root: &Path, tree: &str, choice: &Choice) -> Result<()> {
        let name = path.strip_prefix(root).unwrap_or(path).display();
        if !path.is_file() {
            self.lacking.push(format!("there is no {name}"));
            return Ok(());
        }
        let report = read(path)?;
        let of_tree = |tree: Option<&str>| tree.is_some() && report.tree.as_deref() == tree;
        if of_tree(Some(tree)) || of_tree(choice.also.as_deref()) {
            self.reports.push(report);
        } else {
            let why = of_another(&report, tree);
            self.lacking.push(format!("{name}: {why}"));
        }
        Ok(())
    }
}

fn of_another(report: &Results, tree: &str) -> String {
    format!(
        "measured on tree {}, but this series makes {tree}",
        report.tree.as_deref().unwrap_or("unknown")
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn only_results_of_this_tree_are_taken() {
        let dir = tempfile::tempdir().unwrap();
        let line = kit::line::DEFAULT;
        let find = |tree: &str, choice: &Choice| find(dir.path(), line, tree, choice);
        let none = find("1234", &Choice::default()).unwrap();
        assert_eq!(none.lacking.len(), 2);
        assert!(none.lacking[0].contains("there is no c-shim/results/7.3/blk.json"));

        let blk = path(dir.path(), line, "blk");
        fs::create_dir_all(blk.parent().unwrap()).unwrap();
        fs::write(&blk, measure::sample::results().to_string()).unwrap();
        let some = find("1234", &Choice::default()).unwrap();
        assert_eq!((some.reports.len(), some.lacking.len()), (1, 1));
        let other = find("5678", &Choice::default()).unwrap();
        assert!(other.reports.is_empty());
        assert!(other.lacking[0].contains("measured on tree 1234, but this series makes 5678"));
        let also = Choice {
            also: Some("1234".into()),
            ..Choice::default()
        };
        assert_eq!(find("5678", &also).unwrap().reports.len(), 1);

        let files = Choice {
            files: vec![blk],
            also: None,
        };
        let given = find("1234", &files).unwrap();
        assert!(given.lacking[0].contains("no file given has results of a virtio network card"));
        let refused = find("5678", &files).unwrap_err().to_string();
        assert!(refused.contains("`cargo xtask bench --base 7.3 --workload all --save`"));
    }
}
