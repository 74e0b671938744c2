// SPDX-License-Identifier: GPL-2.0
//! Rules for all results, whoever measured them: they must say which source they are of, and how
//! certain they are. The cover letter takes no others, and `bench --save` keeps no others.
//! `foreign.rs` has further rules for files from other people's hosts.

use std::path::Path;

use anyhow::Result;
use fs_err as fs;
use guest_protocol::Form;
use serde_json::Value;
use toolbox::fault;

use crate::field::{OddField, refuse, within};
use crate::results::{Comparison, Design, Results, Runs, SCHEMA};
use crate::stats::Ratio;

/// Minimum number of pairs of a ratio: fewer give no useful interval.
pub const FEWEST_PAIRS: u32 = 8;
/// Upper limit of a device's interrupts per operation: a few are usual, never dozens.
const MOST_IRQS: f64 = 16.0;
/// Upper limit of a ratio, and of its inverse: no polling makes a device a hundred times faster, or
/// slower.
const MOST_GAIN: f64 = 100.0;
/// Upper limit of a disk's latency, in us.
const LONGEST_US: u64 = 1_000_000;

/// Reads a results.json, and refuses one that breaks these rules.
pub fn read(path: &Path) -> Result<Results> {
    let text = fs::read_to_string(path)?;
    parse(&text).map_err(|refused| fault::usage(format!("{}: {refused}", path.display())))
}

/// Fails if results must not be saved, because the cover letter would refuse them.
pub fn check(json: &str) -> Result<()> {
    parse(json)
        .map(drop)
        .map_err(|refused| fault::test_failed(format!("the results cannot be saved: {refused}")))
}

pub fn parse(text: &str) -> Result<Results, OddField> {
    results(of_schema(text)?)
}

/// Parses JSON. Fails if its schema is not the known one.
pub fn of_schema(text: &str) -> Result<Value, OddField> {
    let value: Value = serde_json::from_str(text).map_err(|err| refuse("", err))?;
    match value.get("schema").and_then(Value::as_u64) {
        Some(schema) if schema == u64::from(SCHEMA) => Ok(value),
        Some(schema) => Err(refuse("schema", format!("{schema} is not {SCHEMA}"))),
        None => Err(refuse("schema", "missing or not a number")),
    }
}

/// Judges the JSON that [`of_schema`] returned.
pub fn results(value: Value) -> Result<Results, OddField> {
    let results: Results = serde_json::from_value(value).map_err(|err| refuse("", err))?;
    // Results of the module may lack its tree: saved ones are older than the field.
    if results.form() == Form::Series && results.tree.is_none() {
        return Err(refuse(
            "tree",
            "missing: the kernel was not built from the series",
        ));
    }
    if results.cases.is_empty() {
        return Err(refuse("cases", "nothing was measured"));
    }
    for (index, case) in results.cases.iter().enumerate() {
        let at = format!("cases[{index}]");
        if results.cases[..index].iter().any(|it| it.name == case.name) {
            return Err(refuse(&format!("{at}.name"), "this case appears twice"));
        }
        let kind = results.design(case).filter(|_| is_name(case));
        kind.ok_or_else(|| refuse("name", format!("{:?} is not the name of a case", case.name)))
            .and_then(|kind| judge_case(case, kind))
            .map_err(|refused| refused.inside(&at))?;
    }
    Ok(results)
}

/// Whether the case has a name that `bench` gives to cases.
fn is_name(case: &Comparison) -> bool {
    let is_disk = case.disk().is_some_and(|(_, us)| us <= LONGEST_US);
    is_disk || case.exchange().is_some()
}

fn judge_case(case: &Comparison, kind: &Design) -> Result<(), OddField> {
    for variant in kind.variants {
        let judged = match case.variants.get(&variant) {
            Some(Runs::Samples(samples)) => {
                within("irqs_per_op", samples.irqs_per_op, 0.0, MOST_IRQS)
            }
            Some(Runs::Not { .. }) if variant == kind.peer() => Ok(()),
            Some(Runs::Not { .. }) => Err(refuse("not_measured", "this variant must be measured")),
            None => Err(refuse("", "missing")),
        };
        judged.map_err(|refused| refused.inside(&format!("variants.{variant}")))?;
    }
    if let Some(other) = case.variants.keys().find(|it| !kind.variants.contains(it)) {
        return Err(refuse(&format!("variants.{other}"), "unexpected variant"));
    }
    for (name, over, under) in kind.ratios {
        if case.samples(over).is_some() && case.samples(under).is_some() {
            let ratio = case.ratio.get(name);
            ratio
                .ok_or_else(|| refuse("", "missing"))
                .and_then(judge_ratio)
                .map_err(|refused| refused.inside(&format!("ratio.{name}")))?;
        }
    }
    Ok(())
}

fn judge_ratio(ratio: &Ratio) -> Result<(), OddField> {
    let &Ratio {
        median,
        lo,
        hi,
        pairs,
    } = ratio;
    for (at, value) in [("median", median), ("lo", lo), ("hi", hi)] {
        within(at, value, 1.0 / MOST_GAIN, MOST_GAIN)?;
    }
    if !(lo <= median && median <= hi) {
        return Err(refuse("median", format!("{median} is not in [{lo}, {hi}]")));
    }
    match pairs < FEWEST_PAIRS as usize {
        true => Err(refuse(
            "pairs",
            format!("{pairs} are too few for an interval: at least {FEWEST_PAIRS} are needed"),
        )),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;
    use serde_json::json;

    #[test]
    fn what_is_read_is_what_was_written() {
        let written = sample::results();
        let read = parse(&written.to_string()).unwrap();
        assert_eq!(serde_json::to_value(read).unwrap(), written);
    }

    /// Such results were saved before the module's source had a field.
    #[test]
    fn only_the_modules_results_may_lack_a_tree() {
        let mut report = sample::of_module(sample::results());
        report["module"].take();
        parse(&report.to_string()).unwrap();
        let ratio = report["cases"][0]["ratio"].as_object_mut().unwrap();
        ratio.remove("as_it_comes");
        let refused = parse(&report.to_string()).unwrap_err().to_string();
        assert!(refused.contains("ratio.as_it_comes: missing"), "{refused}");
    }

    #[test]
    fn a_peer_may_be_not_measured_if_that_is_said() {
        let mut report = sample::results();
        let ratio = report["cases"][0]["ratio"].as_object_mut().unwrap();
        ratio.remove("io_poll");
        report["cases"][0]["variants"]["io_poll"] =
            json!({"not_measured": "the queue says io_poll=0"});
        parse(&report.to_string()).unwrap();
    }
}
