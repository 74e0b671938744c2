// SPDX-License-Identifier: GPL-2.0
//! The tables, in Markdown that is also readable on a terminal.

use guest_protocol::{Gauged, Probe, Quantiles, Variant};

use super::case::{CostCase, busy_ms, middle, over_ms, rate};
use measure::stats;
use measure::table::{render, row};

/// The name of a figure, and the function that reads it from a run or from a part of a run.
type Figure<T> = (&'static str, fn(&T) -> f64);

const QUANTILES: [Figure<Quantiles>; 4] = [
    ("p50", |quantiles| quantiles.p50_us),
    ("p99", |quantiles| quantiles.p99_us),
    ("p99.9", |quantiles| quantiles.p999_us),
    ("max", |quantiles| quantiles.max_us),
];

pub fn accounting(cases: &[CostCase]) -> String {
    let columns: [Figure<Gauged>; 8] = [
        ("all", |run| run.elapsed_ns as f64 / 1e6),
        ("idle", |run| run.cpu.idle_ms as f64),
        ("irq", |run| run.cpu.irq_ms as f64),
        ("softirq", |run| run.cpu.softirq_ms as f64),
        ("system", |run| run.cpu.system_ms as f64),
        ("user", |run| run.cpu.user_ms as f64),
        ("busy", |run| busy_ms(&run.cpu)),
        ("over", over_ms),
    ];
    let mut head = row(["", "polling", "operations", "irqs/op"]);
    head.extend(columns.iter().map(|(name, _)| (*name).to_owned()));
    head.extend(row(["halts", "hits took", "busy on/off"]));
    let mut rows = vec![head];
    for case in cases {
        let Probe::Accounting(load) = case.probe else {
            continue;
        };
        for variant in Probe::VARIANTS {
            let runs = case.runs(variant);
            let operations = middle(runs, |run| run.operations as f64);
            let irqs = middle(runs, |run| run.interrupts as f64 / run.operations as f64);
            let mut row = vec![load.to_string(), on_off(variant).into()];
            row.extend([format!("{operations:.0}"), format!("{irqs:.2}")]);
            row.extend(columns.map(|(_, of)| format!("{:.0}", middle(runs, of))));
            row.push(format!("{:.0}", middle(runs, |run| run.halts as f64)));
            row.push(match variant {
                Variant::PollSource => {
                    format!("{:.0}", middle(runs, |run| run.hits_us as f64 / 1e3))
                }
                _ => "-".into(),
            });
            row.push(by_pair(case, variant, |run| busy_ms(&run.cpu)));
            rows.push(row);
        }
    }
    render(&rows)
}

/// Returns the table of wake-ups or of grace periods. `rows` selects the probes and names their
/// rows.
pub fn latencies(cases: &[CostCase], rows: fn(Probe) -> Option<String>) -> String {
    let mut head = row([
        "",
        "polling",
        "samples/run",
        "operations/s",
        "operations on/off",
    ]);
    for (name, _) in QUANTILES {
        head.extend([name.to_owned(), format!("{name} on/off")]);
    }
    let mut table = vec![head];
    for case in cases {
        let Some(name) = rows(case.probe) else {
            continue;
        };
        for variant in Probe::VARIANTS {
            let runs = case.runs(variant);
            let samples = |all: &Quantiles| all.samples as f64;
            let mut row = vec![name.clone(), on_off(variant).into()];
            row.push(format!("{:.0}", middle(runs, |run| latency(run, samples))));
            row.push(format!("{:.0}", middle(runs, rate)));
            row.push(by_pair(case, variant, rate));
            for (_, of) in QUANTILES {
                row.push(format!("{:.0}", middle(runs, |run| latency(run, of))));
                row.push(by_pair(case, variant, |run| latency(run, of)));
            }
            table.push(row);
        }
    }
    render(&table)
}

fn on_off(variant: Variant) -> &'static str {
    match variant {
        Variant::PollSource => "on",
        _ => "off",
    }
}

fn latency(run: &Gauged, of: fn(&Quantiles) -> f64) -> f64 {
    run.latency.as_ref().map_or(f64::NAN, of)
}

/// Returns the paired ratio of polling on to polling off. It is only in the row with polling on.
fn by_pair(case: &CostCase, variant: Variant, of: impl Fn(&Gauged) -> f64) -> String {
    if variant != Variant::PollSource {
        return String::new();
    }
    let [polled, before] = [Variant::PollSource, Variant::Before].map(|variant| {
        case.runs(variant)
            .iter()
            .map(|run| of(run))
            .collect::<Vec<f64>>()
    });
    let ratio = stats::ratio(&polled, &before);
    ratio.map_or("not measured".into(), |ratio| ratio.to_string())
}

#[cfg(test)]
mod tests {
    use super::super::case::{cases, tests::two_rounds};
    use super::*;

    #[test]
    fn the_tables_of_two_rounds() {
        let gauged = two_rounds();
        let cases = cases(&gauged);
        let accounting = accounting(&cases);
        assert_eq!(accounting.lines().count(), 2 + 6);
        let wanted = "| slow handler |      on |        500 |    0.02 | 1000 |  300 |  50 |     \
                      550 |     90 |   10 |  700 |    0 |     0 |       600 | 1.00 [1.00, 1.00] |\n";
        assert!(accounting.ends_with(wanted), "{accounting}");

        let periods = latencies(&cases, |probe| {
            (probe == Probe::GracePeriods).then(|| probe.to_string())
        });
        assert_eq!(periods.lines().count(), 2 + 2);
        assert!(periods.contains(
            "| grace periods |      on |        1000 |          500 | 1.00 [1.00, 1.00] |  50 |"
        ));

        let mut runs = two_rounds();
        runs.retain(|run| (run.segment.round, run.segment.variant) != (2, Variant::Before));
        for run in &mut runs {
            if run.segment.variant == Variant::PollSource {
                run.cpu.softirq_ms += 70;
            }
        }
        let lone = super::accounting(&super::super::case::cases(&runs));
        assert!(lone.contains("not measured |"), "{lone}");
    }
}
