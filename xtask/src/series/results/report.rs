// SPDX-License-Identifier: GPL-2.0
//! One results.json, and whether it says how sure it is.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use guest_protocol::Shape;
use serde::Deserialize;

use super::{DEVICES, Device};
use crate::fault;

/// Fewer pairs than this give no interval worth its name.
pub const FEWEST_PAIRS: u32 = 8;

/// As much of a results.json (`bench/case.rs`) as the cover letter tells. What
/// may be missing or no number is an Option: `judge` says so in words.
#[derive(Debug, Deserialize)]
pub struct Report {
    pub schema: u32,
    /// git tree hash of the kernel's source.
    pub tree: String,
    pub env: Env,
    pub cases: Vec<Case>,
    /// Lines about floors that were not reached.
    #[serde(default)]
    pub missed: Vec<String>,
}

#[derive(Debug, Deserialize)]
pub struct Env {
    pub cpu: String,
    pub host_cpus: usize,
    pub qemu: String,
    pub kernel: String,
    pub accel: String,
    pub shape: Shape,
    pub seconds: f64,
    pub busy_poll_us: Option<u64>,
    pub halt_poll_ns: Option<u64>,
    pub warnings: Vec<String>,
    pub guest: Guest,
}

#[derive(Debug, Deserialize)]
pub struct Guest {
    pub guest_halt_poll_ns: String,
}

#[derive(Debug, Deserialize)]
pub struct Case {
    pub name: String,
    pub variants: BTreeMap<String, Outcome>,
    pub ratio: BTreeMap<String, Ratio>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub enum Outcome {
    Not {
        not_measured: String,
    },
    Measured {
        irqs_per_op: Option<f64>,
        latency_us: Option<Latency>,
    },
}

#[derive(Debug, Deserialize)]
pub struct Latency {
    pub p50: Vec<f64>,
    pub p99: Vec<f64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Ratio {
    pub median: Option<f64>,
    pub lo: Option<f64>,
    pub hi: Option<f64>,
    pub pairs: Option<u32>,
}

/// Reads a results.json and refuses one that does not say how sure it is.
pub fn read(path: &Path) -> Result<Report> {
    let text = fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
    parse(&text).map_err(|reason| fault::usage(format!("{}: {reason}", path.display())))
}

pub fn parse(text: &str) -> Result<Report, String> {
    let report: Report = serde_json::from_str(text).map_err(|err| err.to_string())?;
    if report.schema != 1 {
        return Err(format!("schema {} is not known", report.schema));
    }
    if report.cases.is_empty() {
        return Err("nothing was measured".into());
    }
    for case in &report.cases {
        case.judge()
            .map_err(|reason| format!("{}: {reason}", case.name))?;
    }
    Ok(report)
}

impl Report {
    pub fn has(&self, device: &Device) -> bool {
        self.of(device).next().is_some()
    }

    pub fn of(&self, device: &Device) -> impl Iterator<Item = &Case> {
        let is_its = |case: &&Case| case.device() == device.name;
        self.cases.iter().filter(is_its)
    }
}

impl Case {
    /// "blk" of "blk/randread@0us".
    fn device(&self) -> &str {
        self.name.split('/').next().unwrap_or_default()
    }

    fn judge(&self) -> Result<(), String> {
        let device = DEVICES
            .iter()
            .find(|device| device.name == self.device())
            .ok_or("not the name of a case")?;
        for variant in ["before", "poll_source"] {
            let irqs = match self.variants.get(variant) {
                Some(Outcome::Measured { irqs_per_op, .. }) => *irqs_per_op,
                _ => return Err(format!("{variant} was not measured")),
            };
            number(irqs, &format!("{variant}: the interrupts"))?;
        }
        for name in ["poll_source", device.peer] {
            match (self.ratio.get(name), self.variants.get(name)) {
                (Some(ratio), _) => ratio.judge(),
                (None, Some(Outcome::Not { .. })) => Ok(()),
                (None, _) => Err("there is no ratio".into()),
            }
            .map_err(|reason: String| format!("{name}: {reason}"))?;
        }
        Ok(())
    }
}

impl Ratio {
    fn judge(&self) -> Result<(), String> {
        let median = number(self.median, "the median")?;
        let lo = number(self.lo, "the interval's lower end")?;
        let hi = number(self.hi, "the interval's upper end")?;
        if !(lo <= median && median <= hi) {
            return Err(format!("{median} is not in its interval [{lo}, {hi}]"));
        }
        match self.pairs {
            None => Err("the number of pairs is missing".into()),
            Some(pairs) if pairs < FEWEST_PAIRS => Err(format!(
                "{pairs} pairs are too few for an interval, {FEWEST_PAIRS} are needed"
            )),
            Some(_) => Ok(()),
        }
    }
}

/// JSON knows no infinity: serde_json writes null for one, and for NaN.
fn number(value: Option<f64>, what: &str) -> Result<f64, String> {
    value
        .filter(|value| value.is_finite() && *value >= 0.0)
        .ok_or_else(|| format!("{what} is missing or not finite"))
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use serde_json::{Value, json};

    pub fn report() -> Value {
        let ratio = |median: f64| json!({"median": median, "lo": 1.0, "hi": 3.5, "pairs": 8});
        let irqs = |irqs: f64| json!({"samples": [1.0], "irqs_per_op": irqs});
        let env = json!({
            "cpu": "Some CPU @ 2.00GHz", "host_cpus": 2, "qemu": "qemu-system-x86_64 10.0.7",
            "kernel": "7.3.4-poll", "accel": "tcg", "shape": "fit", "seconds": 0.7,
            "busy_poll_us": null, "halt_poll_ns": null,
            "warnings": ["others keep 30 % of this host busy: polling takes from them"],
            "guest": {"guest_halt_poll_ns": "2000000"},
        });
        json!({
            "schema": 1, "tree": "1234", "env": env,
            "missed": ["blk/randread@0us: poll_source/before is 1.110, floor 1.20"],
            "cases": [{
                "name": "blk/randread@0us",
                "variants": {
                    "before": irqs(1.0), "poll_source": irqs(0.4091), "io_poll": irqs(0.0),
                },
                "ratio": {"poll_source": ratio(1.11), "io_poll": ratio(3.3)},
            }],
        })
    }

    pub fn parsed(change: impl FnOnce(&mut Value)) -> Report {
        let mut report = report();
        change(&mut report);
        parse(&report.to_string()).unwrap()
    }

    /// With the value at `place` another one; None: gone.
    fn with(place: &str, value: Option<Value>) -> String {
        let mut report = report();
        let (parent, name) = place.rsplit_once('/').unwrap();
        let parent = report.pointer_mut(parent).unwrap().as_object_mut().unwrap();
        match value {
            Some(value) => parent.insert(name.into(), value),
            None => parent.remove(name),
        };
        report.to_string()
    }

    #[test]
    fn results_that_do_not_say_how_sure_they_are_are_refused() {
        parse(&report().to_string()).unwrap();
        let ratio = "/cases/0/ratio/poll_source";
        let at = |name: &str| format!("{ratio}/{name}");
        let before = "/cases/0/variants/before";
        let cases = [
            ("/tree".into(), None, "missing field `tree`"),
            ("/tree".into(), Some(Value::Null), "expected a string"),
            ("/schema".into(), Some(json!(2)), "schema 2"),
            ("/cases".into(), Some(json!([])), "nothing was measured"),
            (
                ratio.into(),
                None,
                "randread@0us: poll_source: there is no ratio",
            ),
            (at("pairs"), None, "pairs is missing"),
            (at("pairs"), Some(json!(7)), "7 pairs are too few"),
            (at("lo"), None, "lower end is missing or not finite"),
            (
                at("hi"),
                Some(Value::Null),
                "upper end is missing or not finite",
            ),
            (
                at("median"),
                Some(json!(f64::NAN)),
                "median is missing or not finite",
            ),
            (at("median"), Some(json!(4.0)), "4 is not in its interval"),
            (
                "/cases/0/ratio/io_poll".into(),
                None,
                "io_poll: there is no ratio",
            ),
            (
                format!("{before}/irqs_per_op"),
                None,
                "before: the interrupts",
            ),
            (before.into(), None, "before was not measured"),
            (
                "/cases/0/name".into(),
                Some(json!("x/y")),
                "not the name of a case",
            ),
        ];
        for (place, value, reason) in cases {
            let refused = parse(&with(&place, value)).expect_err(reason);
            assert!(refused.contains(reason), "{place}: {refused}");
        }
        // An infinity that some other program wrote.
        let infinite = report().to_string().replace("3.5", "1e999");
        assert!(parse(&infinite).unwrap_err().contains("out of range"));
    }

    #[test]
    fn a_peer_may_be_not_measured_if_that_is_said() {
        let not = json!({"not_measured": "the queue says io_poll=0"});
        let mut report: Value =
            serde_json::from_str(&with("/cases/0/ratio/io_poll", None)).unwrap();
        report["cases"][0]["variants"]["io_poll"] = not;
        parse(&report.to_string()).unwrap();
    }
}
