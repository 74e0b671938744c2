// SPDX-License-Identifier: GPL-2.0
//! Results from other people's hosts: judged, not trusted. A file may be broken, edited, measured
//! on another source, or written by somebody who wants their text in a cover letter. A refusal
//! names the field and the reason. `judge.rs` has the rules for all results.

use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use fs_err as fs;
use guest_protocol::Form;
use toolbox::fault;

use crate::field::{self, within};
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
    let size = fs::metadata(path)?.len();
    read_sized(path, size, known).map_err(|err| fault::usage(format!("{}: {err}", path.display())))
}

fn read_sized(path: &Path, size: u64, known: &[Origin]) -> Result<Foreign> {
    let host = path.file_stem().and_then(|stem| stem.to_str());
    let host = host.context("the file's name must be the host's name, in UTF-8")?;
    field::printable("the file's name", host, 40)?;
    ensure!(
        size <= LARGEST_FILE,
        "the file has {size} bytes, more than {LARGEST_FILE}"
    );
    Ok(Foreign {
        host: host.to_owned(),
        results: judge(&fs::read_to_string(path)?, known)?,
    })
}

/// Reads the results of several hosts. Fails unless all of them are of one source and differ in
/// name and samples.
pub fn read_all(paths: &[impl AsRef<Path>], known: &[Origin]) -> Result<Vec<Foreign>> {
    let mut all: Vec<Foreign> = Vec::new();
    for path in paths {
        let path = path.as_ref();
        let foreign = read(path, known)?;
        for (earlier, other) in all.iter().zip(paths) {
            agree(&foreign, earlier, &other.as_ref().display().to_string())
                .map_err(|err| fault::usage(format!("{}: {err}", path.display())))?;
        }
        all.push(foreign);
    }
    Ok(all)
}

/// Fails if a file cannot be in one report with an `earlier` one, whose path is `other`.
fn agree(foreign: &Foreign, earlier: &Foreign, other: &str) -> Result<()> {
    if let [Some(own), Some(first)] = [foreign, earlier].map(|it| it.results.origin()) {
        ensure!(
            own == first,
            "these results are of {own}, but those in {other} are of {first}. All results in a \
             report must be of one source"
        );
    }
    ensure!(
        samples(&foreign.results) != samples(&earlier.results),
        "cases: the samples are the same as in {other}"
    );
    ensure!(
        foreign.host != earlier.host,
        "{other} has the same host name: rename one of the files"
    );
    Ok(())
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
pub fn judge(text: &str, known: &[Origin]) -> Result<Results> {
    let value = judge::of_schema(text)?;
    field::walk(&value, "")?;
    let results = judge::results(value)?;
    origin(&results, known)?;
    environment(&results)?;
    for (index, case) in results.cases.iter().enumerate() {
        judge_case(&format!("cases[{index}]"), case, &results)?;
    }
    Ok(results)
}

fn origin(results: &Results, known: &[Origin]) -> Result<()> {
    let at = match results.form() {
        Form::Series => "tree",
        Form::Module => "module",
    };
    let own = results
        .origin()
        .with_context(|| format!("{at}: missing: the source of these results is unknown"))?;
    ensure!(
        own.tree.len() == 40 && own.tree.bytes().all(|byte| byte.is_ascii_hexdigit()),
        "{at}: not a git tree hash"
    );
    if !known.is_empty() && !known.contains(&own) {
        let known: Vec<String> = known.iter().map(Origin::to_string).collect();
        let known = known.join("; ");
        bail!("{at}: {own} is not in this checkout, which has {known}");
    }
    Ok(())
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
        field::printable(format_args!("env.{at}"), text, 100)?;
    }
    for (index, warning) in env.warnings.iter().enumerate() {
        field::printable(format_args!("env.warnings[{index}]"), warning, 300)?;
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

/// Checks what [`judge::results`] leaves: the figures themselves.
fn judge_case(at: &str, case: &Comparison, results: &Results) -> Result<()> {
    for (variant, runs) in &case.variants {
        let at = format!("{at}.variants.{variant}");
        match runs {
            Runs::Samples(samples) => judge_samples(&at, samples, results.env.rounds)?,
            Runs::Not { not_measured } => {
                field::printable(format_args!("{at}.not_measured"), not_measured, 200)?;
            }
        }
    }
    let ratios = results.design(case).map(|kind| kind.ratios);
    for (name, over, under) in ratios.into_iter().flatten() {
        if let (Some(over), Some(under)) = (case.samples(over), case.samples(under))
            && let Some(ratio) = case.ratio.get(name)
        {
            let at = format!("{at}.ratio.{name}");
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
    for (index, &sample) in samples.samples.iter().enumerate() {
        within(
            format_args!("{at}.samples[{index}]"),
            sample,
            1e-3,
            MOST_RATE,
        )?;
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
        for (name, count, most) in [
            ("halts", events.halts.unwrap_or(0.0), MOST_EVENTS),
            ("timers", events.timers, MOST_EVENTS),
            ("ipis", events.ipis, MOST_EVENTS),
            ("context_switches", events.context_switches, MOST_EVENTS),
            (
                "notifications",
                events.notifications.unwrap_or(0.0),
                MOST_EVENTS,
            ),
            (
                "instructions",
                events.instructions.unwrap_or(0.0),
                MOST_INSTRUCTIONS,
            ),
        ] {
            within(format_args!("{at}.events_per_op.{name}"), count, 0.0, most)?;
        }
    }
    Ok(())
}

/// Fails if a ratio is not the ratio of its samples. Its interval is drawn at random, so another
/// build may have another one; but it cannot be wider than the range of the pairs.
fn judge_ratio(at: &str, ratio: &Ratio, over: &[f64], under: &[f64]) -> Result<()> {
    let &Ratio { median, lo, hi, .. } = ratio;
    let (pairs, count) = (ratio.pairs, over.len());
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
mod tests;
