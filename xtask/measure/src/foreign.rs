// SPDX-License-Identifier: GPL-2.0
//! Results from other people's hosts: judged, not trusted. A file may be broken, edited, measured
//! on another source, or written by somebody who wants their text in a cover letter. A refusal
//! names the field and the reason. `judge.rs` has the rules for all results.

use std::path::Path;

use anyhow::Result;
use fs_err as fs;
use guest_protocol::Form;
use toolbox::fault;

use crate::environment::Environment;
use crate::field::{self, OddField, refuse, within};
use crate::judge;
use crate::origin::Origin;
use crate::results::{Comparison, Results, Runs, Samples};
use crate::stats::{self, Ratio};

/// Size limit of a results file, in bytes: more than any benchmark writes, and still fast to read.
const LARGEST_FILE: u64 = 4 << 20;
/// Upper limit of a sample: operations a second, or bits a second of a stream.
const MOST_RATE: f64 = 1e13;
/// Upper limit of events per operation: a few switches and interrupts are usual, not thousands.
const MOST_EVENTS: f64 = 1e4;
const MOST_INSTRUCTIONS: f64 = 1e9;
/// Upper limit for the time of a few system calls, in ns.
const MOST_PACE_NS: f64 = 1e7;
/// Upper limit of a latency: one minute, in us.
const MOST_US: f64 = 60e6;

/// The results of one host.
#[derive(Debug)]
pub struct Foreign {
    /// The name of the host: its file's name, without the extension.
    pub host: String,
    pub results: Results,
}

/// Reads the results of one host. Fails if they are of none of the `known` sources. If `known` is
/// empty, any source is accepted.
pub fn read(path: &Path, known: &[Origin]) -> Result<Foreign> {
    let about = |reason: String| fault::usage(format!("{}: {reason}", path.display()));
    let stem = path.file_stem().and_then(|stem| stem.to_str());
    let host =
        stem.ok_or_else(|| about("the file's name must be the host's name, in UTF-8".into()))?;
    field::printable(host, 40).map_err(|reason| about(format!("the file's name: {reason}")))?;
    let size = fs::metadata(path)?.len();
    if size > LARGEST_FILE {
        return Err(about(format!(
            "the file has {size} bytes, more than {LARGEST_FILE}"
        )));
    }
    let text = fs::read_to_string(path).map_err(|err| about(err.to_string()))?;
    let results = judge(&text, known).map_err(|refused| about(refused.to_string()))?;
    Ok(Foreign {
        host: host.to_owned(),
        results,
    })
}

/// Reads the results of several hosts. Fails unless all of them are of one source and differ in
/// name and samples.
pub fn read_all(paths: &[impl AsRef<Path>], known: &[Origin]) -> Result<Vec<Foreign>> {
    let mut all: Vec<(&Path, Foreign)> = Vec::new();
    for path in paths {
        let path = path.as_ref();
        let foreign = read(path, known)?;
        for (other, earlier) in &all {
            agree(&foreign, earlier, &other.display().to_string())
                .map_err(|reason| fault::usage(format!("{}: {reason}", path.display())))?;
        }
        all.push((path, foreign));
    }
    Ok(all.into_iter().map(|(_, foreign)| foreign).collect())
}

/// Fails if a file cannot be in one report with an `earlier` one, whose path is `other`.
fn agree(foreign: &Foreign, earlier: &Foreign, other: &str) -> Result<(), String> {
    if let [Some(own), Some(first)] = [foreign, earlier].map(|it| it.results.origin())
        && own != first
    {
        return Err(format!(
            "these results are of {own}, but those in {other} are of {first}. All results in a \
             report must be of one source"
        ));
    }
    if samples(&foreign.results) == samples(&earlier.results) {
        return Err(format!("cases: the samples are the same as in {other}"));
    }
    match foreign.host == earlier.host {
        true => Err(format!(
            "{other} has the same host name: rename one of the files"
        )),
        false => Ok(()),
    }
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

/// Checks that a file may be shown. Returns its results.
pub fn judge(text: &str, known: &[Origin]) -> Result<Results, OddField> {
    let value = judge::of_schema(text)?;
    field::walk(&value, "")?;
    let results = judge::results(value)?;
    origin(&results, known)?;
    environment(&results)?;
    for (index, case) in results.cases.iter().enumerate() {
        judge_case(case, &results).map_err(|refused| refused.inside(&format!("cases[{index}]")))?;
    }
    Ok(results)
}

fn origin(results: &Results, known: &[Origin]) -> Result<(), OddField> {
    let field = match results.form() {
        Form::Series => "tree",
        Form::Module => "module",
    };
    let Some(own) = results.origin() else {
        return Err(refuse(
            field,
            "missing: the source of these results is unknown",
        ));
    };
    let is_hash = own.tree.len() == 40 && own.tree.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !is_hash {
        return Err(refuse(field, "not a git tree hash"));
    }
    if known.is_empty() || known.contains(&own) {
        return Ok(());
    }
    let known: Vec<String> = known.iter().map(Origin::to_string).collect();
    let known = known.join("; ");
    Err(refuse(
        field,
        format!("{own} is not in this checkout, which has {known}"),
    ))
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
        return Err(refuse("env.accel", "differs from `accel`"));
    }
    // These texts are shown in tables and mails.
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
    within("env.rounds", f64::from(*rounds), 1.0, 1e4)?;
    within("env.seconds", *seconds, 0.1, 600.0)
}

/// Checks what [`judge::results`] leaves: the figures themselves.
fn judge_case(case: &Comparison, results: &Results) -> Result<(), OddField> {
    for (variant, runs) in &case.variants {
        let judged = match runs {
            Runs::Samples(samples) => judge_samples(samples, results.env.rounds),
            Runs::Not { not_measured } => {
                field::printable(not_measured, 200).map_err(|reason| refuse("not_measured", reason))
            }
        };
        judged.map_err(|refused| refused.inside(&format!("variants.{variant}")))?;
    }
    let ratios = results.design(case).map(|kind| kind.ratios);
    for (name, over, under) in ratios.into_iter().flatten() {
        if let (Some(over), Some(under)) = (case.samples(over), case.samples(under))
            && let Some(ratio) = case.ratio.get(name)
        {
            judge_ratio(ratio, &over.samples, &under.samples)
                .map_err(|refused| refused.inside(&format!("ratio.{name}")))?;
        }
    }
    Ok(())
}

fn judge_samples(samples: &Samples, rounds: u32) -> Result<(), OddField> {
    let count = samples.samples.len();
    if count != rounds as usize {
        return Err(refuse(
            "samples",
            format!("{count} samples for {rounds} rounds"),
        ));
    }
    for (index, &sample) in samples.samples.iter().enumerate() {
        within(&format!("samples[{index}]"), sample, 1e-3, MOST_RATE)?;
    }
    if let Some(latency) = &samples.latency_us {
        let pairs = latency.p50.iter().zip(&latency.p99);
        for (index, (&p50, &p99)) in pairs.enumerate() {
            within(&format!("latency_us.p50[{index}]"), p50, 0.0, p99)?;
            within(&format!("latency_us.p99[{index}]"), p99, 0.0, MOST_US)?;
        }
        if latency.p50.len() != count || latency.p99.len() != count {
            return Err(refuse(
                "latency_us",
                "needs one p50 and one p99 for each round",
            ));
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
    Ok(())
}

/// Fails if a ratio is not the ratio of its samples. Its interval is drawn at random, so another
/// build may have another one; but it cannot be wider than the range of the pairs.
fn judge_ratio(ratio: &Ratio, over: &[f64], under: &[f64]) -> Result<(), OddField> {
    let &Ratio {
        median,
        lo,
        hi,
        pairs,
    } = ratio;
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
            format!("{median}, but the samples give {own}"),
        ));
    }
    let least = of_pairs.iter().copied().fold(f64::INFINITY, f64::min);
    let most = of_pairs.iter().copied().fold(0.0, f64::max);
    if lo < least * (1.0 - 1e-6) || hi > most * (1.0 + 1e-6) {
        return Err(refuse(
            "lo",
            format!("[{lo}, {hi}] is wider than the range of the pairs, {least} to {most}"),
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
