// SPDX-License-Identifier: GPL-2.0
//! Makes the content of each generated block: results, soaks, and predicted gains. `readme.rs` puts
//! the blocks into their pages.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Result;
use guest_protocol::{Form, Variant};

use super::conditions::{design, environment};
use super::soaks;
use super::table::{bare, not_measured, rows, wrapped};
use super::{DEVICES, MeasuredDevice, path, soak_path, stock};
use measure::events::{self, Named};
use measure::judge::read;
use measure::origin::Origin;
use measure::results::{BLK, Comparison, Results};
use measure::soak::{self, SavedSoak};
use measure::table::render;
use toolbox::line::{self, LINES};

const WIDTH: usize = 100;
/// Suffix of the names of the cases whose events are shown.
const EVENTS_AT: &str = "@100us";
const NONE_YET: &str = "There are no results yet.\n";

/// The git trees of what is in the checkout.
pub struct Tips {
    /// What each line's committed series makes, by the line's name.
    pub series: BTreeMap<&'static str, String>,
    /// The source of the module.
    pub module: String,
}

impl Tips {
    /// Whether figures of a line are of the source in the checkout; not if they do not name theirs.
    fn has(&self, line: &str, origin: Option<Origin>) -> bool {
        origin.is_some_and(|own| match own.form {
            Form::Series => self.series.get(line) == Some(&own.tree),
            Form::Module => self.module == own.tree,
        })
    }
}

/// Results of one device on one kernel.
struct Measured {
    line: &'static str,
    /// The file of the results, as a link from the page in the folder of saved results.
    link: String,
    report: Results,
    is_current: bool,
}

impl Measured {
    /// Returns a sentence that marks the figures, if they are of an earlier source.
    fn age(&self) -> Option<String> {
        let line = self.line;
        let age = match self.report.form() {
            Form::Series => format!("**Measured on an earlier tree of the series for {line}.**"),
            Form::Module => format!("**Measured on {line} with an earlier source of the module.**"),
        };
        (!self.is_current).then_some(age)
    }
}

/// The generated blocks of a page: names and contents.
pub type Blocks = Vec<(&'static str, String)>;

/// Makes the blocks of README.md.
pub fn overview(root: &Path, tips: &Tips) -> Result<Blocks> {
    Ok(vec![
        ("soaks", soaked(root, tips)?),
        ("prediction", render(&predict::tables::round_trips())),
    ])
}

/// Makes the blocks of the page in the folder of saved results.
pub fn figures(root: &Path, tips: &Tips) -> Result<Blocks> {
    let [disk, card] = &DEVICES;
    let series_disk = measured(root, disk, Form::Series, tips)?;
    let of_device = |device, form| measured(root, device, form, tips).map(|all| text(device, &all));
    Ok(vec![
        ("series-disk", text(disk, &series_disk)),
        ("series-events", events_of_disk(disk, &series_disk)),
        ("series-network", of_device(card, Form::Series)?),
        ("module-disk", of_device(disk, Form::Module)?),
        ("module-network", of_device(card, Form::Module)?),
    ])
}

/// Makes the table of events per operation for the default line, which is the one that is sent. It
/// shows only the most informative latency, [`EVENTS_AT`].
fn events_of_disk(disk: &MeasuredDevice, all: &[Measured]) -> String {
    let rows = |measured: &Measured| {
        let cases = disk.cases(&measured.report);
        let shown = cases.filter(|case| case.name.ends_with(EVENTS_AT));
        let named: Vec<Named> = shown.map(|it| (bare(&it.name).to_owned(), it)).collect();
        let table = render(&events::per_op(&named, &BLK)?);
        Some(match measured.age() {
            Some(age) => format!("{table}\n{age}\n"),
            None => table,
        })
    };
    all.iter()
        .find(|measured| measured.line == line::DEFAULT.name)
        .and_then(rows)
        .unwrap_or_else(|| NONE_YET.into())
}

fn soaked(root: &Path, tips: &Tips) -> Result<String> {
    let mut all = Vec::new();
    for line in &LINES {
        all.extend(soak::read(&soak_path(root, line))?);
    }
    let is_current = |soak: &SavedSoak| tips.has(&soak.line, soak.origin());
    Ok(render(&soaks::table(&all, is_current)))
}

/// Returns the saved results of a device, one for each kernel line that has any.
fn measured(
    root: &Path,
    device: &MeasuredDevice,
    form: Form,
    tips: &Tips,
) -> Result<Vec<Measured>> {
    let mut all = Vec::new();
    for line in &LINES {
        let kernel = match form {
            Form::Series => line.name.to_owned(),
            Form::Module => stock(line.name),
        };
        let path = path(root, &kernel, device.name);
        if path.is_file() {
            let report = read(&path)?;
            all.push(Measured {
                line: line.name,
                link: format!("{kernel}/{}.json", device.name),
                is_current: tips.has(line.name, report.origin()),
                report,
            });
        }
    }
    Ok(all)
}

fn text(device: &MeasuredDevice, all: &[Measured]) -> String {
    let mut cases: Vec<Named> = Vec::new();
    for measured in all {
        let of_device = device.cases(&measured.report);
        cases.extend(of_device.map(|case| {
            let name = match all.len() {
                1 => bare(&case.name).to_owned(),
                _ => format!("{}, {}", measured.line, bare(&case.name)),
            };
            (name, case)
        }));
    }
    if cases.is_empty() {
        return NONE_YET.into();
    }
    let mut text = environments(device, all);
    let irqs = format!("interrupts per {}", device.operation);
    text += &format!(
        "\n{}",
        render(&rows(&columns(device, &cases), &irqs, &cases))
    );
    let notes = notes(device, all, &cases);
    if !notes.is_empty() {
        text += &format!("\n{}", wrapped(WIDTH, "", &notes.join(" ")));
    }
    text
}

fn columns(device: &MeasuredDevice, cases: &[Named]) -> Vec<(String, &'static str)> {
    let cases: Vec<&Comparison> = cases.iter().map(|(_, case)| *case).collect();
    let design = design(device, &cases);
    let [of_wait, _, of_peer] = design.ratios.map(|(name, ..)| name);
    match design.is_module() {
        true => vec![
            ("polled / same wait".into(), of_wait),
            ("polled / as it comes".into(), of_peer),
        ],
        false => design
            .ratios
            .iter()
            .map(|(name, over, under)| (format!("{over} / {under}"), *name))
            .collect(),
    }
}

/// Describes how the results were measured: once, if only the kernels differ.
fn environments(device: &MeasuredDevice, all: &[Measured]) -> String {
    let told = |kernel: &str, measured: &Measured| environment(device, &measured.report, kernel);
    let kernel = |measured: &Measured| format!("Linux {}", measured.report.env.kernel);
    let is_same = |measured: &Measured| told("", measured) == told("", &all[0]);
    let paragraphs: Vec<String> = match all.iter().all(is_same) {
        true => {
            let kernels: Vec<String> = all.iter().map(kernel).collect();
            vec![told(&kernels.join(" and "), &all[0])]
        }
        false => all.iter().map(|it| told(&kernel(it), it)).collect(),
    };
    let wrap = |text: &String| wrapped(WIDTH, "", text);
    paragraphs.iter().map(wrap).collect::<Vec<_>>().join("\n")
}

/// Makes sentences about what limits the value of the figures, and about the cost of the wait.
fn notes(device: &MeasuredDevice, all: &[Measured], cases: &[Named]) -> Vec<String> {
    let mut notes = Vec::new();
    let plain: Vec<&Comparison> = cases.iter().map(|(_, case)| *case).collect();
    notes.extend(cost_of_waiting(&plain));
    for measured in all {
        let Measured {
            line, link, report, ..
        } = measured;
        let of_device = format!("{}/", device.name);
        let missed = report.missed.iter().filter(|it| it.starts_with(&of_device));
        match missed.count() {
            0 => {}
            missed => notes.push(format!(
                "Floors missed on {line}, by `bench --assert-floors`: {missed}, see \
                 [{}.json]({link}).",
                device.name
            )),
        }
        for warning in &report.env.warnings {
            notes.push(format!("Warning about {line}: {warning}."));
        }
        notes.extend(measured.age());
    }
    let not = not_measured(&plain);
    notes.extend(not.into_iter().map(|line| format!("{line}.")));
    notes
}

/// Describes QEMU's CPU time with and without the wait. None if it was not measured.
pub fn cost_of_waiting(cases: &[&Comparison]) -> Option<String> {
    let range = |variants: &[Variant]| {
        let samples = cases
            .iter()
            .flat_map(|case| variants.iter().map(|&it| case.samples(it)));
        let percent: Vec<f64> = samples.filter_map(|it| it?.qemu_percent).collect();
        let least = percent.iter().copied().reduce(f64::min)?;
        let most = percent.iter().copied().reduce(f64::max)?;
        Some(format!("{least:.0} to {most:.0} %"))
    };
    Some(format!(
        "QEMU used {} of a core with the wait, and {} without it.",
        range(&[Variant::Before, Variant::PollSource])?,
        range(&[Variant::AsItComes])?
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_of_another_source_are_not_current() {
        let tips = Tips {
            series: [("7.3", "1234".to_owned())].into(),
            module: "abcd".into(),
        };
        let has = |form, line, tree: &str, module: &str| {
            let [tree, module] = [tree, module].map(|it| (!it.is_empty()).then(|| it.to_owned()));
            tips.has(line, Origin::of(form, tree.as_ref(), module.as_ref()))
        };
        assert!(has(Form::Series, "7.3", "1234", ""));
        assert!(!has(Form::Series, "7.3", "5678", ""));
        assert!(!has(Form::Series, "7.3", "", ""));
        assert!(!has(Form::Series, "6.12", "", ""));
        // The kernel's tree says nothing of the module.
        assert!(has(Form::Module, "7.3", "5678", "abcd"));
        assert!(!has(Form::Module, "7.3", "1234", "ef01"));
        assert!(!has(Form::Module, "7.3", "1234", ""));
    }
}
