// SPDX-License-Identifier: GPL-2.0
//! Turns the timed runs of a disk into cases.

use std::collections::BTreeMap;

use guest_protocol::{Measured, Variant, Workload};

use crate::bench::plan;
use measure::events::EventsPerOp;
use measure::results::{self, BLK, Comparison, Design, Runs, Samples};

/// Returns all cases of one boot.
pub fn cases(latency_us: u64, measured: &[Measured]) -> Vec<Comparison> {
    let kind = Design::of(measured.iter().map(|run| run.segment.variant), &BLK);
    let all = Workload::ALL.iter().map(|&workload| {
        let outcomes = outcomes(measured, workload);
        Comparison::of_disk(workload, latency_us, outcomes, kind)
    });
    // Workloads without runs are left out: a disk that holds data is only read.
    all.filter(|case| !case.variants.is_empty()).collect()
}

/// Returns the outcome of one workload in each variant.
pub fn outcomes(measured: &[Measured], workload: Workload) -> BTreeMap<Variant, Runs> {
    plan::by_variant(measured, |run| &run.segment, workload, outcome)
}

fn outcome(variant: Variant, runs: Vec<&Measured>) -> Runs {
    if variant == Variant::IoPoll
        && let Some(not_measured) = not_polled(&runs)
    {
        return Runs::Not { not_measured };
    }
    let sum = |of: fn(&Measured) -> u64| runs.iter().map(|run| of(run)).sum::<u64>() as f64;
    Runs::Samples(Samples {
        samples: runs.iter().map(|run| run.iops()).collect(),
        irqs_per_op: sum(|run| run.interrupts) / sum(|run| run.ios),
        latency_us: None,
        events_per_op: EventsPerOp::of(runs.iter().map(|run| run.events), sum(|run| run.ios)),
        qemu_percent: results::mean(runs.iter().map(|run| run.qemu_percent)),
    })
}

/// Returns why runs do not count as io_poll: the queue does not poll, or interrupts came.
fn not_polled(runs: &[&Measured]) -> Option<String> {
    if runs.iter().any(|run| !run.queue_polls) {
        return Some("the queue says io_poll=0".into());
    }
    let interrupts: u64 = runs.iter().map(|run| run.interrupts).sum();
    (interrupts > 0).then(|| format!("{interrupts} interrupts came while the queue was polled"))
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use guest_protocol::{Events, Segment};

    pub fn run(round: u32, variant: Variant, ios: u64, interrupts: u64) -> Measured {
        Measured {
            segment: Segment {
                round,
                workload: Workload::RandRead,
                variant,
            },
            ios,
            elapsed_ns: 1_000_000_000,
            interrupts,
            queue_polls: true,
            events: Events {
                halts: Some(ios / 10),
                timers: ios / 4,
                ipis: 0,
                context_switches: 2 * ios,
            },
            qemu_percent: None,
        }
    }

    /// Two rounds in which poll_source gains 20 %, and io_poll 50 %. The variants come in different
    /// orders.
    pub fn two_rounds() -> Vec<Measured> {
        vec![
            run(2, Variant::PollSource, 2400, 48),
            run(1, Variant::Before, 1000, 1000),
            run(2, Variant::IoPoll, 3000, 0),
            run(2, Variant::Before, 2000, 2000),
            run(1, Variant::IoPoll, 1500, 0),
            run(1, Variant::PollSource, 1200, 24),
        ]
    }

    #[test]
    fn io_poll_with_an_interrupt_is_not_io_poll() {
        let mut runs = two_rounds();
        runs[2].interrupts = 1;
        let case = &cases(100, &runs)[0];
        assert!(case.samples(Variant::IoPoll).is_none());
        assert!(!case.ratio.contains_key("io_poll"));
        assert!(case.ratio.contains_key("poll_source"));
        let json = serde_json::to_value(case).unwrap();
        assert!(json["variants"]["io_poll"]["not_measured"].is_string());

        let mut runs = two_rounds();
        runs[2].queue_polls = false;
        assert!(cases(100, &runs)[0].samples(Variant::IoPoll).is_none());
    }
}
