// SPDX-License-Identifier: GPL-2.0
//! report.md.

use guest_protocol::{Form, Variant};
use measure::foreign::Foreign;
use measure::results::MODULE;
use measure::scale;
use measure::stats::Ratio;
use measure::table::{render, row};

pub fn page(hosts: &[Foreign]) -> String {
    let count = match hosts.len() {
        1 => "one host".into(),
        count => format!("{count} hosts"),
    };
    let mut text = format!("# Polling off and on, {count}\n\n");
    let origin = hosts.first().and_then(|host| host.results.origin());
    if let Some(origin) = origin {
        text += &format!(
            "Of {origin}. Gain: poll_source against the same wait without polling, median of paired \
             runs and 95 % interval.\n\n"
        );
    }
    text += &render(&machines(hosts));
    text += "\n";
    text += &render(&gains(hosts));
    if hosts.iter().any(|host| host.results.accel == "tcg") {
        text += &format!(
            "\nTCG runs guest code many times slower than the host does, the device no slower, and \
             has no VM exits: its percentages do not carry over. Under KVM the RFC of 2021 saved \
             2.4 to 2.6 us a request; that is, by round trip:\n\n{}",
            render(&predict::tables::round_trips())
        );
    }
    for host in hosts {
        for note in notes(host) {
            text += &format!("\n{note}\n");
        }
    }
    text
}

fn machines(hosts: &[Foreign]) -> Vec<Vec<String>> {
    let mut rows = vec![row([
        "host",
        "kernel",
        "accelerator",
        "CPU",
        "CPUs",
        "pinned",
        "QEMU",
        "pairs",
    ])];
    for Foreign { host, results } in hosts {
        let env = &results.env;
        let pinned = if env.pinned { "yes" } else { "no" };
        rows.push(vec![
            host.clone(),
            cell(&env.kernel),
            env.accel.clone(),
            cell(&env.cpu),
            env.host_cpus.to_string(),
            pinned.to_owned(),
            cell(&env.qemu.replace("qemu-system-x86_64 ", "")),
            format!("{} of {} s", env.rounds, env.seconds),
        ]);
    }
    rows
}

/// A table's bars are not the text's.
fn cell(text: &str) -> String {
    text.replace('|', "/")
}

/// The module's also against the kernel without it, which does not wait.
fn gains(hosts: &[Foreign]) -> Vec<Vec<String>> {
    let head = ["host", "what", "latency", "gain", "interrupts an operation"];
    let mut rows = vec![row(head)];
    let is_module = |host: &Foreign| host.results.form() == Form::Module;
    let with_peer = hosts.iter().any(is_module);
    if with_peer {
        rows[0].push("gain over no wait".into());
    }
    for Foreign { host, results } in hosts {
        for case in &results.cases {
            let (what, latency) = match case.disk() {
                Some((workload, latency_us)) => {
                    let native = scale::as_native(results.env.scale.as_ref(), latency_us);
                    (workload.to_string(), format!("{latency_us} us{native}"))
                }
                None => (case.name.replace("net/", ""), "-".into()),
            };
            let ratio = |name: &str| case.ratio.get(name).map_or("-".into(), Ratio::to_string);
            rows.push(vec![
                host.clone(),
                what,
                latency,
                ratio(Variant::PollSource.name()),
                case.interrupts(),
            ]);
            if with_peer {
                let (of_peer, ..) = MODULE.ratios[2];
                rows.last_mut().expect("just pushed").push(ratio(of_peer));
            }
        }
    }
    rows
}

/// What a host's figures are worth less for.
fn notes(host: &Foreign) -> Vec<String> {
    let about = |text: &String| format!("{}: {text}", host.host);
    host.results.env.warnings.iter().map(about).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(name: &str, accel: &str) -> Foreign {
        let mut results = measure::sample::results();
        results["accel"] = accel.into();
        results["env"]["accel"] = accel.into();
        Foreign {
            host: name.into(),
            results: serde_json::from_value(results).unwrap(),
        }
    }

    #[test]
    fn hosts_are_rows() {
        let text = page(&[host("epyc", "kvm"), host("laptop", "tcg")]);
        for part in [
            "# Polling off and on, 2 hosts\n\nOf the series, tree 1234. Gain: ",
            "| epyc   | 7.3.4-poll |         kvm | Some CPU @ 2.00GHz |    2 |     no | 10.0.7 | 8 of 0.7 s |",
            "| laptop | randread |    0 us | 1.11 [1.00, 3.50] |          1.000 -> 0.409 |",
            "do not carry over",
            "| 22 us      | 1.122 to 1.134 |",
            "\nepyc: others keep 30 % of this host busy",
        ] {
            assert!(text.contains(part), "no {part:?} in\n{text}");
        }
    }

    #[test]
    fn the_modules_hosts_have_its_gain_over_no_wait() {
        let results = measure::sample::of_module(measure::sample::results());
        let text = page(&[Foreign {
            host: "vm".into(),
            results: serde_json::from_value(results).unwrap(),
        }]);
        for part in [
            "Of the module, tree 5678. ",
            "| gain over no wait |",
            "| 1.01 [1.00, 3.50] |",
        ] {
            assert!(text.contains(part), "no {part:?} in\n{text}");
        }
    }

    #[test]
    fn kvm_needs_no_excuse() {
        let text = page(&[host("epyc", "kvm")]);
        assert!(text.contains("one host") && !text.contains("TCG"), "{text}");
    }

    #[test]
    fn a_bar_in_a_name_ends_no_cell() {
        let mut bad = host("a", "kvm");
        bad.results.env.cpu = "a|b".into();
        let text = page(&[bad]);
        assert!(text.contains("a/b") && !text.contains("a|b"));
    }
}
