// SPDX-License-Identifier: GPL-2.0
//! Results as a mail shows them: plain text, 72 columns at most.

use guest_protocol::{Shape, Variant};

use super::{DEVICES, MeasuredDevice};
use measure::results::{Comparison, LatencySamples, Results, Runs};
use measure::stats::{Ratio, median};
use measure::table::aligned;

const WIDTH: usize = 72;

/// The results of each device, or that there are none.
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
    let mut text = wrapped("", &environment(device, report, &cases));
    for warning in &report.env.warnings {
        text += &wrapped("", &format!("Warning: {warning}."));
    }
    text += &format!("\n{}", aligned(&ratios(device, &cases)));
    let trips = round_trips(device, &cases);
    if !trips.is_empty() {
        text += &format!("\n{}", aligned(&trips));
    }
    let mut notes = not_measured(&cases);
    let of_device = |line: &&String| line.starts_with(&format!("{}/", device.name));
    let missed = report.missed.iter().filter(of_device);
    notes.extend(missed.map(|line| format!("Floor missed: {}", bare(line))));
    if !notes.is_empty() {
        text += "\n";
    }
    notes
        .iter()
        .fold(text, |text, note| text + &wrapped("  ", note))
}

/// What was done, where, and how often.
fn environment(device: &MeasuredDevice, report: &Results, cases: &[&Comparison]) -> String {
    let env = &report.env;
    let job = match (device.name, env.shape) {
        ("blk", Shape::Fit) => "one fio job, 4k, direct, iodepth=1, io_uring, set latency".into(),
        ("blk", Shape::Rfc) => "4 fio jobs, 4k, direct, iodepth=1, io_uring, set latency".into(),
        _ => match env.busy_poll_us {
            Some(us) => format!("over a tap, busy_poll for {us} us"),
            None => "over a tap, busy_poll as patient as haltpoll".into(),
        },
    };
    let accel = match env.accel.as_str() {
        "tcg" => "TCG (no KVM)".into(),
        other => other.to_uppercase(),
    };
    let host = match env.halt_poll_ns {
        Some(ns) => format!("{}, halt_poll_ns {ns}", env.cpu),
        None => env.cpu.clone(),
    };
    let qemu = env.qemu.replace("qemu-system-x86_64", "QEMU");
    format!(
        "A {}, {job}. Linux {}, {qemu}, {accel}, {} host CPUs ({host}), guest_halt_poll_ns {}. \
         Ratios of paired runs of {} s in one boot, median [95 % bootstrap interval] of {} pairs; \
         \"before\" is haltpoll alone.",
        device.what,
        env.kernel,
        env.host_cpus,
        env.guest.guest_halt_poll_ns,
        env.seconds,
        pairs(cases)
    )
}

/// "8", or "8 to 10".
fn pairs(cases: &[&Comparison]) -> String {
    let ratios = cases.iter().flat_map(|case| case.ratio.values());
    let pairs: Vec<usize> = ratios.map(|ratio| ratio.pairs).collect();
    match (pairs.iter().min(), pairs.iter().max()) {
        (Some(least), Some(most)) if least == most => least.to_string(),
        (Some(least), Some(most)) => format!("{least} to {most}"),
        _ => "no".into(),
    }
}

fn ratios(device: &MeasuredDevice, cases: &[&Comparison]) -> Vec<Vec<String>> {
    let peer = device.peer();
    let head = [
        String::new(),
        "poll_source/before".into(),
        format!("{peer}/before"),
        format!("irqs per {}", device.operation),
    ];
    let row = |case: &&Comparison| {
        let ratio = |of: Variant| case.ratio.get(of.name()).map_or("-".into(), shown);
        vec![
            bare(&case.name).to_owned(),
            ratio(Variant::PollSource),
            ratio(peer),
            format!(
                "{} -> {}",
                irqs(case, Variant::Before),
                irqs(case, Variant::PollSource)
            ),
        ]
    };
    [vec![head.to_vec()], cases.iter().map(row).collect()].concat()
}

fn shown(ratio: &Ratio) -> String {
    let Ratio { median, lo, hi, .. } = ratio;
    format!("{median:.2} [{lo:.2}, {hi:.2}]")
}

fn irqs(case: &Comparison, variant: Variant) -> String {
    let irqs = case.samples(variant).map(|samples| samples.irqs_per_op);
    irqs.map_or("-".into(), |irqs| format!("{irqs:.3}"))
}

/// How long a request took, where that was measured.
fn round_trips(device: &MeasuredDevice, cases: &[&Comparison]) -> Vec<Vec<String>> {
    let variants = [Variant::Before, Variant::PollSource, device.peer()];
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

fn percentiles(latency: &LatencySamples) -> String {
    let [p50, p99] = [&latency.p50, &latency.p99].map(|runs| median(runs));
    format!("{p50:.0} / {p99:.0}")
}

fn not_measured(cases: &[&Comparison]) -> Vec<String> {
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

/// A case's name without its device.
fn bare(name: &str) -> &str {
    name.split_once('/').map_or(name, |(_, rest)| rest)
}

/// A paragraph; its lines but the first are indented.
fn wrapped(indent: &str, text: &str) -> String {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let last = lines.last_mut().expect("there is always one");
        if !last.trim().is_empty() && last.len() + 1 + word.len() > WIDTH {
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
        measure::judge::parse(&results.to_string()).unwrap()
    }

    #[test]
    fn a_disk_as_a_mail_shows_it() {
        let text = text(&[parsed(|_| {})]);
        assert_eq!(
            text,
            "\
A virtio disk, one fio job, 4k, direct, iodepth=1, io_uring, set
latency. Linux 7.3.4-poll, QEMU 10.0.7, TCG (no KVM), 2 host CPUs (Some
CPU @ 2.00GHz), guest_halt_poll_ns 2000000. Ratios of paired runs of 0.7
s in one boot, median [95 % bootstrap interval] of 8 pairs; \"before\" is
haltpoll alone.
Warning: others keep 30 % of this host busy: polling takes from them.

              poll_source/before  io_poll/before     irqs per op
randread@0us  1.11 [1.00, 3.50]   3.30 [1.00, 3.50]  1.000 -> 0.409

Floor missed: randread@0us: poll_source/before is 1.110, floor 1.20

There are no results of this tree for a virtio network card.
"
        );
        assert_eq!(super::text(&[]), "There are no results of this tree.\n");
    }

    #[test]
    fn what_was_not_measured_and_how_long_a_request_took() {
        let report = parsed(|report| {
            let case = &mut report["cases"][0];
            case["name"] = json!("net/udp-rr");
            case["ratio"].as_object_mut().unwrap().remove("io_poll");
            let variants = case["variants"].as_object_mut().unwrap();
            let why = "of 2000 packets that came, busy polling found 3, which is too few of them";
            variants.insert("busy_poll".into(), json!({"not_measured": why}));
            variants["before"]["latency_us"] = json!({"p50": [180, 200, 190], "p99": [375]});
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
