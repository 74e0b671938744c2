// SPDX-License-Identifier: GPL-2.0
//! Results that landed: c-shim/results/LINE/{blk,net}.json, put there by `bench
//! --save`. Here it is decided which of them may go into the cover letter: those
//! that were measured on the series' very tree and say how sure they are. How
//! they look there is `results/table.rs`.

mod report;
mod table;

use std::path::{Path, PathBuf};

use anyhow::Result;

use kit::fault;
use kit::line::Line;
pub use report::FEWEST_PAIRS;
use report::{Report, read};

/// What is measured. Its name begins the names of its cases and of its file.
#[derive(Debug, PartialEq, Eq)]
pub struct Device {
    pub name: &'static str,
    what: &'static str,
    /// The polling that it is compared with.
    peer: &'static str,
    /// What interrupts are counted by.
    operation: &'static str,
}

pub const DEVICES: [Device; 2] = [
    Device {
        name: "blk",
        what: "virtio disk",
        peer: "io_poll",
        operation: "op",
    },
    Device {
        name: "net",
        what: "virtio network card",
        peer: "busy_poll",
        operation: "packet",
    },
];

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
    reports: Vec<Report>,
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

/// Whether results may land: the cover letter would refuse others.
pub fn check(json: &str) -> Result<()> {
    report::parse(json)
        .map(drop)
        .map_err(|reason| fault::test_failed(format!("these results say too little: {reason}")))
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
        if report.tree != tree {
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
        } else if !landed.reports.iter().any(|report| report.has(device)) {
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
        if report.tree == tree || choice.also.as_ref() == Some(&report.tree) {
            self.reports.push(report);
        } else {
            let why = of_another(&report, tree);
            self.lacking.push(format!("{name}: {why}"));
        }
        Ok(())
    }
}

fn of_another(report: &Report, tree: &str) -> String {
    format!(
        "measured on tree {}, but this series makes {tree}",
        report.tree
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
        fs::write(&blk, report::tests::report().to_string()).unwrap();
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
