// SPDX-License-Identifier: GPL-2.0
//! table.md, the same as on the terminal: for each latency of the disk and for the network card the
//! RFC's table, the ratios behind its percentages, where the processor's time went, and what happened
//! meanwhile.

use guest_protocol::Exchange;
use measure::events::{self, Named};
use measure::results::{
    BLK, Comparison, Design, LatencySamples, Results, Runs, Samples, latencies,
};
use measure::scale;
use measure::stats::{Ratio, median};
use measure::table::{render, row};

pub fn page(results: &Results) -> String {
    let env = &results.env;
    let mut text = format!("# Polling off and on\n\n{}\n\n", env.summary());
    if let Some(slow) = scale::sentence(env.scale.as_ref()) {
        text += &format!("{slow}.\n\n");
    }
    for warning in &env.warnings {
        text += &format!("Warning: {warning}.\n\n");
    }
    for latency_us in latencies(&results.cases) {
        text += &disk(results, latency_us);
    }
    text + &card(results)
}

/// Paragraphs of a text and a table.
fn section(said: &str, table: &[Vec<String>]) -> String {
    format!("{said}\n\n{}\n", render(table))
}

/// The tables of one device latency.
fn disk(results: &Results, latency_us: u64) -> String {
    let env = &results.env;
    let of_case = |case| {
        let (workload, us) = Comparison::disk(case)?;
        (us == latency_us).then(|| (workload.to_string(), case))
    };
    let rows: Vec<Named> = results.cases.iter().filter_map(of_case).collect();
    let with_size = rows
        .iter()
        .map(|(name, case)| (format!("4k {name}"), *case));
    let with_size: Vec<Named> = with_size.collect();
    let kind = design(results, &rows);
    let scale = env.scale.as_ref();
    let jobs = env.shape.jobs();
    let queues = match jobs {
        1 => "1 virtqueue".into(),
        many => format!("{many} virtqueues"),
    };
    let mut text = format!(
        "## Device latency {latency_us} us{}\n\n",
        scale::as_native(scale, latency_us)
    );
    text += &section(
        &format!(
            "IOPS (numjobs={jobs}, iodepth=1, {queues}; medians of {} rounds)",
            env.rounds
        ),
        &rates(&with_size, kind),
    );
    text += &section(
        "Paired ratios, median [95 % interval], and interrupts per operation",
        &ratios(&rows, kind, "op"),
    );
    text += &section("Guest time on the jobs' processors, %", &cpu(&rows, kind));
    text += &counted(&rows, kind);
    if let Some(predicted) = events::predicted(&rows, latency_us, jobs, scale) {
        text += &section(
            "What poll_source should gain under KVM: these events at published costs",
            &predicted,
        );
    }
    text + &notes(&rows)
}

/// The network card's tables; nothing where it was not measured.
fn card(results: &Results) -> String {
    let of_case = |case| Some((Comparison::exchange(case)?.to_string(), case));
    let rows: Vec<Named> = results.cases.iter().filter_map(of_case).collect();
    if rows.is_empty() {
        return String::new();
    }
    let with_unit = rows.iter().map(|(name, case)| match is_stream(case) {
        true => (format!("{name}, Mbit/s"), *case),
        false => (format!("{name}, 1/s"), *case),
    });
    let with_unit: Vec<Named> = with_unit.collect();
    let kind = design(results, &rows);
    let env = &results.env;
    let network = env.network.as_deref().unwrap_or("unknown");
    let mut text = format!("## Network: {network}\n\n");
    text += &section(
        &format!(
            "Rates (one request in flight over a blocking socket, one TCP stream; medians of {} \
             rounds)",
            env.rounds
        ),
        &rates(&with_unit, kind),
    );
    text += &section(
        "Paired ratios, median [95 % interval], and interrupts per packet received, the receiving \
         queue's and the sending one's",
        &ratios(&rows, kind, "packet"),
    );
    text += &section(
        "Round trip, us, medians of the rounds",
        &round_trips(&rows, kind),
    );
    text += &section("Guest time while the client lived, %", &cpu(&rows, kind));
    text += &counted(&rows, kind);
    text + &notes(&rows)
}

/// That of cases which were measured together.
fn design(results: &Results, rows: &[Named]) -> &'static Design {
    let first = rows.first().and_then(|(_, case)| results.design(case));
    first.unwrap_or(&BLK)
}

fn is_stream(case: &Comparison) -> bool {
    let exchange = case.exchange();
    exchange.is_some_and(|exchange: Exchange| !exchange.is_request_response())
}

/// The medians of each variant, and the gain over the first.
fn rates(rows: &[Named], kind: &Design) -> Vec<Vec<String>> {
    let mut table = vec![vec![String::new()]];
    table[0].extend(kind.variants.map(|variant| variant.to_string()));
    for (name, case) in rows {
        let unit = if is_stream(case) { 1e6 } else { 1.0 };
        let mut row = vec![name.clone()];
        row.extend(kind.variants.map(|variant| {
            let Some(samples) = case.samples(variant) else {
                return "-".into();
            };
            let gain = case.ratio.get(variant.name());
            let percent = gain.map(|gain| format!(" ({:+.0}%)", (gain.median - 1.0) * 100.0));
            let rate = median(&samples.samples) / unit;
            format!("{rate:.0}{}", percent.unwrap_or_default())
        }));
        table.push(row);
    }
    table
}

/// With the interrupts for each `op`.
fn ratios(rows: &[Named], kind: &Design, op: &str) -> Vec<Vec<String>> {
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
        row.extend(kind.variants.map(|variant| {
            let samples = case.samples(variant);
            samples.map_or("-".into(), interrupts)
        }));
        table.push(row);
    }
    table
}

fn interrupts(samples: &Samples) -> String {
    match samples.tx_irqs_per_op {
        Some(tx) => format!("{:.3} + {tx:.3}", samples.irqs_per_op - tx),
        None => format!("{:.3}", samples.irqs_per_op),
    }
}

fn round_trips(rows: &[Named], kind: &Design) -> Vec<Vec<String>> {
    let of = |percentile: &str| kind.variants.map(|it| format!("{percentile} {it}"));
    let mut table = vec![[vec![String::new()], [of("p50"), of("p99")].concat()].concat()];
    for (name, case) in rows.iter().filter(|(_, case)| !is_stream(case)) {
        let of = |percentile: fn(&LatencySamples) -> &[f64]| {
            kind.variants.map(|variant| {
                let samples = case.samples(variant);
                let latency = samples.and_then(|samples| samples.latency_us.as_ref());
                latency.map_or("-".into(), |it| format!("{:.0}", median(percentile(it))))
            })
        };
        let figures = [of(|latency| &latency.p50), of(|latency| &latency.p99)].concat();
        table.push([vec![name.clone()], figures].concat());
    }
    table
}

fn cpu(rows: &[Named], kind: &Design) -> Vec<Vec<String>> {
    let head = ["", "variant", "idle", "irq", "softirq", "system", "user"];
    let mut table = vec![row(head)];
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
                let percent = samples.qemu_percent;
                row.push(percent.map_or("-".into(), |percent| format!("{percent:.0}")));
            }
            table.push(row);
        }
    }
    table
}

/// Empty where no event was counted.
fn counted(rows: &[Named], kind: &Design) -> String {
    let said = "Events per operation, on the processors that do the work";
    events::per_op(rows, kind).map_or(String::new(), |table| section(said, &table))
}

/// What was not measured, and why.
fn notes(rows: &[Named]) -> String {
    let mut notes = String::new();
    for (_, case) in rows {
        for (variant, outcome) in &case.variants {
            if let Runs::Not { not_measured } = outcome {
                let name = &case.name;
                notes += &format!("{name}: {variant} not measured: {not_measured}\n\n");
            }
        }
    }
    notes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::{blk, net};
    use guest_protocol::Pace;
    use measure::scale::Scale;

    fn page_of(cases: Vec<Comparison>, scale: Option<Scale>) -> String {
        let mut results: Results = serde_json::from_value(measure::sample::results()).unwrap();
        results.cases = cases;
        results.env.scale = scale;
        results.env.network = Some("a wire".into());
        page(&results)
    }

    #[test]
    fn the_tables_of_two_rounds_of_a_disk() {
        let text = page_of(
            blk::cases::cases(100, &blk::cases::tests::two_rounds()),
            None,
        );
        let (head, tables) = text.split_once("## ").unwrap();
        assert!(
            head.contains("\n\nWarning: others keep 30 % of this host busy"),
            "{head}"
        );
        assert_eq!(
            tables,
            "\
Device latency 100 us

IOPS (numjobs=1, iodepth=1, 1 virtqueue; medians of 8 rounds)

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

Events per operation, on the processors that do the work

|          |     variant | device irqs | halts | timer irqs |  IPIs | context switches |
|----------|------------:|------------:|------:|-----------:|------:|-----------------:|
| randread |      before |       1.000 | 0.100 |      0.250 | 0.000 |            2.000 |
| randread | poll_source |       0.020 | 0.100 |      0.250 | 0.000 |            2.000 |
| randread |     io_poll |       0.000 | 0.100 |      0.250 | 0.000 |            2.000 |

"
        );
    }

    #[test]
    fn a_slow_guest_is_told_of_and_its_events_are_priced() {
        let pace = |pipe_ns, switch_ns| Pace { pipe_ns, switch_ns };
        let scale = Scale {
            native: pace(500.0, 3_000.0),
            guest: pace(10_000.0, 135_000.0),
        };
        let cases = blk::cases::cases(100, &blk::cases::tests::two_rounds());
        let text = page_of(cases, Some(scale));
        for part in [
            "## Device latency 100 us, as 2.2 to 5.0 us would be\n",
            "What poll_source should gain under KVM",
            "| randread |           118.9 us |           1.01 to 1.02 |              1.01 to 1.03 | 1.01 to 1.44 |",
        ] {
            assert!(text.contains(part), "no {part:?} in\n{text}");
        }
    }

    #[test]
    fn the_tables_of_two_rounds_of_a_card() {
        let text = page_of(net::cases::cases(&net::cases::tests::two_rounds()), None);
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
        let mut runs = blk::cases::tests::two_rounds();
        runs[2].queue_polls = false;
        let text = page_of(blk::cases::cases(100, &runs), None);
        assert!(text.contains("| 1800 (+20%) |       - |"), "{text}");
        assert!(text.contains("io_poll not measured: the queue says io_poll=0"));
    }
}
