// SPDX-License-Identifier: GPL-2.0
//! The network card's tables.

use std::fmt::Write as _;

use crate::bench::table::{self, Named};
use measure::results::{Comparison, Design, LatencySamples, NET, NetCase, Samples};
use measure::stats::median;
use measure::table::render;

pub fn tables(network: &str, rounds: u32, cases: &[NetCase]) -> String {
    let rows: Vec<Named> = cases
        .iter()
        .map(|net| (net.exchange.to_string(), &net.case))
        .collect();
    let with_unit: Vec<Named> = cases.iter().map(|net| (title(net), &net.case)).collect();
    let kind = Design::of_cases(cases.iter().map(|net| &net.case), &NET);
    let mut text = String::new();
    let _ = writeln!(text, "## Network: {network}\n");
    let _ = writeln!(
        text,
        "Rates (one request in flight over a blocking socket, one TCP stream; medians of {rounds} \
         rounds)\n\n{}",
        table::rates(&with_unit, kind, shown)
    );
    let _ = writeln!(
        text,
        "Paired ratios, median [95 % interval], and interrupts per packet received, the receiving \
         queue's and the sending one's\n\n{}",
        table::ratios(&rows, kind, "packet", interrupts)
    );
    let _ = writeln!(
        text,
        "Round trip, us, medians of the rounds\n\n{}",
        latency(&rows, kind)
    );
    let _ = writeln!(
        text,
        "Guest time while the client lived, %\n\n{}",
        table::cpu(&rows, kind)
    );
    for note in table::notes(&rows) {
        let _ = writeln!(text, "{note}\n");
    }
    text
}

fn title(net: &NetCase) -> String {
    match net.exchange.is_request_response() {
        true => format!("{}, 1/s", net.exchange),
        false => format!("{}, Mbit/s", net.exchange),
    }
}

fn shown(rate: f64, case: &Comparison) -> String {
    match case.unit.as_str() {
        "bit/s" => format!("{:.0}", rate / 1e6),
        _ => format!("{rate:.0}"),
    }
}

fn interrupts(samples: &Samples) -> String {
    let tx = samples.tx_irqs_per_op.unwrap_or(0.0);
    format!("{:.3} + {tx:.3}", samples.irqs_per_op - tx)
}

fn latency(rows: &[Named], kind: &Design) -> String {
    let mut head = vec![String::new()];
    for percentile in ["p50", "p99"] {
        head.extend(
            kind.variants
                .map(|variant| format!("{percentile} {variant}")),
        );
    }
    let mut table = vec![head];
    for (name, case) in rows {
        let of = |percentile: fn(&LatencySamples) -> &[f64]| {
            kind.variants.map(|variant| {
                let samples = case.samples(variant)?.latency_us.as_ref()?;
                Some(median(percentile(samples)))
            })
        };
        let both = [of(|l| &l.p50), of(|l| &l.p99)].concat();
        if both.iter().all(Option::is_none) {
            continue;
        }
        let mut row = vec![name.clone()];
        row.extend(
            both.into_iter()
                .map(|us| us.map_or("-".into(), |us| format!("{us:.0}"))),
        );
        table.push(row);
    }
    render(&table)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::net::cases::{cases, tests::two_rounds};
    use guest_protocol::Exchange;

    #[test]
    fn the_tables_of_two_rounds() {
        let text = tables("a wire", 2, &cases(&two_rounds(), true));
        for part in [
            "## Network: a wire",
            "| udp-rr, 1/s        |   6000 | 7500 (+25%) | 6000 (+0%) |",
            "| stream-in, Mbit/s  |   1500 |  1500 (+0%) | 1500 (+0%) |",
            "| tcp-rr     |  1.25 [1.25, 1.25] | 1.00 [1.00, 1.00] |     1.25 [1.25, 1.25] |",
            "irqs/packet busy_poll |",
            "0.750 + 0.750 |           0.020 + 0.020 |",
            "| udp-rr |        188 |             150 |           188 |        375 |",
            "| udp-rr     | poll_source | 50.0 | 0.0 |    50.0 |",
        ] {
            assert!(text.contains(part), "{part:?} is missing from\n{text}");
        }
        assert!(!text.contains("| stream-in |  "), "streams have no latency");
    }

    #[test]
    fn what_was_not_measured_is_a_dash_and_a_note() {
        let mut runs = two_rounds();
        for run in &mut runs {
            if run.segment.workload == Exchange::UdpRr {
                run.busy_polled = 3;
            }
        }
        let text = tables("a wire", 2, &cases(&runs, true));
        assert!(text.contains("| 7500 (+25%) |          - |"), "{text}");
        assert!(text.contains("net/udp-rr: busy_poll not measured: of 2000 packets"));
    }
}
