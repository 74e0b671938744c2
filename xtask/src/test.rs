// SPDX-License-Identifier: GPL-2.0
//! `test`: all tests, host and VM, as a list of steps. A step is a command that
//! a person could type; what each of them checks is said there. A step whose
//! input another one did not deliver has failed as well.

use std::collections::HashSet;
use std::env;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::Result;

use crate::cases::{self, Case};
use crate::doctor::{self, Need};
use crate::fault::{self, Kind};
use crate::place::Place;
use crate::run::Stage;

/// Run all tests, host and VM
///
/// Installs what is missing where it may, and runs every step even if one
/// fails. Prints a table; leaves result.ktap and junit.xml in target/test and a
/// log of each step in target/logs/test-NAME.log. About 30 minutes the first
/// time, when the kernels have to be built, and 10 afterwards.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Only what needs neither a kernel nor a guest
    #[arg(long)]
    host: bool,

    /// Only these steps
    #[arg(long, value_name = "STEP", num_args = 1.., value_parser = names())]
    only: Vec<String>,
}

struct Step {
    name: &'static str,
    /// cargo's arguments. xtask's own commands go through cargo as well: the
    /// step that tests the workspace may replace the program that runs here.
    args: &'static [&'static str],
    /// The step without which this one has nothing to work on.
    after: Option<&'static str>,
    vm: bool,
}

const fn host(name: &'static str, args: &'static [&'static str]) -> Step {
    Step {
        name,
        args,
        after: None,
        vm: false,
    }
}

const fn vm(name: &'static str, after: &'static str, args: &'static [&'static str]) -> Step {
    Step {
        name,
        args,
        after: Some(after),
        vm: true,
    }
}

#[rustfmt::skip]
const STEPS: &[Step] = &[
    host("format", &["fmt", "--all", "--check"]),
    host("clippy", &["clippy", "--locked", "--workspace", "--all-targets", "--", "-D", "warnings"]),
    host("host-tests", &["test", "--locked", "--workspace", "--no-fail-fast"]),
    host("patches", &["xtask", "gen-patches", "--base", "all", "--check"]),
    vm("kernel", "patches", &["xtask", "build-kernel"]),
    vm("idle-loop", "kernel", &["xtask", "idle-loop"]),
    vm("smoke", "kernel", &["xtask", "boot-test"]),
    vm("bad-guests", "kernel", &["test", "--locked", "--package", "xtask", "--test", "guests", "--", "--ignored", "--test-threads", "1"]),
    vm("bench", "kernel", &["xtask", "bench", "--quick", "--out", "target/test/bench"]),
    vm("kernel-6.12", "patches", &["xtask", "build-kernel", "--base", "6.12"]),
    vm("smoke-6.12", "kernel-6.12", &["xtask", "boot-test", "--base", "6.12", "--out", "target/boot-test-6.12"]),
];

fn names() -> Vec<&'static str> {
    STEPS.iter().map(|step| step.name).collect()
}

pub fn main(args: Args) -> Result<()> {
    let place = Place::find()?;
    doctor::ensure(&place, &Need::ALL)?;

    let chosen = |step: &&Step| {
        (!args.host || !step.vm)
            && (args.only.is_empty() || args.only.iter().any(|name| name == step.name))
    };
    let mut outcomes = Vec::new();
    let mut failed = HashSet::new();
    for step in STEPS.iter().filter(chosen) {
        let outcome = match step.after.filter(|name| failed.contains(name)) {
            Some(name) => step.skipped(name),
            None => step.run(&place)?,
        };
        if outcome.kind.is_some() {
            failed.insert(step.name);
            eprintln!("{}", outcome.detail);
        }
        outcomes.push(outcome);
    }
    report(&place, &outcomes)
}

struct Outcome {
    name: &'static str,
    /// None if it passed.
    kind: Option<Kind>,
    detail: String,
    took: Duration,
}

impl Step {
    fn run(&self, place: &Place) -> Result<Outcome> {
        let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let log = place.logs().join(format!("test-{}.log", self.name));
        let start = Instant::now();
        let ended = Stage::new(self.name).fails_as(Kind::TestFailed).run(
            Command::new(cargo).args(self.args).current_dir(&place.root),
            &log,
        );
        let (kind, detail) = match ended {
            Ok(()) => (None, String::new()),
            Err(err) if fault::kind_of(&err) == Kind::Interrupted => return Err(err),
            Err(err) => (Some(fault::kind_of(&err)), format!("{err:#}")),
        };
        Ok(Outcome {
            name: self.name,
            kind,
            detail,
            took: start.elapsed(),
        })
    }

    fn skipped(&self, missing: &str) -> Outcome {
        Outcome {
            name: self.name,
            kind: Some(Kind::TestFailed),
            detail: format!("{} could not run: {missing} failed", self.name),
            took: Duration::ZERO,
        }
    }
}

fn report(place: &Place, outcomes: &[Outcome]) -> Result<()> {
    let cases: Vec<Case> = outcomes
        .iter()
        .map(|outcome| Case {
            name: outcome.name.into(),
            pass: outcome.kind.is_none(),
            detail: outcome.detail.clone(),
        })
        .collect();
    cases::write(&place.target().join("test"), "test", &cases)?;

    println!();
    for outcome in outcomes {
        let sign = if outcome.kind.is_none() {
            "ok  "
        } else {
            "FAIL"
        };
        println!(
            "{sign}  {:<12} {:>7.1} s",
            outcome.name,
            outcome.took.as_secs_f64()
        );
    }
    let failed = cases.iter().filter(|case| !case.pass).count();
    println!("\n{} passed, {failed} failed", cases.len() - failed);
    match outcomes.iter().find_map(|outcome| outcome.kind) {
        None => Ok(()),
        Some(kind) => Err(fault::fault(
            kind,
            format!(
                "{failed} of {} steps failed; logs in target/logs/",
                cases.len()
            ),
        )),
    }
}
