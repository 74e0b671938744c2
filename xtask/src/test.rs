// SPDX-License-Identifier: GPL-2.0
//! `test`: runs all tests, on the host and in VMs. This file has the options and the final report;
//! `steps` has the steps, and `lanes` runs them.

mod lanes;
mod steps;

use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::ValueEnum;
use fs_err as fs;

use toolbox::cases::{self, Case};
use toolbox::fault::{self, Kind};
use toolbox::line::{self, Line};
use toolbox::options::{AccelArgs, OutArgs};
use toolbox::place::Place;
use toolbox::tools::{self, Need};

use lanes::{AccelOnce, Outcome};

/// Run all tests, host and VM
///
/// Installs what is missing, where it may, and runs every step even if one fails. Prints a table.
/// Writes result.ktap and junit.xml to target/test, and a log of each step to
/// target/logs/test-NAME.log. The first run builds two kernels, which takes most of the time. Steps
/// that take long and seldom find anything run only with --full.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Run only the steps that need neither a kernel nor a guest
    #[arg(long)]
    host: bool,

    /// Also run steps that take hours or seldom find anything: all planted bugs, the device matrix
    /// with split rings, device resets under load, the module's long test, the measurement kit, the
    /// costs, the documented commands, the reviewers' self-test, and all of the second line's steps
    #[arg(long, conflicts_with = "host")]
    full: bool,

    /// Test only this kernel line [default: all of them]
    #[arg(long, value_name = "LINE", value_parser = line::find)]
    base: Option<&'static Line>,

    /// Take the base from this git tree of Linux; needs --base
    #[arg(long, value_name = "DIR", requires = "base")]
    linux: Option<PathBuf>,

    #[command(flatten)]
    accel: AccelArgs,
    #[command(flatten)]
    out: OutArgs,
}

pub fn main(args: Args) -> Result<()> {
    let place = Place::find()?;
    let out = args.out.folder(&place, "test")?;
    // No step compiles with clang, fuzzes, or packages a kernel.
    let mut needs = Need::value_variants().to_vec();
    needs.retain(|need| !matches!(need, Need::Clang | Need::Fuzz | Need::Deb));
    let tools = tools::ensure(&place, &needs)?;
    let kernel = place.kernel_out(args.base.unwrap_or(line::DEFAULT).name);
    let accelerator = AccelOnce {
        wanted: args.accel.accel,
        kernel: kernel.join("bzImage"),
        tools,
    };
    let outcomes = lanes::run(&place, steps::wanted(&args, &out), accelerator)?;
    report(&place, &out, outcomes)
}

/// Returns the lines in which a failed step says what failed. A log may hold the runs of weeks:
/// only the last run counts, and five lines are enough.
fn verdicts(log: &str) -> Vec<&str> {
    let of_last_run = log.rsplit("\n$ ").next().unwrap_or_default();
    let is_verdict = |line: &&str| {
        let bad = ["FAIL ", "not ok ", "error", "thread '"];
        bad.iter().any(|start| line.starts_with(start))
    };
    of_last_run.lines().filter(is_verdict).take(5).collect()
}

fn report(place: &Place, out: &Path, outcomes: Vec<Outcome>) -> Result<()> {
    let (mut shown, mut reasons) = (String::new(), String::new());
    for Outcome { case, kind, took } in &outcomes {
        let (sign, name) = (case.status.sign(), &case.name);
        shown += &format!("{sign}  {name:<17} {:>7.1} s\n", took.as_secs_f64());
        // A step that could not run has the log of an earlier run.
        if kind.is_some() && !took.is_zero() {
            let log = fs::read_to_string(place.logs().join(format!("test-{name}.log")));
            for line in verdicts(&log.unwrap_or_default()) {
                reasons += &format!("{name}: {line}\n");
            }
        }
    }
    let kinds: Vec<Kind> = outcomes.iter().filter_map(|outcome| outcome.kind).collect();
    let (all, failed) = (outcomes.len(), kinds.len());
    let cases: Vec<Case> = outcomes.into_iter().map(|outcome| outcome.case).collect();
    cases::write(out, "test", &cases)?;
    // A CI that shows only the end of a log must show the reasons.
    println!(
        "\n{shown}\n{} passed, {failed} failed\n{reasons}",
        all - failed
    );
    match kinds.first() {
        None => Ok(()),
        Some(&kind) => Err(fault::fault(
            kind,
            format!("{failed} of {all} steps failed; logs in target/logs/"),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_step_is_told_by_its_last_run_alone() {
        let log = "$ cargo xtask check matrix\nFAIL  net: of last week\n\
            $ cargo xtask check matrix\nok    blk: fine\nFAIL  net: no hits\nerror: 1 of 2 cells failed\n";
        assert_eq!(
            verdicts(log),
            ["FAIL  net: no hits", "error: 1 of 2 cells failed"]
        );
    }
}
