// SPDX-License-Identifier: GPL-2.0
//! Results from hosts that nobody here has seen: judged, not trusted. A file may be broken, edited,
//! made on another tree, or made by somebody who wants his text in a cover letter. What is refused
//! is refused with the field and the reason. What our own results must say is `judge.rs`.

mod field;

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use toolbox::fault;

use crate::environment::Environment;
use crate::judge::FEWEST_PAIRS;
use crate::results::{Comparison, Design, Results, Runs, SCHEMA, Samples};
use crate::stats::{self, Ratio};
use field::{OddField, refuse, within};

/// More than any benchmark writes, and little to read.
const LARGEST_FILE: u64 = 4 << 20;
/// Of a device's interrupts: a few for each operation, never dozens.
const MOST_IRQS: f64 = 16.0;
/// Nobody's polling makes a device a hundred times faster, or slower.
const MOST_GAIN: f64 = 100.0;
/// Operations, or bits of a stream, a second.
const MOST_RATE: f64 = 1e13;
/// An operation is a few switches and interrupts, not thousands.
const MOST_EVENTS: f64 = 1e4;
const MOST_INSTRUCTIONS: f64 = 1e9;
/// Of a few system calls.
const MOST_PACE_NS: f64 = 1e7;
/// A minute.
const MOST_US: f64 = 60e6;
/// What comes of adding and printing percentages.
const ROUNDING: f64 = 0.5;

/// Results, and which host they are of.
#[derive(Debug, Serialize, Deserialize)]
pub struct Foreign {
    /// The name that the file came with.
    pub host: String,
    pub results: Results,
}

/// Several hosts' results of one kernel: what `report` writes and `plot` draws.
#[derive(Debug, Serialize, Deserialize)]
pub struct Hosts {
    pub hosts: Vec<Foreign>,
}

/// A kernel that results may be of: its line, and the git tree hash of its source.
pub type LineTree = (String, String);

/// The results of one host. None of `trees`: of any tree.
pub fn read(path: &Path, trees: &[LineTree]) -> Result<Foreign> {
    let about = |reason: String| fault::usage(format!("{}: {reason}", path.display()));
    let stem = path.file_stem().and_then(|stem| stem.to_str());
    let host = stem.ok_or_else(|| about("the file's name is no host's".into()))?;
    field::printable(host, 40).map_err(|reason| about(format!("the file's name: {reason}")))?;
    let size = fs::metadata(path)
        .with_context(|| format!("reading {}", path.display()))?
        .len();
    if size > LARGEST_FILE {
        return Err(about(format!("{size} bytes are too many for results")));
    }
    let text = fs::read_to_string(path).map_err(|err| about(err.to_string()))?;
    let results = judge(&text, trees).map_err(|refused| about(refused.to_string()))?;
    Ok(Foreign {
        host: host.to_owned(),
        results,
    })
}

/// Several hosts' results, if they are of one kernel.
pub fn read_all(paths: &[impl AsRef<Path>], trees: &[LineTree]) -> Result<Hosts> {
    let mut all: Vec<(&Path, Foreign)> = Vec::new();
    for path in paths {
        let path = path.as_ref();
        let foreign = read(path, trees)?;
        for (other, earlier) in &all {
            let (tree, other_tree) = (&foreign.results.tree, &earlier.results.tree);
            let about = |reason: String| fault::usage(format!("{}: {reason}", path.display()));
            if tree != other_tree {
                return Err(about(format!(
                    "tree: {} is not that of {}, {}: one report is about one kernel",
                    shown(tree),
                    other.display(),
                    shown(other_tree)
                )));
            }
            if samples(&foreign.results) == samples(&earlier.results) {
                return Err(about(format!(
                    "cases: the samples are those of {}",
                    other.display()
                )));
            }
            if foreign.host == earlier.host {
                return Err(about(format!(
                    "{} has that name, too: rename one",
                    other.display()
                )));
            }
        }
        all.push((path, foreign));
    }
    Ok(Hosts {
        hosts: all.into_iter().map(|(_, foreign)| foreign).collect(),
    })
}

fn shown(tree: &Option<String>) -> &str {
    tree.as_deref().unwrap_or("none")
}

fn samples(results: &Results) -> Vec<&[f64]> {
    let outcomes = results.cases.iter().flat_map(|case| case.variants.values());
    outcomes
        .filter_map(|outcome| match outcome {
            Runs::Samples(samples) => Some(samples.samples.as_slice()),
            Runs::Not { .. } => None,
        })
        .collect()
}

/// Whether a file may be shown, and what it says.
pub fn judge(text: &str, trees: &[LineTree]) -> Result<Results, OddField> {
    let value: Value = serde_json::from_str(text).map_err(|err| refuse("", err))?;
    match value.get("schema").and_then(Value::as_u64) {
        Some(schema) if schema == u64::from(SCHEMA) => {}
        Some(schema) => return Err(refuse("schema", format!("{schema} is not {SCHEMA}"))),
        None => return Err(refuse("schema", "missing or no number")),
    }
    field::walk(&value)?;
    let results: Results = serde_json::from_value(value).map_err(|err| refuse("", err))?;
    tree(&results, trees)?;
    environment(&results)?;
    if results.cases.is_empty() {
        return Err(refuse("cases", "nothing was measured"));
    }
    for (index, case) in results.cases.iter().enumerate() {
        let at = format!("cases[{index}]");
        if results.cases[..index].iter().any(|it| it.name == case.name) {
            return Err(refuse(&format!("{at}.name"), "this case is there twice"));
        }
        judge_case(case, &results).map_err(|refused| refused.inside(&at))?;
    }
    Ok(results)
}

fn tree(results: &Results, trees: &[LineTree]) -> Result<(), OddField> {
    let Some(tree) = &results.tree else {
        return Err(refuse("tree", "the kernel was not made by the series"));
    };
    let is_hash = tree.len() == 40 && tree.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !is_hash {
        return Err(refuse("tree", "this is no git tree hash"));
    }
    let lines = || {
        let told = trees.iter().map(|(line, tree)| format!("{line}: {tree}"));
        told.collect::<Vec<_>>().join(", ")
    };
    match trees.is_empty() || trees.iter().any(|(_, known)| known == tree) {
        true => Ok(()),
        false => Err(refuse(
            "tree",
            format!("{tree} is no tree of this series ({})", lines()),
        )),
    }
}

fn environment(results: &Results) -> Result<(), OddField> {
    let env = &results.env;
    let Environment {
        cpu,
        host_cpus,
        qemu,
        kernel,
        accel,
        rounds,
        seconds,
        scale,
        warnings,
        ..
    } = env;
    if !matches!(accel.as_str(), "kvm" | "tcg") {
        return Err(refuse("env.accel", format!("{accel:?} is not kvm or tcg")));
    }
    if *accel != results.accel {
        return Err(refuse("env.accel", "not what `accel` says"));
    }
    // What a table or a mail shows.
    for (at, text) in [("cpu", cpu), ("qemu", qemu), ("kernel", kernel)] {
        field::printable(text, 100).map_err(|reason| refuse(&format!("env.{at}"), reason))?;
    }
    for (index, warning) in warnings.iter().enumerate() {
        field::printable(warning, 300)
            .map_err(|reason| refuse(&format!("env.warnings[{index}]"), reason))?;
    }
    if let Some(scale) = scale {
        for (at, pace) in [("native", scale.native), ("guest", scale.guest)] {
            let field = |name: &str| format!("env.scale.{at}.{name}");
            within(&field("pipe_ns"), pace.pipe_ns, 1.0, MOST_PACE_NS)?;
            within(&field("switch_ns"), pace.switch_ns, 1.0, MOST_PACE_NS)?;
        }
    }
    within("env.host_cpus", *host_cpus as f64, 1.0, 65_536.0)?;
    within(
        "env.rounds",
        f64::from(*rounds),
        f64::from(FEWEST_PAIRS),
        1e4,
    )?;
    within("env.seconds", *seconds, 0.1, 600.0)
}

fn judge_case(case: &Comparison, results: &Results) -> Result<(), OddField> {
    let kind = Design::of_device(case.device())
        .filter(|_| is_name(&case.name))
        .ok_or_else(|| refuse("name", format!("{:?} is not the name of a case", case.name)))?;
    for variant in kind.variants {
        let at = format!("variants.{variant}");
        let judged = match case.variants.get(&variant) {
            Some(Runs::Samples(samples)) => judge_samples(samples, results.env.rounds),
            Some(Runs::Not { not_measured }) if variant == kind.peer() => {
                field::printable(not_measured, 200).map_err(|reason| refuse("not_measured", reason))
            }
            Some(Runs::Not { .. }) => Err(refuse("not_measured", "it has to be")),
            None => Err(refuse("", "missing")),
        };
        judged.map_err(|refused| refused.inside(&at))?;
    }
    if let Some(other) = case.variants.keys().find(|it| !kind.variants.contains(it)) {
        return Err(refuse(&format!("variants.{other}"), "not of this device"));
    }
    for (name, over, under) in kind.ratios {
        let (Some(over), Some(under)) = (case.samples(over), case.samples(under)) else {
            continue;
        };
        let ratio = case.ratio.get(name);
        ratio
            .ok_or_else(|| refuse("", "missing"))
            .and_then(|ratio| judge_ratio(ratio, &over.samples, &under.samples))
            .map_err(|refused| refused.inside(&format!("ratio.{name}")))?;
    }
    Ok(())
}

/// "blk/randread@100us", "net/udp-rr": what `bench` calls a case, and harmless in a mail.
fn is_name(name: &str) -> bool {
    let is_part = |part: &str| {
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        !part.is_empty() && part.len() <= 20 && part.bytes().all(|byte| plain(byte) || byte == b'_')
    };
    let Some((device, rest)) = name.split_once('/') else {
        return false;
    };
    let latency = |text: &str| {
        let us = text
            .strip_suffix("us")
            .and_then(|us| us.parse::<u32>().ok());
        us.is_some_and(|us| us <= 1_000_000)
    };
    match rest.split_once('@') {
        Some((workload, us)) => device == "blk" && is_part(workload) && latency(us),
        None => device == "net" && is_part(rest),
    }
}

fn judge_samples(samples: &Samples, rounds: u32) -> Result<(), OddField> {
    let count = samples.samples.len();
    if count != rounds as usize {
        return Err(refuse("samples", format!("{count} of {rounds} rounds")));
    }
    for (index, &sample) in samples.samples.iter().enumerate() {
        within(&format!("samples[{index}]"), sample, 1e-3, MOST_RATE)?;
    }
    within("irqs_per_op", samples.irqs_per_op, 0.0, MOST_IRQS)?;
    if let Some(tx) = samples.tx_irqs_per_op {
        within("tx_irqs_per_op", tx, 0.0, samples.irqs_per_op)?;
    }
    if let Some(latency) = &samples.latency_us {
        let pairs = latency.p50.iter().zip(&latency.p99);
        for (index, (&p50, &p99)) in pairs.enumerate() {
            within(&format!("latency_us.p50[{index}]"), p50, 0.0, p99)?;
            within(&format!("latency_us.p99[{index}]"), p99, 0.0, MOST_US)?;
        }
        if latency.p50.len() != count || latency.p99.len() != count {
            return Err(refuse("latency_us", "not one of each round"));
        }
    }
    if let Some(events) = samples.events_per_op {
        let counted = [
            ("halts", events.halts.unwrap_or(0.0)),
            ("timers", events.timers),
            ("ipis", events.ipis),
            ("context_switches", events.context_switches),
            ("notifications", events.notifications.unwrap_or(0.0)),
        ];
        for (name, count) in counted {
            within(&format!("events_per_op.{name}"), count, 0.0, MOST_EVENTS)?;
        }
        let instructions = events.instructions.unwrap_or(0.0);
        within(
            "events_per_op.instructions",
            instructions,
            0.0,
            MOST_INSTRUCTIONS,
        )?;
    }
    let cpu = samples.cpu_percent;
    let columns = [cpu.idle, cpu.irq, cpu.softirq, cpu.system, cpu.user];
    for column in columns {
        within("cpu_percent", column, 0.0, 100.0 + ROUNDING)?;
    }
    let sum = columns.iter().sum::<f64>();
    within("cpu_percent (sum)", sum, 0.0, 100.0 + ROUNDING)
}

/// A ratio must be the one of its samples. Its interval is drawn by chance, so that of another
/// build may differ; it cannot leave what the pairs span.
fn judge_ratio(ratio: &Ratio, over: &[f64], under: &[f64]) -> Result<(), OddField> {
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
    if pairs != over.len() {
        return Err(refuse(
            "pairs",
            format!("{pairs}, but {} samples", over.len()),
        ));
    }
    let of_pairs: Vec<f64> = over.iter().zip(under).map(|(o, u)| o / u).collect();
    let own = stats::median(&of_pairs);
    if (own - median).abs() > 1e-6 * own {
        return Err(refuse(
            "median",
            format!("{median}, but the samples' is {own}"),
        ));
    }
    let least = of_pairs.iter().copied().fold(f64::INFINITY, f64::min);
    let most = of_pairs.iter().copied().fold(0.0, f64::max);
    if lo < least * (1.0 - 1e-6) || hi > most * (1.0 + 1e-6) {
        return Err(refuse(
            "lo",
            format!("[{lo}, {hi}] is wider than the pairs, {least} to {most}"),
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
