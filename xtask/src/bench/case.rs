// SPDX-License-Identifier: GPL-2.0
//! From timed runs to cases, and results.json. How cases look to a person is in `table.rs` and
//! `plot.rs`.

use std::collections::BTreeMap;

use guest_init::{CpuTime, Measured, Variant, Workload};
use serde::Serialize;
use serde_json::Value;

use super::stats::{self, Ratio};

/// The file as a whole.
#[derive(Serialize)]
pub struct Results {
    pub schema: u32,
    /// The kernel's version.
    pub base: String,
    /// git tree hash of the series that was built; null for a kernel given as a file.
    pub tree: Option<String>,
    pub accel: &'static str,
    pub env: Value,
    pub cases: Vec<Case>,
}

/// One workload at one device latency.
#[derive(Clone, Debug, Serialize)]
pub struct Case {
    pub name: String,
    pub unit: &'static str,
    pub variants: BTreeMap<Variant, Outcome>,
    pub ratio: BTreeMap<&'static str, Ratio>,
    #[serde(skip)]
    pub workload: Workload,
    #[serde(skip)]
    pub latency_us: u64,
}

#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub enum Outcome {
    Samples(Samples),
    /// The runs were not what their name says.
    Not {
        not_measured: String,
    },
}

#[derive(Clone, Debug, Serialize)]
pub struct Samples {
    /// By round.
    pub samples: Vec<f64>,
    pub irqs_per_op: f64,
    /// Of the jobs' processors.
    pub cpu_percent: CpuPercent,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct CpuPercent {
    pub idle: f64,
    pub irq: f64,
    pub softirq: f64,
    pub system: f64,
    pub user: f64,
}

/// The ratios and what is divided by what.
pub const RATIOS: [(&str, Variant, Variant); 3] = [
    ("poll_source", Variant::PollSource, Variant::Before),
    ("io_poll", Variant::IoPoll, Variant::Before),
    (
        "poll_source_vs_io_poll",
        Variant::PollSource,
        Variant::IoPoll,
    ),
];

impl Case {
    pub fn samples(&self, variant: Variant) -> Option<&Samples> {
        match self.variants.get(&variant) {
            Some(Outcome::Samples(samples)) => Some(samples),
            _ => None,
        }
    }
}

/// All cases of one boot.
pub fn cases(latency_us: u64, measured: &[Measured]) -> Vec<Case> {
    let of_workload = |workload| {
        let mut runs: BTreeMap<Variant, Vec<&Measured>> = BTreeMap::new();
        for run in measured {
            if run.segment.workload == workload {
                runs.entry(run.segment.variant).or_default().push(run);
            }
        }
        case(workload, latency_us, runs)
    };
    Workload::ALL.map(of_workload).to_vec()
}

fn case(workload: Workload, latency_us: u64, runs: BTreeMap<Variant, Vec<&Measured>>) -> Case {
    let variants: BTreeMap<Variant, Outcome> = runs
        .into_iter()
        .map(|(variant, runs)| (variant, outcome(variant, runs)))
        .collect();
    let mut case = Case {
        name: format!("blk/{workload}@{latency_us}us"),
        unit: "iops",
        variants,
        ratio: BTreeMap::new(),
        workload,
        latency_us,
    };
    for (name, over, under) in RATIOS {
        if let (Some(over), Some(under)) = (case.samples(over), case.samples(under))
            && let Some(ratio) = stats::ratio(&over.samples, &under.samples)
        {
            case.ratio.insert(name, ratio);
        }
    }
    case
}

fn outcome(variant: Variant, mut runs: Vec<&Measured>) -> Outcome {
    if variant == Variant::IoPoll
        && let Some(not_measured) = not_polled(&runs)
    {
        return Outcome::Not { not_measured };
    }
    runs.sort_by_key(|run| run.segment.round);
    let sum = |of: fn(&Measured) -> u64| runs.iter().map(|run| of(run)).sum::<u64>() as f64;
    Outcome::Samples(Samples {
        samples: runs.iter().map(|run| run.iops()).collect(),
        irqs_per_op: sum(|run| run.interrupts) / sum(|run| run.ios),
        cpu_percent: cpu_percent(&runs),
    })
}

/// A number is called io_poll only where the queue polls and no interrupt came.
fn not_polled(runs: &[&Measured]) -> Option<String> {
    if runs.iter().any(|run| !run.queue_polls) {
        return Some("the queue says io_poll=0".into());
    }
    let interrupts: u64 = runs.iter().map(|run| run.interrupts).sum();
    (interrupts > 0).then(|| format!("{interrupts} interrupts came while the queue was polled"))
}

fn cpu_percent(runs: &[&Measured]) -> CpuPercent {
    let sum =
        |of: fn(&CpuTime) -> u64| runs.iter().map(|run| of(&run.job_cpus)).sum::<u64>() as f64;
    let columns = [
        sum(|time| time.idle_ms),
        sum(|time| time.irq_ms),
        sum(|time| time.softirq_ms),
        sum(|time| time.system_ms),
        sum(|time| time.user_ms),
    ];
    let all: f64 = columns.iter().sum();
    let [idle, irq, softirq, system, user] = columns.map(|column| 100.0 * column / all.max(1.0));
    CpuPercent {
        idle,
        irq,
        softirq,
        system,
        user,
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use guest_init::Segment;

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
            job_cpus: CpuTime {
                user_ms: 100,
                system_ms: 300,
                idle_ms: 500,
                irq_ms: 100,
                softirq_ms: 0,
            },
            all_cpus: CpuTime::default(),
        }
    }

    /// Two rounds in which polling gains a fifth, and half of the interrupts' polling is io_poll's.
    pub fn two_rounds() -> Vec<Measured> {
        vec![
            run(2, Variant::PollSource, 2400, 48),
            run(2, Variant::Before, 2000, 2000),
            run(2, Variant::IoPoll, 3000, 0),
            run(1, Variant::Before, 1000, 1000),
            run(1, Variant::IoPoll, 1500, 0),
            run(1, Variant::PollSource, 1200, 24),
        ]
    }

    #[test]
    fn rounds_are_paired_whatever_their_order() {
        let case = &cases(100, &two_rounds())[0];
        assert_eq!(case.name, "blk/randread@100us");
        assert_eq!(
            case.samples(Variant::Before).unwrap().samples,
            [1000.0, 2000.0]
        );
        assert_eq!(case.ratio["poll_source"].median, 1.2);
        assert_eq!(case.ratio["io_poll"].median, 1.5);
        assert_eq!(case.ratio["poll_source_vs_io_poll"].median, 0.8);
        assert_eq!(case.samples(Variant::PollSource).unwrap().irqs_per_op, 0.02);
    }

    #[test]
    fn processor_time_is_in_percent_of_itself() {
        let case = &cases(100, &two_rounds())[0];
        let cpu = case.samples(Variant::Before).unwrap().cpu_percent;
        assert_eq!((cpu.idle, cpu.irq, cpu.system), (50.0, 10.0, 30.0));
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

    #[test]
    fn a_lost_run_leaves_no_ratio() {
        let mut runs = two_rounds();
        runs.pop();
        let case = &cases(100, &runs)[0];
        assert!(!case.ratio.contains_key("poll_source"));
        assert!(case.ratio.contains_key("io_poll"));
    }

    #[test]
    fn the_schema_is_the_agreed_one() {
        let results = Results {
            schema: 1,
            base: "7.3.4".into(),
            tree: Some("abc".into()),
            accel: "tcg",
            env: Value::Null,
            cases: cases(100, &two_rounds()),
        };
        let json = serde_json::to_value(&results).unwrap();
        let case = &json["cases"][0];
        assert_eq!(json["schema"], 1);
        assert_eq!(case["unit"], "iops");
        assert_eq!(case["variants"]["before"]["samples"][1], 2000.0);
        assert_eq!(case["variants"]["before"]["irqs_per_op"], 1.0);
        assert_eq!(case["ratio"]["poll_source"]["pairs"], 2);
        assert_eq!(case["ratio"]["poll_source"]["lo"], 1.2);
    }
}
