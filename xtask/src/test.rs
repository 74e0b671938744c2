// SPDX-License-Identifier: GPL-2.0
//! `test`: all tests, host and VM, as a list of steps. A step is a command that
//! a person could type; what each of them checks is said there. A step whose
//! input another one did not deliver has failed as well.

use std::collections::HashSet;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Result;
use clap::ValueEnum;

use kernel::image::Image;
use toolbox::cases::{self, Case};
use toolbox::fault::{self, Kind};
use toolbox::line::{self, LINES, Line};
use toolbox::options::{Accel, AccelArgs, OutArgs, spelled};
use toolbox::place::Place;
use toolbox::run::Stage;
use toolbox::tools::{self, Need, Tools};
use vm::accel::{self, Accelerator};
use vm::session::Rig;

/// Run all tests, host and VM
///
/// Installs what is missing where it may, and runs every step even if one
/// fails. Prints a table; leaves result.ktap and junit.xml in target/test and a
/// log of each step in target/logs/test-NAME.log. The first run builds two kernels,
/// which takes most of the time. Steps that take long and seldom find anything are
/// left to --full.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Only what needs neither a kernel nor a guest
    #[arg(long)]
    host: bool,

    /// Also run what takes hours or seldom finds anything: all planted bugs, the module's
    /// long test, the measurement kit, the costs, the documented commands, the reviewers'
    /// self-test, and all of the second line's steps
    #[arg(long, conflicts_with = "host")]
    full: bool,

    /// Only this kernel line [default: all of them]
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

/// The files that the series edits build without the feature as well.
const FEATURE_OFF: &str = "xtask build-kernel --config off --object drivers/cpuidle/poll_state.o \
    drivers/virtio/virtio.o drivers/virtio/virtio_ring.o drivers/virtio/virtio_pci_common.o \
    drivers/virtio/virtio_pci_modern.o drivers/virtio/virtio_mmio.o kernel/softirq.o";

/// Whether each reviewer finds the error that is meant for it.
const BLIND_REVIEW: &str = "xtask review --self-test --no-build";

/// Every bug that the host's tests must see; `host-tests` has one for each test program.
const ALL_PLANTS: &str = "test --locked --package plants --test host -- --include-ignored";

struct Step {
    name: String,
    /// cargo's arguments. xtask's own commands go through cargo as well: the
    /// step that tests the workspace may replace the program that runs here.
    args: Vec<OsString>,
    /// The step without which this one has nothing to work on.
    after: Option<String>,
    /// Whether it waits for --full.
    rare: bool,
    /// Whether it takes --accel.
    boots: bool,
}

fn step(name: &str, args: &str) -> Step {
    Step {
        name: name.into(),
        args: args.split(' ').map(OsString::from).collect(),
        after: None,
        rare: false,
        boots: false,
    }
}

impl Step {
    fn after(mut self, name: &str) -> Step {
        self.after = Some(name.into());
        self
    }

    fn rare(mut self) -> Step {
        self.rare = true;
        self
    }

    fn boots(mut self) -> Step {
        self.boots = true;
        self
    }

    fn arg(mut self, name: &str, value: impl Into<OsString>) -> Step {
        self.args.extend([name.into(), value.into()]);
        self
    }
}

/// xtask's own tests of these names, which a plain `cargo test` leaves out.
fn ignored(name: &str, tests: &str) -> Step {
    let args = "test --locked --package xtask --test all -- --ignored ";
    step(name, &(args.to_owned() + tests))
}

/// What every machine can do.
fn host_steps() -> Vec<Step> {
    vec![
        step("format", "fmt --all --check"),
        step(
            "clippy",
            "clippy --locked --workspace --all-targets -- -D warnings",
        ),
        step("host-tests", "test --locked --workspace --no-fail-fast"),
        step("patches", "xtask gen-patches --base all --check"),
        ignored("patches-elsewhere", "drafts::").after("patches"),
        step("b4", "xtask gen-patches --base all --try-b4").after("patches"),
        // Takes the sources that the step before has fetched.
        ignored("dev-loop", "real_series::").after("patches"),
        step("plants", ALL_PLANTS).rare(),
    ]
}

/// Split rings with vectors of their own are what all other guests have. On the line that is sent
/// every device is tried, and the last patch is built.
fn matrix_and_review(full: bool, is_default: bool) -> (&'static str, &'static str) {
    match (full, is_default) {
        (true, _) => ("xtask matrix --quick", "xtask review --quick"),
        (false, true) => (
            "xtask matrix --layout packed --vectors own,intx",
            "xtask review --quick",
        ),
        (false, false) => (
            "xtask matrix --layout packed --vectors own,intx --device blk,net,console",
            "xtask review --no-build",
        ),
    }
}

/// One line's kernel, built and booted. The default line is measured, and its
/// guests go wrong in every way, as well.
fn line_steps(line: &Line, args: &Args, out: &Path) -> Vec<Step> {
    let is_default = line == line::DEFAULT;
    let name = |step: &str| match is_default {
        true => step.to_owned(),
        false => format!("{step}-{}", line.name),
    };
    let on_line = |what: &str, command: &str, after: &str| {
        let step = step(&name(what), command).arg("--base", line.name);
        let step = match &args.linux {
            Some(dir) => step.arg("--linux", dir),
            None => step,
        };
        step.after(after)
    };
    let guest = |what: &str, command: &str| {
        on_line(what, command, &name("kernel"))
            .boots()
            .arg("--out", out.join(name(what)))
    };

    let (matrix, review) = matrix_and_review(args.full, is_default);
    let mut net_modes = guest("net-modes", "xtask boot-test --scenario net");
    net_modes.rare = !is_default;
    let mut steps = vec![
        on_line("kernel", "xtask build-kernel", "patches"),
        guest("smoke", "xtask boot-test"),
        guest("matrix", matrix),
        net_modes,
    ];
    if is_default {
        let planted = match args.full {
            true => "xtask check planted",
            false => "xtask check planted --quick",
        };
        steps.extend([
            on_line("feature-off", FEATURE_OFF, "patches"),
            on_line("idle-loop", "xtask check idle-loop", &name("kernel")),
            on_line("instructions", "xtask check instructions", &name("kernel")),
            guest("kunit", "xtask boot-test --scenario kunit"),
            guest("threadirqs", "xtask boot-test --scenario threadirqs"),
            guest("soak", "xtask soak --quick"),
            guest("planted", planted),
            guest("cost", "xtask cost --quick").rare(),
            // Among them short measurements of the disk and of the card.
            ignored("guests", "guests:: --test-threads 1").after(&name("kernel")),
            // Those that make root file systems and boot stock kernels are run on demand.
            ignored("kit", "kit::an_archive kit::an_unpacked --test-threads 1")
                .after(&name("kernel"))
                .rare(),
            on_line("by-hand", "xtask check by-hand", "patches").rare(),
        ]);
    }
    steps.push(on_line("review", review, "patches"));
    if is_default {
        steps.push(on_line("blind-review", BLIND_REVIEW, "review").rare());
    }
    steps
}

/// The module on the distribution's own kernels.
fn module_step(only: Option<&Line>, args: &Args, out: &Path) -> Step {
    let command = match args.full {
        true => "xtask module test --all",
        false => "xtask module test",
    };
    let step = step("module", command)
        .boots()
        .arg("--out", out.join("module"));
    match only {
        Some(line) => step.arg("--stock", line.name),
        None => step,
    }
}

pub fn main(args: Args) -> Result<()> {
    let place = Place::find()?;
    let only = args.base;
    let out = args.out.folder(&place, "test")?;
    // No step compiles with clang, or fuzzes.
    let mut needs = Need::value_variants().to_vec();
    needs.retain(|need| !matches!(need, Need::Clang | Need::Fuzz));
    let tools = tools::ensure(&place, &needs)?;
    let mut accelerator = AccelOnce {
        wanted: args.accel.accel,
        kernel: place
            .kernel_out(only.unwrap_or(line::DEFAULT).name)
            .join("bzImage"),
        tools,
    };

    let mut steps = host_steps();
    if !args.host {
        let lines = LINES
            .iter()
            .filter(|&line| only.is_none_or(|only| line == only));
        steps.extend(lines.flat_map(|line| line_steps(line, &args, &out)));
        steps.push(module_step(only, &args, &out));
    }
    steps.retain(|step| args.full || !step.rare);
    let mut outcomes = Vec::new();
    let mut failed = HashSet::new();
    for mut step in steps {
        if step.boots {
            step = step.arg("--accel", spelled(accelerator.get(&place)?));
        }
        let outcome = match step.after.as_ref().filter(|&name| failed.contains(name)) {
            Some(missing) => {
                let why = format!("{} could not run: {missing} failed", step.name);
                step.outcome(Some(Kind::TestFailed), why, Duration::ZERO)
            }
            None => step.run(&place)?,
        };
        if outcome.kind.is_some() {
            failed.insert(step.name);
            eprintln!("{}", outcome.case.detail);
        }
        outcomes.push(outcome);
    }
    report(&place, &out, outcomes)
}

/// The accelerator, found out once: where KVM runs no guest, that takes each command seconds.
struct AccelOnce {
    wanted: Accel,
    /// What boots to find it out.
    kernel: PathBuf,
    tools: Tools,
}

impl AccelOnce {
    /// A kernel that is not there does not tell.
    fn get(&mut self, place: &Place) -> Result<Accel> {
        if self.wanted == Accel::Auto && self.kernel.is_file() {
            let rig = Rig::with_tools(place, self.tools.clone())?;
            self.wanted = match accel::choose(&rig, &Image::file(&self.kernel)?, Accel::Auto)? {
                Accelerator::Kvm => Accel::Kvm,
                Accelerator::Tcg => Accel::Tcg,
            };
        }
        Ok(self.wanted)
    }
}

struct StepOutcome {
    case: Case,
    /// None if it passed.
    kind: Option<Kind>,
    took: Duration,
}

impl Step {
    fn run(&self, place: &Place) -> Result<StepOutcome> {
        let log = place.logs().join(format!("test-{}.log", self.name));
        let start = Instant::now();
        let ended = Stage::new(&self.name)
            .fails_as(Kind::TestFailed)
            .run(place.cargo().args(&self.args), &log);
        let took = start.elapsed();
        match ended {
            Ok(()) => Ok(self.outcome(None, String::new(), took)),
            Err(err) if fault::kind_of(&err) == Kind::Interrupted => Err(err),
            Err(err) => Ok(self.outcome(Some(fault::kind_of(&err)), format!("{err:#}"), took)),
        }
    }

    fn outcome(&self, kind: Option<Kind>, detail: String, took: Duration) -> StepOutcome {
        let case = Case {
            name: self.name.clone(),
            status: kind.is_none().into(),
            detail,
        };
        StepOutcome { case, kind, took }
    }
}

/// The lines in which a step that failed says of what. Of a log that may hold the runs of weeks,
/// those of the last one; so many tell enough.
fn verdicts(log: &str) -> Vec<&str> {
    let of_last_run = log.rsplit("\n$ ").next().unwrap_or_default();
    let is_verdict = |line: &&str| {
        let bad = ["FAIL ", "not ok ", "error", "thread '"];
        bad.iter().any(|start| line.starts_with(start))
    };
    of_last_run.lines().filter(is_verdict).take(5).collect()
}

fn report(place: &Place, out: &Path, outcomes: Vec<StepOutcome>) -> Result<()> {
    let (mut shown, mut reasons) = (String::new(), String::new());
    for StepOutcome { case, kind, took } in &outcomes {
        let (sign, name) = (case.status.sign(), &case.name);
        shown += &format!("{sign}  {name:<12} {:>7.1} s\n", took.as_secs_f64());
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
    // A CI that shows the end of a log alone is to show why.
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
        let log = "$ cargo xtask matrix\nFAIL  net: of last week\n\
            $ cargo xtask matrix\nok    blk: fine\nFAIL  net: no hits\nerror: 1 of 2 cells failed\n";
        assert_eq!(
            verdicts(log),
            ["FAIL  net: no hits", "error: 1 of 2 cells failed"]
        );
    }
}
