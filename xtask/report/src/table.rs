// SPDX-License-Identifier: GPL-2.0
//! The text of report.md. A host is described as in the cover letter's section about other hosts.

use measure::foreign::Foreign;
use measure::table::render;
use series::results::table::{about, host_rows};

pub fn page(hosts: &[Foreign]) -> String {
    let mut text = format!("# Polling off and on, {} hosts\n\n", hosts.len());
    if let Some(origin) = hosts.first().and_then(|host| host.results.origin()) {
        text += &format!(
            "Results of {origin}. Each ratio is the median of paired runs, with its 95 % interval. \
             \"before\" is the same wait without polling.\n\n"
        );
    }
    for (number, host) in (1..).zip(hosts) {
        text += &format!("{}\n\n", about(number, host));
    }
    text += &render(&host_rows(hosts));
    if hosts.iter().any(|host| host.results.accel == "tcg") {
        text += &format!(
            "\nUnder TCG, guest code runs many times slower than on the host, but the device is \
             not slower. TCG also has no VM exits. So its percentages do not carry over to KVM. \
             Under KVM, the RFC of 2021 saved 2.4 to 2.6 us a request. That saving gives this \
             gain, by round trip:\n\n{}",
            render(&predict::tables::round_trips())
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    fn host(name: &str, accel: &str, mut results: Value) -> Foreign {
        results["accel"] = accel.into();
        results["env"]["accel"] = accel.into();
        Foreign {
            host: name.into(),
            results: serde_json::from_value(results).unwrap(),
        }
    }

    #[test]
    fn hosts_are_rows_and_kvm_needs_no_excuse() {
        let host = |name, accel| host(name, accel, measure::sample::results());
        let text = page(&[host("epyc", "kvm"), host("laptop", "tcg")]);
        for part in [
            "# Polling off and on, 2 hosts\n\nResults of the series, tree 1234. ",
            "[1] epyc: KVM, 2 host CPUs (Some CPU @ 2.00GHz), Linux 7.3.4-poll, QEMU 10.0.7",
            "| [2] randread@0us |  1.11 [1.00, 3.50] |     1.000 -> 0.409 |",
            "do not carry over",
            "| 22 us      | 1.122 to 1.134 |",
            "Warning: others keep 30 % of this host busy",
        ] {
            assert!(text.contains(part), "no {part:?} in\n{text}");
        }
        assert!(!page(&[host("epyc", "kvm")]).contains("TCG"));
    }

    #[test]
    fn the_modules_hosts_have_its_gain_over_no_wait() {
        let results = measure::sample::of_module(measure::sample::results());
        let text = page(&[host("vm", "kvm", results)]);
        for part in [
            "Results of the module, tree 5678. ",
            "| poll_source/as_it_comes |",
            "|       1.01 [1.00, 3.50] |",
        ] {
            assert!(text.contains(part), "no {part:?} in\n{text}");
        }
    }
}
