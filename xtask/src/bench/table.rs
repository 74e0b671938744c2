// SPDX-License-Identifier: GPL-2.0
//! The cases as Markdown that also reads well on a terminal: the RFC's table, the ratios behind
//! its percentages, and where the processor's time went.

use std::fmt::Write as _;

use guest_init::Variant;

use super::results::{Case, Outcome, RATIOS};
use super::stats::{Ratio, median};

/// All tables of one device latency. `shape` describes the jobs.
pub fn of_latency(latency_us: u64, shape: &str, cases: &[Case]) -> String {
    let mut text = String::new();
    let _ = writeln!(text, "## Device latency {latency_us} us\n");
    let _ = writeln!(text, "IOPS ({shape})\n\n{}", render(&iops(cases)));
    let _ = writeln!(
        text,
        "Paired ratios, median [95 % interval], and interrupts per operation\n\n{}",
        render(&ratios(cases))
    );
    let _ = writeln!(
        text,
        "Guest time on the jobs' processors, %\n\n{}",
        render(&cpu(cases))
    );
    for note in notes(cases) {
        let _ = writeln!(text, "{note}\n");
    }
    text
}

fn iops(cases: &[Case]) -> Vec<Vec<String>> {
    let mut rows = vec![vec![String::new()]];
    rows[0].extend(Variant::ALL.map(|variant| variant.name().to_owned()));
    for case in cases {
        let mut row = vec![format!("4k {}", case.workload)];
        for variant in Variant::ALL {
            let gain = case.ratio.get(variant.name());
            row.push(match case.samples(variant) {
                Some(samples) => format!("{:.0}{}", median(&samples.samples), percent(gain)),
                None => "-".into(),
            });
        }
        rows.push(row);
    }
    rows
}

fn percent(gain: Option<&Ratio>) -> String {
    gain.map_or(String::new(), |ratio| {
        format!(" ({:+.0}%)", (ratio.median - 1.0) * 100.0)
    })
}

fn ratios(cases: &[Case]) -> Vec<Vec<String>> {
    let mut head = vec![String::new()];
    head.extend(RATIOS.map(|(_, over, under)| format!("{over}/{under}")));
    head.extend(Variant::ALL.map(|variant| format!("irqs/op {variant}")));
    let mut rows = vec![head];
    for case in cases {
        let mut row = vec![case.workload.to_string()];
        row.extend(RATIOS.map(|(name, ..)| match case.ratio.get(name) {
            Some(Ratio { median, lo, hi, .. }) => format!("{median:.2} [{lo:.2}, {hi:.2}]"),
            None => "-".into(),
        }));
        row.extend(Variant::ALL.map(|variant| match case.samples(variant) {
            Some(samples) => format!("{:.3}", samples.irqs_per_op),
            None => "-".into(),
        }));
        rows.push(row);
    }
    rows
}

fn cpu(cases: &[Case]) -> Vec<Vec<String>> {
    let head = ["", "variant", "idle", "irq", "softirq", "system", "user"];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    for case in cases {
        for variant in Variant::ALL {
            let Some(samples) = case.samples(variant) else {
                continue;
            };
            let cpu = samples.cpu_percent;
            let mut row = vec![case.workload.to_string(), variant.to_string()];
            let columns = [cpu.idle, cpu.irq, cpu.softirq, cpu.system, cpu.user];
            row.extend(columns.map(|column| format!("{column:.1}")));
            rows.push(row);
        }
    }
    rows
}

fn notes(cases: &[Case]) -> Vec<String> {
    let mut notes = Vec::new();
    for case in cases {
        for (variant, outcome) in &case.variants {
            if let Outcome::Not { not_measured } = outcome {
                notes.push(format!(
                    "{}: {variant} not measured: {not_measured}",
                    case.name
                ));
            }
        }
    }
    notes
}

/// A Markdown table, its columns lined up: names to the left, figures to the right.
pub fn render(rows: &[Vec<String>]) -> String {
    let columns = rows.first().map_or(0, Vec::len);
    let width = |column: usize| rows.iter().map(|row| row[column].len()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = String::new();
    for (index, row) in rows.iter().enumerate() {
        for (column, cell) in row.iter().enumerate() {
            let width = widths[column];
            let _ = match column {
                0 => write!(text, "| {cell:<width$} "),
                _ => write!(text, "| {cell:>width$} "),
            };
        }
        text.push_str("|\n");
        if index == 0 {
            for (column, width) in widths.iter().enumerate() {
                let line = "-".repeat(width + 1);
                let end = if column == 0 { "-" } else { ":" };
                let _ = write!(text, "|{line}{end}");
            }
            text.push_str("|\n");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::results::{cases, tests::two_rounds};

    #[test]
    fn the_tables_of_two_rounds() {
        let mut cases = cases(100, &two_rounds());
        cases.truncate(1);
        let text = of_latency(100, "numjobs=1", &cases);
        assert_eq!(
            text,
            "\
## Device latency 100 us

IOPS (numjobs=1)

|             | before | poll_source |     io_poll |
|-------------|-------:|------------:|------------:|
| 4k randread |   1500 | 1800 (+20%) | 2250 (+50%) |

Paired ratios, median [95 % interval], and interrupts per operation

|          | poll_source/before |    io_poll/before | poll_source/io_poll | irqs/op before | irqs/op poll_source | irqs/op io_poll |
|----------|-------------------:|------------------:|--------------------:|---------------:|--------------------:|----------------:|
| randread |  1.20 [1.20, 1.20] | 1.50 [1.50, 1.50] |   0.80 [0.80, 0.80] |          1.000 |               0.020 |           0.000 |

Guest time on the jobs' processors, %

|          |     variant | idle |  irq | softirq | system | user |
|----------|------------:|-----:|-----:|--------:|-------:|-----:|
| randread |      before | 50.0 | 10.0 |     0.0 |   30.0 | 10.0 |
| randread | poll_source | 50.0 | 10.0 |     0.0 |   30.0 | 10.0 |
| randread |     io_poll | 50.0 | 10.0 |     0.0 |   30.0 | 10.0 |

"
        );
    }

    #[test]
    fn what_was_not_measured_is_a_dash_and_a_note() {
        let mut runs = two_rounds();
        runs[2].queue_polls = false;
        let text = of_latency(100, "numjobs=1", &cases(100, &runs)[..1]);
        assert!(text.contains("| 1800 (+20%) |       - |"), "{text}");
        assert!(text.contains("io_poll not measured: the queue says io_poll=0"));
    }
}
