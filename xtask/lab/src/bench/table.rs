// SPDX-License-Identifier: GPL-2.0
//! Cases as Markdown that also reads well on a terminal: the RFC's table, the ratios behind its
//! percentages, where the processor's time went, and what happened meanwhile. Headings are `blk/table.rs`' and
//! `net/table.rs`'.

use measure::events::{self, Named};
use measure::results::{Comparison, Design, Runs, Samples};
use measure::stats::{Ratio, median};
use measure::table::render;

/// The medians of each variant, `shown` as text, and the gain over the first.
pub fn rates(rows: &[Named], kind: &Design, shown: fn(f64, &Comparison) -> String) -> String {
    let mut table = vec![vec![String::new()]];
    table[0].extend(kind.variants.map(|variant| variant.name().to_owned()));
    for (name, case) in rows {
        let mut row = vec![name.clone()];
        for variant in kind.variants {
            let gain = case.ratio.get(variant.name());
            row.push(match case.samples(variant) {
                Some(samples) => shown(median(&samples.samples), case) + &percent(gain),
                None => "-".into(),
            });
        }
        table.push(row);
    }
    render(&table)
}

fn percent(gain: Option<&Ratio>) -> String {
    gain.map_or(String::new(), |ratio| {
        format!(" ({:+.0}%)", (ratio.median - 1.0) * 100.0)
    })
}

/// With the interrupts for each `op`, as `irqs` shows them.
pub fn ratios(rows: &[Named], kind: &Design, op: &str, irqs: fn(&Samples) -> String) -> String {
    let mut head = vec![String::new()];
    head.extend(
        kind.ratios
            .map(|(_, over, under)| format!("{over}/{under}")),
    );
    head.extend(kind.variants.map(|variant| format!("irqs/{op} {variant}")));
    let mut table = vec![head];
    for (name, case) in rows {
        let mut row = vec![name.clone()];
        row.extend(kind.ratios.map(|(name, ..)| {
            let ratio = case.ratio.get(name);
            ratio.map_or("-".into(), Ratio::to_string)
        }));
        row.extend(kind.variants.map(|variant| match case.samples(variant) {
            Some(samples) => irqs(samples),
            None => "-".into(),
        }));
        table.push(row);
    }
    render(&table)
}

pub fn cpu(rows: &[Named], kind: &Design) -> String {
    let head = ["", "variant", "idle", "irq", "softirq", "system", "user"];
    let mut table = vec![head.map(str::to_owned).to_vec()];
    if kind.is_module() {
        table[0].push("QEMU on the host".into());
    }
    for (name, case) in rows {
        for variant in kind.variants {
            let Some(samples) = case.samples(variant) else {
                continue;
            };
            let cpu = samples.cpu_percent;
            let mut row = vec![name.clone(), variant.to_string()];
            let columns = [cpu.idle, cpu.irq, cpu.softirq, cpu.system, cpu.user];
            row.extend(columns.map(|column| format!("{column:.1}")));
            if kind.is_module() {
                row.push(
                    samples
                        .qemu_percent
                        .map_or("-".into(), |p| format!("{p:.0}")),
                );
            }
            table.push(row);
        }
    }
    render(&table)
}

/// With its heading; empty where nothing was counted.
pub fn events(rows: &[Named], kind: &Design) -> String {
    let table = events::per_op(rows, kind);
    let shown = |table: Vec<_>| {
        let table = render(&table);
        format!("Events per operation, on the processors that do the work\n\n{table}\n")
    };
    table.map(shown).unwrap_or_default()
}

/// What was not measured, and why.
pub fn notes(rows: &[Named]) -> Vec<String> {
    let mut notes = Vec::new();
    for (_, case) in rows {
        for (variant, outcome) in &case.variants {
            if let Runs::Not { not_measured } = outcome {
                notes.push(format!(
                    "{}: {variant} not measured: {not_measured}",
                    case.name
                ));
            }
        }
    }
    notes
}
