// SPDX-License-Identifier: GPL-2.0
//! results.json: what every benchmark makes of its timed runs, whatever device it measures. How
//! the runs become cases is in `blk/cases.rs` and `net/cases.rs`.

use std::collections::BTreeMap;

use guest_protocol::{CpuTime, Variant};
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
    /// Lines about floors that were not reached.
    pub missed: Vec<String>,
}

/// One workload, in all variants.
#[derive(Clone, Debug, Serialize)]
pub struct Case {
    pub name: String,
    pub unit: &'static str,
    pub variants: BTreeMap<Variant, Outcome>,
    pub ratio: BTreeMap<&'static str, Ratio>,
    #[serde(skip)]
    pub kind: &'static Kind,
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
    /// An operation of a network card is a packet that it received.
    pub irqs_per_op: f64,
    /// Of those, what told that a packet had been sent. A disk has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tx_irqs_per_op: Option<f64>,
    /// By round; of what has a latency to be measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latency_us: Option<LatencySamples>,
    /// Of the processors that take part.
    pub cpu_percent: CpuPercent,
    /// QEMU's processor time in percent of one processor, where what waiting costs is asked for: the
    /// mean of the runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub qemu_percent: Option<f64>,
}

#[derive(Clone, Debug, Serialize)]
pub struct LatencySamples {
    pub p50: Vec<f64>,
    pub p99: Vec<f64>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct CpuPercent {
    pub idle: f64,
    pub irq: f64,
    pub softirq: f64,
    pub system: f64,
    pub user: f64,
}

/// What one kind of device is measured in, and which ratios are made of that: name, what is
/// divided, by what.
#[derive(Debug, PartialEq)]
pub struct Kind {
    pub variants: [Variant; 3],
    pub ratios: [(&'static str, Variant, Variant); 3],
}

/// Any device where the feature is a module.
pub const MODULE: Kind = Kind {
    variants: Variant::MODULE,
    ratios: [
        ("poll_source", Variant::PollSource, Variant::Before),
        ("as_it_comes", Variant::AsItComes, Variant::Before),
        (
            "poll_source_vs_as_it_comes",
            Variant::PollSource,
            Variant::AsItComes,
        ),
    ],
};

impl Kind {
    /// What was measured in these variants: `usual`, or the module.
    pub fn of(mut variants: impl Iterator<Item = Variant>, usual: &'static Kind) -> &'static Kind {
        match variants.any(|variant| variant == Variant::AsItComes) {
            true => &MODULE,
            false => usual,
        }
    }

    pub fn is_module(&self) -> bool {
        *self == MODULE
    }
}

/// The mean of what is there.
pub fn mean(values: impl Iterator<Item = Option<f64>>) -> Option<f64> {
    let values: Vec<f64> = values.flatten().collect();
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

impl Case {
    pub fn new(
        name: String,
        unit: &'static str,
        variants: BTreeMap<Variant, Outcome>,
        kind: &'static Kind,
    ) -> Case {
        let mut case = Case {
            name,
            unit,
            variants,
            ratio: BTreeMap::new(),
            kind,
        };
        for (name, over, under) in kind.ratios {
            if let (Some(over), Some(under)) = (case.samples(over), case.samples(under))
                && let Some(ratio) = stats::ratio(&over.samples, &under.samples)
            {
                case.ratio.insert(name, ratio);
            }
        }
        case
    }

    pub fn samples(&self, variant: Variant) -> Option<&Samples> {
        match self.variants.get(&variant) {
            Some(Outcome::Samples(samples)) => Some(samples),
            _ => None,
        }
    }
}

impl CpuPercent {
    pub fn of(times: impl Iterator<Item = CpuTime> + Clone) -> CpuPercent {
        let sum = |of: fn(&CpuTime) -> u64| times.clone().map(|time| of(&time)).sum::<u64>() as f64;
        let columns = [
            sum(|time| time.idle_ms),
            sum(|time| time.irq_ms),
            sum(|time| time.softirq_ms),
            sum(|time| time.system_ms),
            sum(|time| time.user_ms),
        ];
        let all: f64 = columns.iter().sum();
        let [idle, irq, softirq, system, user] =
            columns.map(|column| 100.0 * column / all.max(1.0));
        CpuPercent {
            idle,
            irq,
            softirq,
            system,
            user,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processor_time_is_in_percent_of_itself() {
        let time = |idle_ms, user_ms| CpuTime {
            idle_ms,
            user_ms,
            irq_ms: 50,
            ..CpuTime::default()
        };
        let cpu = CpuPercent::of([time(300, 0), time(200, 400)].into_iter());
        assert_eq!((cpu.idle, cpu.irq, cpu.user), (50.0, 10.0, 40.0));
        assert_eq!(CpuPercent::of([].into_iter()), CpuPercent::default());
    }

    #[test]
    fn latency_is_there_where_it_was_measured() {
        let samples = |latency_us| Samples {
            samples: vec![1.0],
            irqs_per_op: 0.5,
            tx_irqs_per_op: None,
            latency_us,
            cpu_percent: CpuPercent::default(),
            qemu_percent: None,
        };
        let json = serde_json::to_value(samples(None)).unwrap();
        assert!(json.get("latency_us").is_none());
        let latency = LatencySamples {
            p50: vec![180.0],
            p99: vec![400.0],
        };
        let json = serde_json::to_value(samples(Some(latency))).unwrap();
        assert_eq!(json["latency_us"]["p99"][0], 400.0);
    }
}
