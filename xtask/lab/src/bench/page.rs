// SPDX-License-Identifier: GPL-2.0
//! The text of table.md, which is also printed. For the disk and for the network card it has the
//! rates with the RFC's percentages. Then come the tables that the page of saved results also
//! has: the ratios behind the percentages, and the events per operation.

use measure::events::{self, Named};
use measure::results::{Comparison, Design, Results};
use measure::stats::median;
use measure::table::render;
use series::results::conditions::{design, environment};
use series::results::page::cost_of_waiting;
use series::results::table::{named, not_measured, round_trips, rows, wrapped};
use series::results::{DEVICES, MeasuredDevice};

const WIDTH: usize = 100;

pub fn page(results: &Results) -> String {
    let mut text = "# Polling off and on\n\n".to_owned();
    for warning in &results.env.warnings {
        text += &format!("Warning: {warning}.\n\n");
    }
    for device in &DEVICES {
        let cases: Vec<&Comparison> = device.cases(results).collect();
        if !cases.is_empty() {
            text += &of_device(device, results, &cases);
        }
    }
    text
}

fn of_device(device: &MeasuredDevice, results: &Results, cases: &[&Comparison]) -> String {
    let env = &results.env;
    let design = design(device, cases);
    let named = named(cases);
    let kernel = format!("Linux {}", env.kernel);
    let mut text = wrapped(WIDTH, "", &environment(device, results, &kernel));
    let ratios = design
        .ratios
        .map(|(name, over, under)| (format!("{over}/{under}"), name));
    let irqs = format!("irqs per {}", device.operation);
    let predicted = events::predicted(&named, env.shape.jobs(), env.scale.as_ref());
    for (title, table) in [
        (
            "Medians, and the gain over the first column",
            rates(design, &named),
        ),
        (
            "Paired ratios, median [95 % interval]",
            rows(&ratios, &irqs, &named),
        ),
        ("Round trips", round_trips(design, cases)),
        (
            "Events per operation",
            events::per_op(&named, design).unwrap_or_default(),
        ),
        (
            "Predicted gain of poll_source under KVM, from these events and published costs",
            predicted.unwrap_or_default(),
        ),
    ] {
        if !table.is_empty() {
            text += &format!("\n{title}:\n\n{}", render(&table));
        }
    }
    for note in not_measured(cases)
        .into_iter()
        .chain(cost_of_waiting(cases))
    {
        text += &format!("\n{note}\n");
    }
    text + "\n"
}

fn rates(design: &Design, cases: &[Named]) -> Vec<Vec<String>> {
    let mut table = vec![vec![String::new()]];
    table[0].extend(design.variants.map(|variant| variant.to_string()));
    for (name, case) in cases {
        let (unit, one) = match case.unit.as_str() {
            "bit/s" => ("Mbit/s", 1e6),
            unit => (unit, 1.0),
        };
        let mut row = vec![format!("{name}, {unit}")];
        row.extend(design.variants.map(|variant| {
            let Some(samples) = case.samples(variant) else {
                return "-".into();
            };
            let gain = case.ratio.get(variant.name());
            let percent = gain.map(|gain| format!(" ({:+.0}%)", (gain.median - 1.0) * 100.0));
            let rate = median(&samples.samples) / one;
            format!("{rate:.0}{}", percent.unwrap_or_default())
        }));
        table.push(row);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::{blk, net};

    fn page_of(cases: Vec<Comparison>) -> String {
        let mut results: Results = serde_json::from_value(measure::sample::results()).unwrap();
        results.cases = cases;
        results.env.network = Some("wire".into());
        page(&results)
    }

    /// Rounds are paired whatever their order: otherwise the intervals would be wider.
    #[test]
    fn the_tables_of_two_rounds() {
        let mut cases = blk::cases::cases(100, &blk::cases::tests::two_rounds());
        cases.extend(net::cases::cases(&net::cases::tests::two_rounds()));
        let text = page_of(cases);
        for part in [
            "\n\nWarning: others keep 30 % of this host busy",
            "| randread@100us, iops |   1500 | 1800 (+20%) | 2250 (+50%) |",
            "| randread@100us |  1.20 [1.20, 1.20] | 1.50 [1.50, 1.50] |   0.80 [0.80, 0.80] | 1.000 -> 0.020 |",
            "| randread@100us | poll_source |       0.020 | 0.100 |      0.250 | 0.000 |            2.000 |",
            "over a wire",
            "| udp-rr, round trips/s |   6000 | 7500 (+25%) | 6000 (+0%) |",
            "| stream-in, Mbit/s     |   1500 |  1500 (+0%) | 1500 (+0%) |",
            "| tcp-rr     |  1.25 [1.25, 1.25] | 1.00 [1.00, 1.00] |     1.25 [1.25, 1.25] |  1.500 -> 0.040 |",
            "| udp-rr        | 188 / 375 |   150 / 300 | 188 / 375 |",
        ] {
            assert!(text.contains(part), "{part:?} is missing from\n{text}");
        }
    }

    #[test]
    fn what_was_not_measured_is_a_dash_and_a_note() {
        let mut runs = blk::cases::tests::two_rounds();
        runs[2].queue_polls = false;
        let text = page_of(blk::cases::cases(100, &runs));
        assert!(text.contains("| 1800 (+20%) |       - |"), "{text}");
        assert!(text.contains("io_poll not measured: the queue says io_poll=0"));
    }
}
