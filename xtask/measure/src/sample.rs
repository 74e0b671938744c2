// SPDX-License-Identifier: GPL-2.0
//! A results.json with one case, and a soak, for tests of the code that reads them.

use guest_protocol::{Device, Form, Trouble};
use serde_json::{Value, json};

use crate::soak::SavedSoak;

pub fn soak() -> SavedSoak {
    SavedSoak {
        line: "7.3".into(),
        form: Form::Series,
        configuration: Vec::new(),
        version: "7.3.4".into(),
        tree: Some("1234".into()),
        module: None,
        accel: "tcg".into(),
        date: "2026-11-28".into(),
        minutes: 20.0,
        guests: 6,
        operations: [(Device::Blk, 40_000), (Device::Net, 1_200_000)].into(),
        troubles: [(Trouble::Flip, 900)].into(),
        passed: true,
    }
}

pub fn results() -> Value {
    let ratio = |median: f64| json!({"median": median, "lo": 1.0, "hi": 3.5, "pairs": 8});
    let runs = |irqs: f64, samples: [f64; 8]| json!({"samples": samples, "irqs_per_op": irqs});
    // Pairs of 1.0 to 3.5, with the medians below.
    let polled = [1.0, 1.11, 1.11, 1.11, 1.11, 3.333, 3.333, 3.5];
    let peer = [3.5, 3.3, 3.3, 1.11 / 1.01, 1.11 / 1.01, 3.3, 3.3, 1.0];
    let guest = json!({
        "kernel": "7.3.4-poll", "cmdline": "", "clocksource": "tsc",
        "cpuidle_driver": "haltpoll", "cpuidle_governor": "haltpoll",
        "guest_halt_poll_ns": "2000000",
    });
    let env = json!({
        "tools": ["fio 3.33.0"], "workload": "blk", "network": null, "seed": 1, "rounds": 8,
        "pinned": false,
        "cpu": "Some CPU @ 2.00GHz", "host_cpus": 2, "qemu": "qemu-system-x86_64 10.0.7",
        "kernel": "7.3.4-poll", "accel": "tcg", "shape": "fit", "seconds": 0.7,
        "halt_poll_ns": null,
        "warnings": ["others keep 30 % of this host busy: polling takes from them"],
        "guest": guest,
    });
    json!({
        "schema": 1, "base": "7.3.4", "tree": "1234", "accel": "tcg", "env": env,
        "missed": ["blk/randread@0us: poll_source/before is 1.110, floor 1.20"],
        "cases": [{
            "name": "blk/randread@0us", "unit": "iops",
            "variants": {
                "before": runs(1.0, [1.0; 8]),
                "poll_source": runs(0.4091, polled),
                "io_poll": runs(0.0, peer),
            },
            "ratio": {
                "poll_source": ratio(1.11), "io_poll": ratio(3.3),
                "poll_source_vs_io_poll": ratio(1.01),
            },
        }],
    })
}

/// The same results with the module, on a distribution's kernel.
pub fn of_module(mut results: Value) -> Value {
    results["tree"].take();
    results["module"] = json!("5678");
    with_peer(results, "as_it_comes")
}

/// The same results with another third variant.
pub fn with_peer(results: Value, peer: &str) -> Value {
    let renamed = results
        .to_string()
        .replace("io_poll\"", &format!("{peer}\""));
    renamed.parse().expect("it was JSON")
}
