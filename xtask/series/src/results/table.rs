// SPDX-License-Identifier: GPL-2.0
//! Formats results for a mail: plain text, at most 72 columns wide.

use guest_protocol::Form;

use super::conditions::{accelerator, design, environment, qemu};
use super::{DEVICES, MeasuredDevice};
use measure::events::{self, Named};
use measure::foreign::Foreign;
use measure::results::{BLK, Comparison, Design, LatencySamples, MODULE, Results, Runs};
use measure::scale;
use measure::stats::{Ratio, median};
use measure::table::{aligned, row};

const WIDTH: usize = 72;

/// Returns the results of each device, or a sentence that there are none.
pub fn text(reports: &[Results]) -> String {
    if reports.is_empty() {
        return "There are no results of this tree.\n".into();
    }
    let of_device = |device: &MeasuredDevice| {
        let report = reports.iter().find(|report| device.is_in(report));
        match report {
            Some(report) => of_report(device, report),
            None => format!("There are no results of this tree for a {}.\n", device.what),
        }
    };
    DEVICES.iter().map(of_device).collect::<Vec<_>>().join("\n")
}

fn of_report(device: &MeasuredDevice, report: &Results) -> String {
    let cases: Vec<&Comparison> = device.cases(report).collect();
    let design = design(device, &cases);
    let kernel = format!("Linux {}", report.env.kernel);
    let mut head = wrapped(WIDTH, "", &environment(device, report, &kernel));
    for warning in &report.env.warnings {
        head += &wrapped(WIDTH, "", &format!("Warning: {warning}."));
    }
    let notes = not_measured(&cases);
    let notes = notes.iter().map(|note| wrapped(WIDTH, "  ", note));
    let mut blocks = vec![
        head,
        aligned(&ratios(device, design, &cases)),
        aligned(&round_trips(design, &cases)),
        predicted(report, &cases),
        notes.collect(),
    ];
    blocks.retain(|block| !block.is_empty());
    blocks.join("\n")
}

/// Returns the results of other people's hosts; empty if there are none.
pub fn others(others: &[Foreign]) -> String {
    if others.is_empty() {
        return String::new();
    }
    let said = "Results by others, judged only from their files; \"before\" is haltpoll alone:";
    let abouts: String = (1..)
        .zip(others)
        .map(|(number, foreign)| wrapped(WIDTH, "    ", &about(number, foreign)))
        .collect();
    let said = wrapped(WIDTH, "", said);
    format!("\n{said}{abouts}\n{}", aligned(&host_rows(others)))
}

/// Describes a host, after the number by which its rows refer to it.
pub fn about(number: usize, foreign: &Foreign) -> String {
    let Foreign { host, results } = foreign;
    let env = &results.env;
    let mut about = format!(
        "[{number}] {host}: {}, {} host CPUs ({}), Linux {}, {}, pairs of {} s.",
        accelerator(&env.accel),
        env.host_cpus,
        env.cpu,
        env.kernel,
        qemu(&env.qemu),
        env.seconds
    );
    if let Some(slow) = scale::sentence(env.scale.as_ref()) {
        about += &format!(" {slow}.");
    }
    for warning in &env.warnings {
        about += &format!(" Warning: {warning}.");
    }
    about
}

/// Makes the rows of the hosts. If a host measured the module, a second column has the ratio to the
/// kernel as it comes, which does not wait.
pub fn host_rows(hosts: &[Foreign]) -> Vec<Vec<String>> {
    let is_module = |host: &Foreign| host.results.form() == Form::Module;
    let designs = match hosts.iter().any(is_module) {
        true => &[MODULE.ratios[0], MODULE.ratios[2]][..],
        false => &BLK.ratios[..1],
    };
    let columns: Vec<(String, &str)> = designs
        .iter()
        .map(|(name, over, under)| (format!("{over}/{under}"), *name))
        .collect();
    let mut cases: Vec<Named> = Vec::new();
    for (number, host) in (1..).zip(hosts) {
        let own = host.results.cases.iter();
        cases.extend(own.map(|case| (format!("[{number}] {}", bare(&case.name)), case)));
    }
    rows(&columns, "irqs per operation", &cases)
}

fn ratios(device: &MeasuredDevice, design: &Design, cases: &[&Comparison]) -> Vec<Vec<String>> {
    let columns: Vec<(String, &str)> = design.ratios[..2]
        .iter()
        .map(|(name, over, under)| (format!("{over}/{under}"), *name))
        .collect();
    let irqs = format!("irqs per {}", device.operation);
    rows(&columns, &irqs, &named(cases))
}

/// Returns the cases, each with its name without the device.
pub fn named<'a>(cases: &[&'a Comparison]) -> Vec<Named<'a>> {
    let name = |case: &&'a Comparison| (bare(&case.name).to_owned(), *case);
    cases.iter().map(name).collect()
}

/// Makes a table of the cases. Each of the `columns` is a title and the name of a ratio; the last
/// column has the interrupts.
pub fn rows(columns: &[(String, &str)], irqs_title: &str, cases: &[Named]) -> Vec<Vec<String>> {
    let mut head = vec![String::new()];
    head.extend(columns.iter().map(|(title, _)| title.clone()));
    head.push(irqs_title.to_owned());
    let row = |(name, case): &Named| {
        let mut row = vec![name.clone()];
        row.extend(
            columns
                .iter()
                .map(|(_, ratio)| case.ratio.get(*ratio).map_or("-".into(), Ratio::to_string)),
        );
        row.push(case.interrupts());
        row
    };
    [vec![head], cases.iter().map(row).collect()].concat()
}

/// Makes a table of how long a request took, for the cases where that was measured.
pub fn round_trips(design: &Design, cases: &[&Comparison]) -> Vec<Vec<String>> {
    let variants = design.variants;
    let mut rows = Vec::new();
    for case in cases {
        let latency =
            variants.map(|variant| case.samples(variant).and_then(|it| it.latency_us.as_ref()));
        if latency.iter().any(Option::is_some) {
            let mut row = vec![bare(&case.name).to_owned()];
            row.extend(latency.map(|latency| latency.map_or("-".into(), percentiles)));
            rows.push(row);
        }
    }
    if !rows.is_empty() {
        let mut head = vec!["us, p50 / p99".to_owned()];
        head.extend(variants.map(|variant| variant.name().to_owned()));
        rows.insert(0, head);
    }
    rows
}

/// Introduces the table of the gains that a disk's cases should have under KVM. Only cases whose
/// events were counted are in it.
const PREDICTED: &str = "Predicted under KVM from the events counted here, at published costs. \
                         native: time of a request without polling, if the guest's code \
                         were as fast as the host's.";

fn predicted(report: &Results, cases: &[&Comparison]) -> String {
    let env = &report.env;
    let table = events::predicted(&named(cases), env.shape.jobs(), env.scale.as_ref());
    let Some(mut rows) = table else {
        return String::new();
    };
    rows[0] = row(["", "native", "posted irqs", "not posted", "nested"]);
    wrapped(WIDTH, "", PREDICTED) + &aligned(&rows)
}

fn percentiles(latency: &LatencySamples) -> String {
    let [p50, p99] = [&latency.p50, &latency.p99].map(|runs| median(runs));
    format!("{p50:.0} / {p99:.0}")
}

pub fn not_measured(cases: &[&Comparison]) -> Vec<String> {
    let mut notes = Vec::new();
    for case in cases {
        for (variant, outcome) in &case.variants {
            if let Runs::Not { not_measured } = outcome {
                let name = bare(&case.name);
                notes.push(format!("{name}: {variant} not measured: {not_measured}"));
            }
        }
    }
    notes
}

/// Returns a case's name without its device.
pub fn bare(name: &str) -> &str {
    name.split_once('/').map_or(name, |(_, rest)| rest)
}

/// Wraps a paragraph at `width`. All lines but the first are indented.
pub fn wrapped(width: usize, indent: &str, text: &str) -> String {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let last = lines.last_mut().expect("there is always one");
        if !last.trim().is_empty() && last.len() + 1 + word.len() > width {
            lines.push(format!("{indent}{word}"));
        } else {
            if !last.is_empty() {
                last.push(' ');
            }
            last.push_str(word);
        }
    }
    lines.join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn parsed(change: impl FnOnce(&mut Value)) -> Results {
        let mut results = measure::sample::results();
        change(&mut results);
        results["accel"] = results["env"]["accel"].clone();
        measure::judge::parse(&results.to_string()).unwrap()
    }

    #[test]
    fn other_hosts_are_numbered() {
        assert_eq!(others(&[]), "");
        let of_host = |host: &str| Foreign {
            host: host.into(),
            results: parsed(|results| {
                results["env"]["accel"] = json!("kvm");
                results["env"]["halt_poll_ns"] = json!(200_000);
            }),
        };
        let text = others(&[of_host("epyc"), of_host("xeon")]);
        assert_eq!(
            text,
            "
Results by others, judged only from their files; \"before\" is haltpoll
alone:
[1] epyc: KVM, 2 host CPUs (Some CPU @ 2.00GHz), Linux 7.3.4-poll, QEMU
    10.0.7, pairs of 0.7 s. Warning: others keep 30 % of this host busy:
    polling takes from them.
[2] xeon: KVM, 2 host CPUs (Some CPU @ 2.00GHz), Linux 7.3.4-poll, QEMU
    10.0.7, pairs of 0.7 s. Warning: others keep 30 % of this host busy:
    polling takes from them.

                  poll_source/before  irqs per operation
[1] randread@0us  1.11 [1.00, 3.50]   1.000 -> 0.409
[2] randread@0us  1.11 [1.00, 3.50]   1.000 -> 0.409
"
        );
    }

    #[test]
    fn what_was_not_measured_and_how_long_a_request_took() {
        let report = parsed(|report| {
            let case = &mut report["cases"][0];
            case["name"] = json!("net/udp-rr");
            case["ratio"].as_object_mut().unwrap().remove("io_poll");
            let variants = case["variants"].as_object_mut().unwrap();
            let why = "of 2000 packets that came, busy polling found 3, which is too few of them";
            variants.remove("io_poll");
            variants.insert("busy_poll".into(), json!({"not_measured": why}));
            variants["before"]["latency_us"] = json!({"p50": vec![190; 8], "p99": vec![375; 8]});
            report["env"]["halt_poll_ns"] = json!(200_000);
            report["env"]["accel"] = json!("kvm");
        });
        let text = text(&[report]);
        for part in [
            "\"before\" is",
            " KVM, ",
            "halt_poll_ns 200000",
            "udp-rr  1.11 [1.00, 3.50]   -                 1.000 -> 0.409\n",
            "us, p50 / p99  before     poll_source  busy_poll\nudp-rr         190 / 375  -            -\n",
            "udp-rr: busy_poll not measured: of 2000 packets that came, busy polling\n  found 3,",
        ] {
            assert!(text.contains(part), "no {part:?} in\n{text}");
        }
        assert!(text.lines().all(|line| line.len() <= WIDTH), "{text}");
    }
}
