// SPDX-License-Identifier: GPL-2.0
//! Counts the instructions and the queue notifications of an operation with a QEMU plugin
//! (`counter`). The plugin slows the guest down, so it has a short boot of its own, which is
//! under TCG on any host.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use fs_err as fs;
use guest_protocol::{Measured, Segment, Shape, Variant, Workload};

use super::boot::{self, BlkWanted};
use crate::bench::setup::{BenchSetup, variants};
use crate::bench::{Args, Workloads};
use crate::testbed::TestBed;
use kernel::image::Image;
use measure::results::{Comparison, Runs};
use measure::stats::{lower_quartile, median};
use toolbox::fault::Kind;
use toolbox::options::{OutArgs, SeedArgs};
use toolbox::place::Place;
use toolbox::run::Stage;
use vm::accel::Accelerator;
use vm::session::Rig;

const SECONDS: Duration = Duration::from_secs(1);

/// The counts of one timed run.
pub struct CountedRun {
    segment: Segment<Workload>,
    ios: u64,
    counts: RunCounts,
}

/// The counts of one run, as the plugin wrote them.
#[derive(Debug, Default, PartialEq)]
pub struct RunCounts {
    notifications: usize,
    /// Instructions from each notification to the next.
    operations: Vec<f64>,
    /// The values of `operations` that include exactly one hit.
    polled: Vec<f64>,
    /// Instructions of each hit.
    hits: Vec<f64>,
}

impl CountedRun {
    fn notifications_per_op(&self) -> f64 {
        self.counts.notifications as f64 / self.ios as f64
    }

    /// The median. Ticks or other tasks in some of the operations do not change it.
    fn instructions_per_op(&self) -> f64 {
        median(&self.counts.operations)
    }

    /// The lower quartile of the polled operations. It varies least from boot to boot, because a
    /// tick can only add instructions. The number of polled operations depends on the host.
    pub fn instructions_per_polled_op(&self) -> f64 {
        lower_quartile(&self.counts.polled)
    }

    pub fn instructions_per_hit(&self) -> f64 {
        median(&self.counts.hits)
    }

    pub fn polled_ops(&self) -> usize {
        self.counts.polled.len()
    }
}

/// Counts with polling off and on, at one latency.
pub fn measure(setup: &BenchSetup, latency_us: u64) -> Result<Vec<CountedRun>> {
    // The other variants wait in code that the plugin does not know.
    let mut variants = variants(Variant::BLK, setup);
    variants.retain(|variant| matches!(variant, Variant::Before | Variant::PollSource));
    let wanted = BlkWanted {
        variants,
        rounds: 1,
        seconds: SECONDS,
        counter: Some(plugin(&setup.bed.rig.place)?),
        ..BlkWanted::gain(setup, latency_us)
    };
    count(setup, &wanted)
}

/// Counts only 4k randread with polling on, at 100 us.
pub fn polled(rig: Rig, image: Image) -> Result<CountedRun> {
    let args = Args {
        workload: Workloads::Blk,
        latencies: vec![100],
        rounds: 1,
        seconds: SECONDS,
        shape: Shape::Fit,
        seed: SeedArgs::default(),
        count: true,
    };
    let out = OutArgs::default().folder(&rig.place, "instructions")?;
    let bed = TestBed::new(rig, image, Accelerator::Tcg, out);
    let setup = BenchSetup::new(bed, args)?;
    let wanted = BlkWanted {
        workloads: &[Workload::RandRead],
        variants: vec![Variant::PollSource],
        counter: Some(plugin(&setup.bed.rig.place)?),
        ..BlkWanted::gain(&setup, 100)
    };
    let mut runs = count(&setup, &wanted)?;
    runs.pop().context("the guest reported no run")
}

fn count(setup: &BenchSetup, wanted: &BlkWanted) -> Result<Vec<CountedRun>> {
    let boot = boot::measure(setup, wanted)?;
    let path = boot.files.counts();
    let counts = parse(&fs::read_to_string(&path)?);
    ensure!(
        counts.len() == boot.measured.len(),
        "the plugin counted {} of {} runs, see {}",
        counts.len(),
        boot.measured.len(),
        path.display()
    );
    // A kernel may have another name for the function that notifies the device.
    ensure!(
        counts.iter().all(|run| !run.operations.is_empty()),
        "the plugin counted no notification in a run, see {}",
        path.display()
    );
    Ok(of_runs(counts, &boot.measured))
}

fn of_runs(counts: Vec<RunCounts>, measured: &[Measured]) -> Vec<CountedRun> {
    let runs = counts.into_iter().zip(measured);
    runs.map(|(counts, measured)| CountedRun {
        segment: measured.segment,
        ios: measured.ios,
        counts,
    })
    .collect()
}

fn plugin(place: &Place) -> Result<PathBuf> {
    let mut cmd = place.cargo();
    cmd.args(["build", "--locked", "--release", "--package", "counter"])
        .env("CARGO_TARGET_DIR", place.target());
    Stage::new("building the counting plugin")
        .fails_as(Kind::Build)
        .run(&mut cmd, &place.logs().join("counter.log"))?;
    Ok(place.target().join("release/libcounter.so"))
}

/// Splits the plugin's output into runs. `xtask/counter/src/lib.rs` describes the format.
pub fn parse(text: &str) -> Vec<RunCounts> {
    // A run is between two marks.
    text.split("mark\n")
        .skip(1)
        .step_by(2)
        .map(of_run)
        .collect()
}

fn of_run(text: &str) -> RunCounts {
    let mut counts = RunCounts::default();
    let mut hits = 0;
    for line in text.lines() {
        let Some((name, Ok(count))) = line.split_once(' ').map(|(name, it)| (name, it.parse()))
        else {
            continue;
        };
        if name == "hit" {
            counts.hits.push(count);
            hits += 1;
            continue;
        }
        // Instructions before the first notification belong to fio's start, not to an operation.
        if counts.notifications > 0 {
            counts.operations.push(count);
            if hits == 1 {
                counts.polled.push(count);
            }
        }
        counts.notifications += 1;
        hits = 0;
    }
    counts
}

/// Adds the counts to the cases of the same workload. `cases` must have the latency of the
/// counts.
pub fn add(cases: &mut [Comparison], counted: &[CountedRun]) {
    for run in counted {
        let Segment {
            workload, variant, ..
        } = run.segment;
        let is_own = |case: &&mut Comparison| case.disk().is_some_and(|it| it.0 == workload);
        for case in cases.iter_mut().filter(is_own) {
            if let Some(Runs::Samples(samples)) = case.variants.get_mut(&variant)
                && let Some(events) = &mut samples.events_per_op
            {
                events.notifications = Some(run.notifications_per_op());
                events.instructions = Some(run.instructions_per_op());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::blk::cases::{cases, tests::run};

    const TEXT: &str = "mark\nnotify 900000\nnotify 20000\nnotify 21000\nnotify 20000\nmark\n\
        mark\nnotify 800000\nhit 3000\nnotify 9000\nnotify 9500\nhit 3100\nnotify 9100\n\
        hit 3000\nmark\n";

    #[test]
    fn what_was_counted_is_the_cases() {
        let measured = [
            run(1, Variant::Before, 4, 4),
            run(1, Variant::PollSource, 4, 0),
        ];
        let counted = of_runs(parse(TEXT), &measured);
        assert!(counted[0].instructions_per_hit().is_nan());
        assert_eq!(counted[1].instructions_per_hit(), 3000.0);
        assert_eq!(counted[1].instructions_per_polled_op(), 9025.0);

        let mut cases = cases(100, &measured);
        add(&mut cases, &counted);
        for (variant, instructions) in [(Variant::Before, 20_000.0), (Variant::PollSource, 9100.0)]
        {
            let events = cases[0].samples(variant).unwrap().events_per_op.unwrap();
            assert_eq!(events.notifications, Some(1.0));
            assert_eq!(events.instructions, Some(instructions));
        }
    }

    #[test]
    fn without_marks_nothing_was_counted() {
        for text in ["", "notify 5\nhit 5\n"] {
            assert!(parse(text).is_empty(), "{text:?}");
        }
        assert_eq!(parse("mark\nmark\n"), [RunCounts::default()]);
    }
}
