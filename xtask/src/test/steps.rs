// SPDX-License-Identifier: GPL-2.0
//! The steps of `test`. A step is a command that a person could type; the command itself says what
//! it checks.

use std::ffi::OsString;
use std::path::Path;

use toolbox::line::{self, LINES, Line};

use super::Args;

/// Builds, without the feature, the files that the series edits.
const FEATURE_OFF: &str = "xtask build-kernel --config off --object drivers/cpuidle/poll_state.o \
    drivers/virtio/virtio.o drivers/virtio/virtio_ring.o drivers/virtio/virtio_pci_common.o \
    drivers/virtio/virtio_pci_modern.o drivers/virtio/virtio_mmio.o kernel/softirq.o";

/// Checks that each reviewer finds the error that is planted for it.
const BLIND_REVIEW: &str = "xtask series review --self-test --no-build";

/// Checks that the host's tests find planted bugs. Built together with xtask: otherwise cargo
/// compiles their common crates again with fewer features.
const PLANTS: &str = "test --locked --package plants --package xtask --lib --test host";

pub struct Step {
    pub name: String,
    /// Arguments for cargo. xtask's own commands go through cargo as well, because the step that
    /// tests the workspace may replace the running program.
    pub args: Vec<OsString>,
    /// Name of the step without which this step has nothing to work on.
    pub after: Option<String>,
    /// True if the step runs only with --full.
    pub rare: bool,
    /// True if the command takes --accel.
    pub boots: bool,
    /// True if the step runs concurrently with the guests, on the CPU time that they leave.
    pub beside: bool,
}

pub fn step(name: &str, args: &str) -> Step {
    Step {
        name: name.into(),
        args: args.split(' ').map(OsString::from).collect(),
        after: None,
        rare: false,
        boots: false,
        beside: false,
    }
}

impl Step {
    pub fn after(mut self, name: &str) -> Step {
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

    pub fn beside(mut self) -> Step {
        self.beside = true;
        self
    }

    pub fn arg(mut self, name: &str, value: impl Into<OsString>) -> Step {
        self.args.extend([name.into(), value.into()]);
        self
    }
}

/// Returns a step that runs xtask's own tests of these names, which a plain `cargo test` leaves
/// out.
fn ignored(name: &str, tests: &str) -> Step {
    let args = "test --locked --package xtask --test all -- --ignored ";
    step(name, &(args.to_owned() + tests))
}

/// Returns the steps that every machine can run. While `patches` fetches the sources, the other
/// lane tests planted bugs.
fn host_steps(full: bool) -> Vec<Step> {
    // Without --full, one bug for each test program; with --full, each bug.
    let plants = match full {
        true => step("plants", PLANTS).arg("--", "--include-ignored"),
        false => step("plants", PLANTS),
    };
    vec![
        step("format", "fmt --all --check"),
        step("patches", "xtask gen-patches --base all --check"),
        step(
            "clippy",
            "clippy --locked --workspace --all-targets -- -D warnings",
        ),
        step(
            "host-tests",
            "test --locked --workspace --exclude plants --no-fail-fast",
        ),
        plants.beside(),
        step("b4", "xtask gen-patches --base all --try-b4")
            .after("patches")
            .beside(),
        ignored("patches-elsewhere", "drafts::")
            .after("patches")
            .beside(),
        ignored("dev-loop", "real_series::")
            .after("patches")
            .beside(),
    ]
}

/// Returns the command that runs the device matrix on a line. All other guests have split rings and
/// own vectors, so without --full only packed rings are tried. On the line that is sent, every
/// device is tried.
fn matrix(full: bool, is_default: bool) -> &'static str {
    match (full, is_default) {
        (true, _) => "xtask check matrix --quick",
        (false, true) => "xtask check matrix --layout packed --vectors own,intx",
        (false, false) => {
            "xtask check matrix --layout packed --vectors own,intx --device blk,net,console"
        }
    }
}

/// Returns a step of one line, with the source that was asked for.
fn on_line(line: &Line, args: &Args, what: &str, command: &str) -> Step {
    let step = step(&named(line, what), command).arg("--base", line.name);
    match &args.linux {
        Some(dir) => step.arg("--linux", dir),
        None => step,
    }
}

fn named(line: &Line, what: &str) -> String {
    match line == line::DEFAULT {
        true => what.to_owned(),
        false => format!("{what}-{}", line.name),
    }
}

/// Returns the steps that build and boot one line's kernel. On the default line they also measure
/// it, and make its guests fail in every way.
fn line_steps(line: &Line, args: &Args, out: &Path) -> Vec<Step> {
    let is_default = line == line::DEFAULT;
    let name = |what: &str| named(line, what);
    let on_line =
        |what: &str, command: &str, after: &str| on_line(line, args, what, command).after(after);
    let guest = |what: &str, command: &str| {
        on_line(what, command, &name("kernel"))
            .boots()
            .arg("--out", out.join(name(what)))
    };

    // The second kernel is built while the first one boots, if there is a first one.
    let mut kernel = on_line("kernel", "xtask build-kernel", "patches");
    kernel.beside = !is_default && args.base.is_none();
    let mut net_modes = guest("net-modes", "xtask boot-test --scenario net");
    net_modes.rare = !is_default;
    let mut steps = vec![
        kernel,
        guest("smoke", "xtask boot-test"),
        guest("matrix", matrix(args.full, is_default)),
        net_modes,
    ];
    if is_default {
        let planted = match args.full {
            true => "xtask check planted",
            false => "xtask check planted --quick",
        };
        steps.extend([
            on_line("feature-off", FEATURE_OFF, "patches").beside(),
            on_line("idle-loop", "xtask check idle-loop", &name("kernel")),
            on_line("instructions", "xtask check instructions", &name("kernel")),
            guest("kunit", "xtask boot-test --scenario kunit"),
            guest("threadirqs", "xtask boot-test --scenario threadirqs"),
            guest("soak", "xtask soak --quick"),
            guest("planted", planted),
            // Under TCG, one thread emulates all CPUs here, which is slow: see the soak's REMAP.
            guest(
                "resets",
                "xtask soak --trouble flr,replug,flip,cpu-hotplug --minutes 6",
            )
            .rare(),
            guest("cost", "xtask check cost --quick").rare(),
            // These tests include short measurements of the disk and of the network card.
            ignored("guests", "guests:: --test-threads 1").after(&name("kernel")),
            // Other tests of the kit make root file systems and boot stock kernels. They run on
            // demand.
            ignored("kit", "kit::an_archive kit::an_unpacked --test-threads 1")
                .after(&name("kernel"))
                .rare(),
            on_line("by-hand", "xtask check by-hand", "patches")
                .rare()
                .beside(),
        ]);
    }
    steps
}

/// Returns the steps that review one line's series. For the line that is sent, the last patch is
/// built.
fn review_steps(line: &Line, args: &Args) -> Vec<Step> {
    let is_default = line == line::DEFAULT;
    let review = match args.full || is_default {
        true => "xtask series review --quick",
        false => "xtask series review --no-build",
    };
    let review = on_line(line, args, "review", review);
    let mut steps = vec![review.after("patches").beside()];
    if is_default {
        let blind = on_line(line, args, "blind-review", BLIND_REVIEW);
        steps.push(blind.after("review").rare().beside());
    }
    steps
}

/// Returns the step that tests the module on the distribution's own kernels.
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

/// Returns the steps that these arguments ask for, in the order in which they run. Each step comes
/// after the step named in its `after`.
pub fn wanted(args: &Args, out: &Path) -> Vec<Step> {
    let only = args.base;
    let mut steps = host_steps(args.full);
    if !args.host {
        let mut lines: Vec<&Line> = LINES.iter().collect();
        lines.retain(|&line| only.is_none_or(|only| line == only));
        steps.extend(lines.iter().flat_map(|line| line_steps(line, args, out)));
        steps.push(module_step(only, args, out));
        steps.extend(lines.iter().flat_map(|line| review_steps(line, args)));
    }
    steps.retain(|step| args.full || !step.rare);
    steps
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Typed {
        #[command(flatten)]
        args: Args,
    }

    /// Otherwise a lane would wait for itself.
    #[test]
    fn each_step_is_behind_the_one_that_it_is_after() {
        for option in [&[][..], &["--host"], &["--full"], &["--base", "6.12"]] {
            let typed = Typed::parse_from([&["test"], option].concat());
            let steps = wanted(&typed.args, Path::new("out"));
            for (at, step) in steps.iter().enumerate() {
                let behind = |name| steps[..at].iter().any(|step| &step.name == name);
                assert!(step.after.iter().all(behind), "{option:?}: {}", step.name);
            }
        }
    }

    /// Otherwise a step that does not parse would fail only after the earlier hours of `--full`.
    #[test]
    fn each_step_is_a_command_that_parses() {
        let typed = Typed::parse_from(["test", "--full"]);
        for step in wanted(&typed.args, Path::new("out")) {
            if step.args[0] == "xtask" {
                let parsed = crate::Cli::try_parse_from(&step.args);
                assert!(parsed.is_ok(), "{}: {:?}", step.name, parsed.err());
            }
        }
    }
}
