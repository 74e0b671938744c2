// SPDX-License-Identifier: GPL-2.0
//! Measures how late a task runs that a timer wakes, and how long RCU grace periods take, as far as
//! user space can request them.

use std::collections::BTreeMap;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use fs_err as fs;
use guest_protocol::Quantiles;
use guest_protocol::cost::POLLING_CPU;
use nix::errno::Errno;
use nix::libc::{SYS_membarrier, syscall};
use serde::Deserialize;

use super::load::HOME_CPU;
use crate::client;

/// From linux/membarrier.h.
const MEMBARRIER_CMD_GLOBAL: i32 = 1;
const OUTPUT: &str = "/tmp/cyclictest.json";
/// Size of the histogram, in us. A wake-up that is later counts as late as the latest one.
const LONGEST: u64 = 100_000;

/// Measures wake-ups with cyclictest (rt-tests): each millisecond a timer wakes a task of high
/// priority.
pub fn wake_ups(wake_ups: u64) -> Result<Quantiles> {
    // Without `--default-system`, cyclictest forbids every idle state except the one that polls.
    let args = format!(
        "--default-system --mlockall --priority=80 --threads=1 --affinity={POLLING_CPU} \
         --mainaffinity={HOME_CPU} --interval=1000 --loops={wake_ups} --histogram={LONGEST} \
         --quiet --json={OUTPUT}"
    );
    client::run("cyclictest", &args)?;
    let said = fs::read_to_string(OUTPUT)?;
    parse(&said, wake_ups).with_context(|| format!("cyclictest {args}"))
}

#[derive(Deserialize)]
struct CyclictestOutput {
    thread: BTreeMap<String, Thread>,
}

#[derive(Deserialize)]
struct Thread {
    /// Wake-ups by their latency, in us.
    histogram: BTreeMap<u64, u64>,
    cycles: u64,
    max: u64,
}

fn parse(said: &str, wake_ups: u64) -> Result<Quantiles> {
    let output: CyclictestOutput =
        serde_json::from_str(said).with_context(|| format!("parsing {said:?}"))?;
    let thread = output.thread.get("0").context("no thread 0")?;
    ensure!(
        thread.cycles >= wake_ups,
        "only {} of {wake_ups} wake-ups",
        thread.cycles
    );
    let buckets = thread.histogram.iter();
    let mut histogram: Vec<_> = buckets.map(|(&us, &count)| (us as f64, count)).collect();
    let counted: u64 = thread.histogram.values().sum();
    histogram.push((thread.max as f64, thread.cycles.saturating_sub(counted)));
    quantiles(&histogram).context("the histogram is empty")
}

/// Measures `count` grace periods, one after the other. MEMBARRIER_CMD_GLOBAL only calls
/// synchronize_rcu().
pub fn grace_periods(count: u64) -> Result<Quantiles> {
    let mut us = (0..count)
        .map(|_| {
            let start = Instant::now();
            // SAFETY: the call takes three numbers and accesses no memory.
            let ret = unsafe { syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0) };
            Errno::result(ret).context("membarrier(MEMBARRIER_CMD_GLOBAL)")?;
            Ok(start.elapsed().as_secs_f64() * 1e6)
        })
        .collect::<Result<Vec<_>>>()?;
    us.sort_by(f64::total_cmp);
    let each: Vec<_> = us.into_iter().map(|us| (us, 1)).collect();
    quantiles(&each).context("no grace period was asked for")
}

/// The quantiles of values in ascending order, each with its number of occurrences. None if there
/// are no samples.
fn quantiles(histogram: &[(f64, u64)]) -> Option<Quantiles> {
    let samples: u64 = histogram.iter().map(|&(_, count)| count).sum();
    let (max_us, _) = *histogram.iter().rfind(|&&(_, count)| count > 0)?;
    let at = |per_mille: u64| {
        let rank = (samples * per_mille).div_ceil(1000);
        let mut seen = 0;
        let mut reaches = histogram.iter().filter(|&&(_, count)| {
            seen += count;
            seen >= rank
        });
        reaches.next().map_or(max_us, |&(us, _)| us)
    };
    Some(Quantiles {
        samples,
        p50_us: at(500),
        p99_us: at(990),
        p999_us: at(999),
        max_us,
    })
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
        let parsed = parse(&said(1000, 200_000), 1000).unwrap();
        let Quantiles {
            samples,
            p50_us,
            p99_us,
            p999_us,
            max_us,
        } = parsed;
        assert_eq!((samples, p50_us, p99_us), (1000, 9.0, 110.0));
        assert_eq!((p999_us, max_us), (110.0, 200_000.0));
        assert_eq!(parse(&said(999, 110), 999).unwrap().max_us, 110.0);
    }

    #[test]
    fn a_run_that_woke_too_seldom_is_no_outcome() {
        assert!(parse(&said(999, 110), 1000).is_err());
        assert!(parse(r#"{ "thread": {} }"#, 1).is_err());
    }

    #[test]
    fn the_share_at_or_below() {
        let histogram = [(1.0, 500), (2.0, 490), (3.0, 9), (70.0, 1), (80.0, 0)];
        let whole = quantiles(&histogram).unwrap();
        assert_eq!(
            whole,
            Quantiles {
                samples: 1000,
                p50_us: 1.0,
                p99_us: 2.0,
                p999_us: 3.0,
                max_us: 70.0,
            }
        );
        let few = quantiles(&[(5.0, 1), (9.0, 1)]).unwrap();
        assert_eq!((few.p50_us, few.p999_us), (5.0, 9.0));
        assert_eq!(quantiles(&[]), None);
        assert_eq!(quantiles(&[(1.0, 0)]), None);
    }
}
