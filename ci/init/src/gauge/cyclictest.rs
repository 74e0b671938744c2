// SPDX-License-Identifier: GPL-2.0
//! cyclictest (rt-tests): a timer wakes a task of high priority each millisecond, and how late that
//! runs goes into a histogram.

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Context, Result, ensure};
use guest_protocol::Quantiles;
use guest_protocol::cost::POLLING_CPU;
use serde::Deserialize;

use super::load::HOME_CPU;
use super::quantiles;
use crate::client;

const OUTPUT: &str = "/tmp/cyclictest.json";
/// In microseconds. A later wake-up counts with the latest one.
const LONGEST: u64 = 100_000;

pub fn run(wake_ups: u64) -> Result<Quantiles> {
    // Without the first option it forbids every idle state but the one that polls.
    let args = format!(
        "--default-system --mlockall --priority=80 --threads=1 --affinity={POLLING_CPU} \
         --mainaffinity={HOME_CPU} --interval=1000 --loops={wake_ups} --histogram={LONGEST} \
         --quiet --json={OUTPUT}"
    );
    client::run("cyclictest", &args)?;
    let said = fs::read_to_string(OUTPUT).context("reading cyclictest's output")?;
    parse(&said, wake_ups).with_context(|| format!("cyclictest {args}"))
}

#[derive(Deserialize)]
struct CyclictestOutput {
    thread: BTreeMap<String, Thread>,
}

#[derive(Deserialize)]
struct Thread {
    histogram: BTreeMap<String, u64>,
    cycles: u64,
    max: u64,
}

fn parse(said: &str, wake_ups: u64) -> Result<Quantiles> {
    let output: CyclictestOutput =
        serde_json::from_str(said).with_context(|| format!("understanding {said:?}"))?;
    let thread = output.thread.get("0").context("no thread 0")?;
    ensure!(
        thread.cycles >= wake_ups,
        "{} wake-ups of {wake_ups}",
        thread.cycles
    );
    let mut histogram = Vec::new();
    for (us, &count) in &thread.histogram {
        let us: f64 = us.parse().with_context(|| format!("a bucket {us:?}"))?;
        histogram.push((us, count));
    }
    // The names of the buckets are text, and so is their order.
    histogram.sort_by(|a, b| f64::total_cmp(&a.0, &b.0));
    let counted: u64 = thread.histogram.values().sum();
    histogram.push((thread.max as f64, thread.cycles.saturating_sub(counted)));
    quantiles::of(&histogram).context("an empty histogram")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(cycles: u64, max: u64) -> String {
        format!(
            r#"{{ "file_version": 1, "thread": {{ "0": {{ "histogram": {{ "9": 500, "12": 480,
            "110": 19 }}, "cycles": {cycles}, "min": 9, "max": {max}, "avg": 12.5 }} }} }}"#
        )
    }

    #[test]
    fn the_histogram_and_what_was_too_late_for_it() {
        let quantiles = parse(&said(1000, 200_000), 1000).unwrap();
        let Quantiles {
            samples,
            p50_us,
            p99_us,
            p999_us,
            max_us,
        } = quantiles;
        assert_eq!((samples, p50_us, p99_us), (1000, 9.0, 110.0));
        assert_eq!((p999_us, max_us), (110.0, 200_000.0));
        assert_eq!(parse(&said(999, 110), 999).unwrap().max_us, 110.0);
    }

    #[test]
    fn a_run_that_woke_too_seldom_is_no_outcome() {
        assert!(parse(&said(999, 110), 1000).is_err());
        assert!(parse(r#"{ "thread": {} }"#, 1).is_err());
    }
}
