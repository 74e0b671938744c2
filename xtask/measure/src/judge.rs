// SPDX-License-Identifier: GPL-2.0
//! Rules for all results, whoever measured them: they must say which source they are of, and how
//! certain they are. The cover letter takes no others, and `bench --save` keeps no others.
//! `foreign.rs` has further rules for files from other people's hosts.

use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use fs_err as fs;
use guest_protocol::Form;
use serde_json::Value;
use toolbox::fault;

use crate::field::within;
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

pub fn parse(text: &str) -> Result<Results> {
    results(of_schema(text)?)
}

/// Parses JSON. Fails if its schema is not the known one.
pub fn of_schema(text: &str) -> Result<Value> {
    let value: Value = serde_json::from_str(text)?;
    match value.get("schema").and_then(Value::as_u64) {
        Some(schema) if schema == u64::from(SCHEMA) => Ok(value),
        Some(schema) => bail!("schema: {schema} is not {SCHEMA}"),
        None => bail!("schema: missing or not a number"),
    }
}

/// Judges the JSON that [`of_schema`] returned.
pub fn results(value: Value) -> Result<Results> {
    let results: Results = serde_json::from_value(value)?;
    // Results of the module may lack its tree: saved ones are older than the field.
    ensure!(
        results.form() == Form::Module || results.tree.is_some(),
        "tree: missing: the kernel was not built from the series"
    );
    ensure!(!results.cases.is_empty(), "cases: nothing was measured");
    for (index, case) in results.cases.iter().enumerate() {
        let (at, name) = (format!("cases[{index}]"), &case.name);
        ensure!(
            results.cases[..index].iter().all(|it| it.name != *name),
            "{at}.name: this case appears twice"
        );
        let kind = results.design(case).filter(|_| is_name(case));
        let kind =
            kind.with_context(|| format!("{at}.name: {name:?} is not the name of a case"))?;
        judge_case(&at, case, kind)?;
    }
    Ok(results)
}

/// Whether the case has a name that `bench` gives to cases.
fn is_name(case: &Comparison) -> bool {
    let is_disk = case.disk().is_some_and(|(_, us)| us <= LONGEST_US);
    is_disk || case.exchange().is_some()
}

fn judge_case(at: &str, case: &Comparison, kind: &Design) -> Result<()> {
    for variant in kind.variants {
        let at = format!("{at}.variants.{variant}");
        match case.variants.get(&variant) {
            Some(Runs::Samples(samples)) => {
                let irqs = samples.irqs_per_op;
                within(format_args!("{at}.irqs_per_op"), irqs, 0.0, MOST_IRQS)?;
            }
            Some(Runs::Not { .. }) => ensure!(
                variant == kind.peer(),
                "{at}.not_measured: this variant must be measured"
            ),
            None => bail!("{at}: missing"),
        }
    }
    if let Some(other) = case.variants.keys().find(|it| !kind.variants.contains(it)) {
        bail!("{at}.variants.{other}: unexpected variant");
    }
    for (name, over, under) in kind.ratios {
        if case.samples(over).is_some() && case.samples(under).is_some() {
            let at = format!("{at}.ratio.{name}");
            let ratio = case.ratio.get(name);
            judge_ratio(&at, ratio.with_context(|| format!("{at}: missing"))?)?;
        }
    }
    Ok(())
}

fn judge_ratio(at: &str, ratio: &Ratio) -> Result<()> {
    let &Ratio { median, lo, hi, .. } = ratio;
    for (name, value) in [("median", median), ("lo", lo), ("hi", hi)] {
        within(
            format_args!("{at}.{name}"),
            value,
            1.0 / MOST_GAIN,
            MOST_GAIN,
        )?;
    }
    ensure!(
        lo <= median && median <= hi,
        "{at}.median: {median} is not in [{lo}, {hi}]"
    );
    let pairs = ratio.pairs;
    ensure!(
        pairs >= FEWEST_PAIRS as usize,
        "{at}.pairs: {pairs} are too few for an interval: at least {FEWEST_PAIRS} are needed"
    );
    Ok(())
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
