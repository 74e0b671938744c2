// SPDX-License-Identifier: GPL-2.0
//! From timed runs to cases: the runs of one probe with polling off and on, and their paired ratios.

use std::collections::BTreeMap;

use guest_protocol::{CpuTime, Gauged, Probe, Quantiles, Variant};

use measure::stats::{self, Ratio, median};

#[derive(Clone, Debug)]
pub struct CostCase {
    pub probe: Probe,
    /// By round, as are those with polling.
    pub before: Vec<Gauged>,
    pub poll_source: Vec<Gauged>,
    /// With polling by without.
    pub ratio: BTreeMap<&'static str, Ratio>,
}

/// What is read off a run, or a part of it, and its name.
pub type Figure<T> = (&'static str, fn(&T) -> f64);

pub const QUANTILES: [Figure<Quantiles>; 4] = [
    ("p50", |quantiles| quantiles.p50_us),
    ("p99", |quantiles| quantiles.p99_us),
    ("p99.9", |quantiles| quantiles.p999_us),
    ("max", |quantiles| quantiles.max_us),
];

/// A case for each probe, whether it has runs or not.
pub fn cases(gauged: &[Gauged]) -> Vec<CostCase> {
    Probe::ALL.map(|probe| case(probe, gauged)).to_vec()
}

fn case(probe: Probe, gauged: &[Gauged]) -> CostCase {
    let runs = |variant: Variant| {
        let is_it = |run: &&Gauged| run.segment.workload == probe && run.segment.variant == variant;
        let mut runs: Vec<Gauged> = gauged.iter().filter(is_it).cloned().collect();
        runs.sort_by_key(|run| run.segment.round);
        runs
    };
    let mut case = CostCase {
        probe,
        before: runs(Variant::Before),
        poll_source: runs(Variant::PollSource),
        ratio: BTreeMap::new(),
    };
    match probe {
        Probe::Accounting(_) => case.compare("busy", |run| Some(busy_ms(&run.cpu))),
        Probe::WakeUps(_) | Probe::PacedWakeUps(_) | Probe::GracePeriods => {
            case.compare("operations", |run| Some(rate(run)));
            for (name, of) in QUANTILES {
                case.compare(name, |run| run.latency.as_ref().map(of));
            }
        }
    }
    case
}

impl CostCase {
    fn compare(&mut self, name: &'static str, of: impl Fn(&Gauged) -> Option<f64>) {
        let values = |runs: &[Gauged]| runs.iter().map(&of).collect::<Option<Vec<f64>>>();
        if let (Some(on), Some(off)) = (values(&self.poll_source), values(&self.before))
            && let Some(ratio) = stats::ratio(&on, &off)
        {
            self.ratio.insert(name, ratio);
        }
    }

    pub fn runs(&self, variant: Variant) -> &[Gauged] {
        match variant {
            Variant::Before => &self.before,
            _ => &self.poll_source,
        }
    }
}

/// The median of all runs.
pub fn middle(runs: &[Gauged], of: impl Fn(&Gauged) -> f64) -> f64 {
    median(&runs.iter().map(of).collect::<Vec<_>>())
}

pub fn sum(runs: &[Gauged], of: impl Fn(&Gauged) -> f64) -> f64 {
    runs.iter().map(of).sum()
}

/// How much more time its columns have than went by.
pub fn over_ms(run: &Gauged) -> f64 {
    busy_ms(&run.cpu) + run.cpu.idle_ms as f64 - run.elapsed_ns as f64 / 1e6
}

/// Operations a second.
pub fn rate(run: &Gauged) -> f64 {
    run.operations as f64 * 1e9 / run.elapsed_ns as f64
}

pub fn busy_ms(cpu: &CpuTime) -> f64 {
    (cpu.user_ms + cpu.system_ms + cpu.irq_ms + cpu.softirq_ms) as f64
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use guest_protocol::{Load, Segment};

    /// A second, of which handlers take 600 ms.
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

    #[test]
    fn each_probe_has_its_ratios() {
        let mut runs = two_rounds();
        for run in &mut runs {
            if run.segment.variant == Variant::PollSource {
                run.cpu.softirq_ms += 70;
                run.latency.iter_mut().for_each(|all| all.p999_us *= 1.05);
            }
        }
        for case in cases(&runs) {
            let medians: Vec<_> = case.ratio.iter().map(|(&n, r)| (n, r.median)).collect();
            match case.probe {
                Probe::Accounting(_) => assert_eq!(medians, [("busy", 1.1)]),
                _ => assert_eq!(
                    medians,
                    [
                        ("max", 1.0),
                        ("operations", 1.0),
                        ("p50", 1.0),
                        ("p99", 1.0),
                        ("p99.9", 1.05)
                    ]
                ),
            }
        }
    }

    #[test]
    fn runs_without_their_pair_have_no_ratio() {
        let probe = Probe::WakeUps(Load::Blk);
        let lone = [run(1, probe, Variant::Before)];
        assert!(cases(&lone).iter().all(|case| case.ratio.is_empty()));
    }
}
