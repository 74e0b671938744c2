// SPDX-License-Identifier: GPL-2.0
//! Turns timed runs into cases. A case has the runs of one probe with polling off and on.

use std::collections::BTreeMap;

use guest_protocol::{CpuTime, Gauged, Probe, Variant};

use crate::bench::plan;
use measure::stats::median;

pub struct CostCase<'a> {
    pub probe: Probe,
    runs: BTreeMap<Variant, Vec<&'a Gauged>>,
}

/// Returns a case for each probe, even if it has no runs.
pub fn cases(gauged: &[Gauged]) -> Vec<CostCase<'_>> {
    let case = |probe| CostCase {
        probe,
        runs: plan::by_variant(gauged, |run| &run.segment, probe, |_, runs| runs),
    };
    Probe::ALL.into_iter().map(case).collect()
}

impl CostCase<'_> {
    /// Returns the runs with polling off or on, sorted by round.
    pub fn runs(&self, variant: Variant) -> &[&Gauged] {
        self.runs.get(&variant).map_or(&[], Vec::as_slice)
    }
}

/// Returns the median of a figure over all runs.
pub fn middle(runs: &[&Gauged], of: impl Fn(&Gauged) -> f64) -> f64 {
    median(&runs.iter().map(|run| of(run)).collect::<Vec<_>>())
}

/// Returns by how much the columns of /proc/stat together exceed the elapsed time, in ms.
pub fn over_ms(run: &Gauged) -> f64 {
    busy_ms(&run.cpu) + run.cpu.idle_ms as f64 - run.elapsed_ns as f64 / 1e6
}

/// Operations per second.
pub fn rate(run: &Gauged) -> f64 {
    run.operations as f64 * 1e9 / run.elapsed_ns as f64
}

pub fn busy_ms(cpu: &CpuTime) -> f64 {
    (cpu.user_ms + cpu.system_ms + cpu.irq_ms + cpu.softirq_ms) as f64
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use guest_protocol::{Quantiles, Segment};

    /// A run of one second, in which handlers take 600 ms.
    pub fn run(round: u32, workload: Probe, variant: Variant) -> Gauged {
        let polled = variant == Variant::PollSource;
        let latency = Quantiles {
            samples: 1000,
            p50_us: 50.0,
            p99_us: 100.0,
            p999_us: 200.0,
            max_us: 400.0,
        };
        Gauged {
            segment: Segment {
                round,
                workload,
                variant,
            },
            elapsed_ns: 1_000_000_000,
            operations: 500,
            interrupts: if polled { 10 } else { 500 },
            hits: if polled { 490 } else { 0 },
            hits_us: if polled { 600_000 } else { 0 },
            halts: if polled { 0 } else { 25 },
            cpu: CpuTime {
                user_ms: 10,
                system_ms: 90,
                idle_ms: 300,
                irq_ms: 50,
                softirq_ms: 550,
            },
            latency: (!matches!(workload, Probe::Accounting(_))).then_some(latency),
        }
    }

    pub fn two_rounds() -> Vec<Gauged> {
        let of_round = |round| {
            Probe::ALL
                .into_iter()
                .flat_map(move |probe| Probe::VARIANTS.map(|variant| run(round, probe, variant)))
        };
        (1..=2).flat_map(of_round).collect()
    }
}
