// SPDX-License-Identifier: GPL-2.0
//! Rules for all results, whoever measured them: they must say which source they are of and how
//! certain they are, their figures must agree, and their texts must be fit for a mail. The cover
//! letter takes no others, and `bench --save` keeps no others. `foreign.rs` has further rules for
//! files from other people's hosts.

use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use fs_err as fs;
use guest_protocol::Form;
use serde_json::Value;
use toolbox::fault;

use crate::field::{printable, within};
use crate::results::{Comparison, Design, Results, Runs, SCHEMA, Samples};
use crate::stats::{self, Ratio};

/// Minimum number of pairs of a ratio: fewer give no useful interval.
pub const FEWEST_PAIRS: u32 = 8;
/// Upper limit of a device's interrupts per operation: a few are usual, never dozens.
const MOST_IRQS: f64 = 16.0;
/// Upper limit of a ratio, and of its inverse: no polling makes a device a hundred times faster, or
/// slower.
const MOST_GAIN: f64 = 100.0;
/// Upper limit of a disk's latency, in us.
const LONGEST_US: u64 = 1_000_000;
/// Upper limit of a sample: operations a second, or bits a second of a stream.
const MOST_RATE: f64 = 1e13;
/// Upper limit of events per operation: a few switches and interrupts are usual, not thousands.
const MOST_EVENTS: f64 = 1e4;
const MOST_INSTRUCTIONS: f64 = 1e9;
/// Upper limit for the time of a few system calls, in ns.
const MOST_PACE_NS: f64 = 1e7;
/// Upper limit of a latency: one minute, in us.
const MOST_US: f64 = 60e6;

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
    environment(&results)?;
    for (index, case) in results.cases.iter().enumerate() {
        let (at, name) = (format!("cases[{index}]"), &case.name);
        ensure!(
            results.cases[..index].iter().all(|it| it.name != *name),
            "{at}.name: this case appears twice"
        );
        let kind = results.design(case).filter(|_| is_name(case));
        let kind =
            kind.with_context(|| format!("{at}.name: {name:?} is not the name of a case"))?;
        judge_case(&at, case, kind, results.env.rounds)?;
    }
    Ok(results)
}

fn environment(results: &Results) -> Result<()> {
    let env = &results.env;
    let accel = &env.accel;
    ensure!(
        matches!(accel.as_str(), "kvm" | "tcg"),
        "env.accel: {accel:?} is not kvm or tcg"
    );
    ensure!(*accel == results.accel, "env.accel: differs from `accel`");
    // These texts are shown in tables and mails.
    for (at, text) in [
        ("cpu", &env.cpu),
        ("qemu", &env.qemu),
        ("kernel", &env.kernel),
    ] {
        printable(format_args!("env.{at}"), text, 100)?;
    }
    for (index, warning) in env.warnings.iter().enumerate() {
        printable(format_args!("env.warnings[{index}]"), warning, 300)?;
    }
    if let Some(scale) = &env.scale {
        for (at, pace) in [("native", scale.native), ("guest", scale.guest)] {
            for (name, ns) in [("pipe_ns", pace.pipe_ns), ("switch_ns", pace.switch_ns)] {
                within(format_args!("env.scale.{at}.{name}"), ns, 1.0, MOST_PACE_NS)?;
            }
        }
    }
    within("env.host_cpus", env.host_cpus as f64, 1.0, 65_536.0)?;
    within("env.rounds", f64::from(env.rounds), 1.0, 1e4)?;
    within("env.seconds", env.seconds, 0.1, 600.0)
}

/// Whether the case has a name that `bench` gives to cases.
fn is_name(case: &Comparison) -> bool {
    let is_disk = case.disk().is_some_and(|(_, us)| us <= LONGEST_US);
    is_disk || case.exchange().is_some()
}

fn judge_case(at: &str, case: &Comparison, kind: &Design, rounds: u32) -> Result<()> {
    for variant in kind.variants {
        let at = format!("{at}.variants.{variant}");
        match case.variants.get(&variant) {
            Some(Runs::Samples(samples)) => judge_samples(&at, samples, rounds)?,
            Some(Runs::Not { not_measured }) => {
                let at = format!("{at}.not_measured");
                ensure!(
                    variant == kind.peer(),
                    "{at}: this variant must be measured"
                );
                printable(at, not_measured, 200)?;
            }
            None => bail!("{at}: missing"),
        }
    }
    if let Some(other) = case.variants.keys().find(|it| !kind.variants.contains(it)) {
        bail!("{at}.variants.{other}: unexpected variant");
    }
    for (name, over, under) in kind.ratios {
        if let (Some(over), Some(under)) = (case.samples(over), case.samples(under)) {
            let at = format!("{at}.ratio.{name}");
            let ratio = case.ratio.get(name);
            let ratio = ratio.with_context(|| format!("{at}: missing"))?;
            judge_ratio(&at, ratio, &over.samples, &under.samples)?;
        }
    }
    Ok(())
}

fn judge_samples(at: &str, samples: &Samples, rounds: u32) -> Result<()> {
    let count = samples.samples.len();
    ensure!(
        count == rounds as usize,
        "{at}.samples: {count} samples for {rounds} rounds"
    );
    let irqs = samples.irqs_per_op;
    within(format_args!("{at}.irqs_per_op"), irqs, 0.0, MOST_IRQS)?;
    for (index, &sample) in samples.samples.iter().enumerate() {
        let at = format_args!("{at}.samples[{index}]");
        within(at, sample, 1e-3, MOST_RATE)?;
    }
    if let Some(latency) = &samples.latency_us {
        let at = format!("{at}.latency_us");
        let pairs = latency.p50.iter().zip(&latency.p99);
        for (index, (&p50, &p99)) in pairs.enumerate() {
            within(format_args!("{at}.p50[{index}]"), p50, 0.0, p99)?;
            within(format_args!("{at}.p99[{index}]"), p99, 0.0, MOST_US)?;
        }
        ensure!(
            latency.p50.len() == count && latency.p99.len() == count,
            "{at}: needs one p50 and one p99 for each round"
        );
    }
    if let Some(events) = samples.events_per_op {
        let if_counted = |count: Option<f64>| count.unwrap_or(0.0);
        let (notifications, instructions) = (events.notifications, events.instructions);
        for (name, count, most) in [
            ("halts", if_counted(events.halts), MOST_EVENTS),
            ("timers", events.timers, MOST_EVENTS),
            ("ipis", events.ipis, MOST_EVENTS),
            ("context_switches", events.context_switches, MOST_EVENTS),
            ("notifications", if_counted(notifications), MOST_EVENTS),
            ("instructions", if_counted(instructions), MOST_INSTRUCTIONS),
        ] {
            within(format_args!("{at}.events_per_op.{name}"), count, 0.0, most)?;
        }
    }
    Ok(())
}

/// Fails if a ratio is uncertain, or is not that of its samples. Its interval is drawn at random,
/// so another build may have another one; but it cannot be wider than the range of the pairs.
fn judge_ratio(at: &str, ratio: &Ratio, over: &[f64], under: &[f64]) -> Result<()> {
    let &Ratio { median, lo, hi, .. } = ratio;
    for (name, value) in [("median", median), ("lo", lo), ("hi", hi)] {
        let at = format_args!("{at}.{name}");
        within(at, value, 1.0 / MOST_GAIN, MOST_GAIN)?;
    }
    ensure!(
        lo <= median && median <= hi,
        "{at}.median: {median} is not in [{lo}, {hi}]"
    );
    let (pairs, count) = (ratio.pairs, over.len());
    ensure!(
        pairs >= FEWEST_PAIRS as usize,
        "{at}.pairs: {pairs} are too few for an interval: at least {FEWEST_PAIRS} are needed"
    );
    ensure!(pairs == count, "{at}.pairs: {pairs}, but {count} samples");
    let of_pairs: Vec<f64> = over.iter().zip(under).map(|(o, u)| o / u).collect();
    let own = stats::median(&of_pairs);
    ensure!(
        (own - median).abs() <= 1e-6 * own,
        "{at}.median: {median}, but the samples give {own}"
    );
    let least = of_pairs.iter().copied().fold(f64::INFINITY, f64::min);
    let most = of_pairs.iter().copied().fold(0.0, f64::max);
    ensure!(
        lo >= least * (1.0 - 1e-6) && hi <= most * (1.0 + 1e-6),
        "{at}.lo: [{lo}, {hi}] is wider than the range of the pairs, {least} to {most}"
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
