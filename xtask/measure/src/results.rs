// SPDX-License-Identifier: GPL-2.0
//! The types of results.json, which every benchmark makes from its timed runs, whatever device it
//! measures. `bench` writes the file; the cover letter and the plots read it. `lab` turns runs into
//! cases, and [`crate::judge`] checks that results say how certain they are.

use std::collections::{BTreeMap, BTreeSet};

use guest_protocol::{Exchange, Variant, Workload};
use serde::{Deserialize, Serialize};

use crate::environment::Environment;
use crate::events::EventsPerOp;
use crate::stats::{self, Ratio};

pub const SCHEMA: u32 = 1;

/// The whole file.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Results {
    pub schema: u32,
    /// The kernel's version.
    pub base: String,
    /// git tree hash of the kernel's source; null for a distribution's kernel or a file.
    pub tree: Option<String>,
    /// git tree hash of the module's source, if the feature is a module.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub module: Option<String>,
    pub accel: String,
    pub env: Environment,
    pub cases: Vec<Comparison>,
    /// Lines about floors that were not reached or could not be checked.
    #[serde(default)]
    pub missed: Vec<String>,
}

/// One workload, in all variants.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Comparison {
    /// The device and its workload: "blk/randread@100us".
    pub name: String,
    pub unit: String,
    pub variants: BTreeMap<Variant, Runs>,
    pub ratio: BTreeMap<String, Ratio>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Runs {
    Samples(Samples),
    /// The runs did not do what the variant's name says; `not_measured` is the reason.
    Not {
        not_measured: String,
    },
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Samples {
    /// One sample for each round.
    pub samples: Vec<f64>,
    /// Interrupts per operation. An operation of a network card is a packet that it received.
    #[serde(default = "stats::nan", deserialize_with = "stats::or_nan")]
    pub irqs_per_op: f64,
    /// Latencies for each round, if the workload has a latency to measure.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latency_us: Option<LatencySamples>,
    /// How often other events happened per operation; missing in older files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub events_per_op: Option<EventsPerOp>,
    /// QEMU's CPU time in percent of one CPU, the mean of the runs. Only if the cost of waiting is
    /// wanted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub qemu_percent: Option<f64>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LatencySamples {
    pub p50: Vec<f64>,
    pub p99: Vec<f64>,
}

/// The variants in which one kind of device is measured, and the ratios between them: name,
/// numerator, denominator.
#[derive(Debug, PartialEq)]
pub struct Design {
    pub variants: [Variant; 3],
    pub ratios: [(&'static str, Variant, Variant); 3],
}

pub const BLK: Design = Design::new(Variant::BLK, "io_poll", "poll_source_vs_io_poll");
pub const NET: Design = Design::new(Variant::NET, "busy_poll", "poll_source_vs_busy_poll");
/// The design of any device if the feature is a module.
pub const MODULE: Design =
    Design::new(Variant::MODULE, "as_it_comes", "poll_source_vs_as_it_comes");

impl Design {
    /// Compares the second and the third variant with the first, and the second with the third. The
    /// names are those of the last two ratios.
    const fn new(variants: [Variant; 3], of_peer: &'static str, to_peer: &'static str) -> Design {
        let [before, polled, peer] = variants;
        Design {
            variants,
            ratios: [
                ("poll_source", polled, before),
                (of_peer, peer, before),
                (to_peer, polled, peer),
            ],
        }
    }

    /// Returns the design of a device, "blk" or "net", if the feature is a part of the kernel.
    pub fn of_device(name: &str) -> Option<&'static Design> {
        match name {
            "blk" => Some(&BLK),
            "net" => Some(&NET),
            _ => None,
        }
    }

    /// Returns the design that these variants belong to: `usual`, or the module's.
    pub fn of(
        mut variants: impl Iterator<Item = Variant>,
        usual: &'static Design,
    ) -> &'static Design {
        match variants.any(|variant| variant == Variant::AsItComes) {
            true => &MODULE,
            false => usual,
        }
    }

    /// Returns the design of cases that were measured together.
    pub fn of_cases<'a>(
        cases: impl Iterator<Item = &'a Comparison>,
        usual: &'static Design,
    ) -> &'static Design {
        Design::of(cases.flat_map(|case| case.variants.keys().copied()), usual)
    }

    pub fn is_module(&self) -> bool {
        *self == MODULE
    }

    /// Returns the variant that poll_source is compared with, besides the same wait without
    /// polling.
    pub fn peer(&self) -> Variant {
        self.variants[2]
    }
}

/// Returns the mean of the values that are present. None if there are none.
pub fn mean(values: impl Iterator<Item = Option<f64>>) -> Option<f64> {
    let values: Vec<f64> = values.flatten().collect();
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

impl Comparison {
    pub fn new(
        name: String,
        unit: &str,
        variants: BTreeMap<Variant, Runs>,
        ratios: &[(&str, Variant, Variant)],
    ) -> Comparison {
        let mut case = Comparison {
            name,
            unit: unit.to_owned(),
            variants,
            ratio: BTreeMap::new(),
        };
        for &(name, over, under) in ratios {
            if let (Some(over), Some(under)) = (case.samples(over), case.samples(under))
                && let Some(ratio) = stats::ratio(&over.samples, &under.samples)
            {
                case.ratio.insert(name.to_owned(), ratio);
            }
        }
        case
    }

    /// Compares the variants of one workload of a disk, at one device latency.
    pub fn of_disk(
        workload: Workload,
        latency_us: u64,
        outcomes: BTreeMap<Variant, Runs>,
        kind: &Design,
    ) -> Comparison {
        let name = format!("blk/{workload}@{latency_us}us");
        Comparison::new(name, "iops", outcomes, &kind.ratios)
    }

    /// Compares the variants of one exchange over a network card.
    pub fn of_card(
        exchange: Exchange,
        outcomes: BTreeMap<Variant, Runs>,
        kind: &Design,
    ) -> Comparison {
        let unit = match exchange.is_request_response() {
            true => "round trips/s",
            false => "bit/s",
        };
        Comparison::new(format!("net/{exchange}"), unit, outcomes, &kind.ratios)
    }

    /// Returns the workload, and the device's latency in us. None if the case is not a disk's.
    pub fn disk(&self) -> Option<(Workload, u64)> {
        let (workload, latency) = self.name.strip_prefix("blk/")?.split_once('@')?;
        let workload = Workload::ALL.iter().find(|it| it.name() == workload)?;
        Some((*workload, latency.strip_suffix("us")?.parse().ok()?))
    }

    /// Returns the exchange. None if the case is not a network card's.
    pub fn exchange(&self) -> Option<Exchange> {
        let exchange = self.name.strip_prefix("net/")?;
        Exchange::ALL
            .iter()
            .copied()
            .find(|it| it.name() == exchange)
    }

    /// Returns the name of the device: "blk" of "blk/randread@0us".
    pub fn device(&self) -> &str {
        self.name.split('/').next().unwrap_or_default()
    }

    pub fn samples(&self, variant: Variant) -> Option<&Samples> {
        match self.variants.get(&variant) {
            Some(Runs::Samples(samples)) => Some(samples),
            _ => None,
        }
    }

    /// Returns the interrupts per operation without and with polling: "1.000 -> 0.012".
    pub fn interrupts(&self) -> String {
        let [before, polled] = [Variant::Before, Variant::PollSource].map(|variant| {
            self.samples(variant)
                .map_or("-".into(), |samples| format!("{:.3}", samples.irqs_per_op))
        });
        format!("{before} -> {polled}")
    }
}

/// Returns the latencies of the disks among the cases, in us: each once, the shortest first.
pub fn latencies<'a>(cases: impl IntoIterator<Item = &'a Comparison>) -> Vec<u64> {
    let disks = cases.into_iter().filter_map(Comparison::disk);
    let latencies: BTreeSet<u64> = disks.map(|(_, latency_us)| latency_us).collect();
    latencies.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_case_is_known_by_its_name() {
        let disk = Comparison::of_disk(Workload::RandRw, 100, BTreeMap::new(), &BLK);
        assert_eq!(disk.name, "blk/randrw@100us");
        assert_eq!(disk.disk(), Some((Workload::RandRw, 100)));
        let card = Comparison::of_card(Exchange::StreamIn, BTreeMap::new(), &NET);
        assert_eq!(card.exchange(), Some(Exchange::StreamIn));
        assert_eq!((card.disk(), disk.exchange()), (None, None));
        assert_eq!((disk.device(), card.device()), ("blk", "net"));
    }
}
