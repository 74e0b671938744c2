// SPDX-License-Identifier: GPL-2.0
//! Measures any disk of the machine that this program runs in. Its latency is measured, not set.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Result, ensure};
use guest_protocol::{Facts, Measured, Report, Scenario, Variant, Workload};

use super::{boot, cases};
use crate::bench::environment::Ticks;
use crate::bench::setup::BenchSetup;
use crate::bench::{plan, report};
use measure::stats::median;
use toolbox::run::Stage;
use vm::in_place::InPlace;
use vm::session::Limits;

/// Time for the start of the init, or for the start and end of fio. It is multiplied by the
/// accelerator's patience.
const SLACK: Duration = Duration::from_secs(20);

pub struct Inside {
    /// The packed initramfs, which has the init.
    pub base: PathBuf,
    /// The name of the disk, such as "vda".
    pub disk: String,
    pub variants: Vec<Variant>,
    /// The module's file, if the feature is a module.
    pub module: Option<PathBuf>,
}

/// Measures, and writes the results. `dir` is an empty folder for the guest's files.
pub fn run(setup: &BenchSetup, inside: &Inside, dir: &Path) -> Result<()> {
    setup.tell();
    let before = Ticks::now()?;
    let mut results = report::begin(setup);
    let args = &setup.args;
    // Only reads, because the disk may hold data.
    let reads = [Workload::RandRead];
    let segments = plan::segments(args.rounds, &reads, &inside.variants, setup.seed);
    let wanted = segments.len();
    let patience = setup.bed.accel.patience();
    let in_place = InPlace {
        base: &inside.base,
        dir,
        limits: Limits {
            silence: args.seconds + SLACK * patience,
            total: (args.seconds + SLACK / 4) * (segments.len() as u32 + 5) * patience,
        },
        scenario: Scenario::Bench(boot::bench(
            &inside.disk,
            args.shape,
            args.seconds,
            segments,
        )),
        module: inside.module.as_deref(),
    };
    let stage = Stage::new(format!("measuring {}", inside.disk));
    let (mut facts, mut measured) = (Facts::default(), Vec::new());
    in_place.run(|report| match report {
        Report::Stage { name } => stage.tell(name),
        Report::Facts(found) => facts = found.clone(),
        Report::Measured(run) => measured.push(run.clone()),
        _ => {}
    })?;
    drop(stage);
    ensure!(
        measured.len() == wanted,
        "the guest reported {} of {wanted} runs",
        measured.len()
    );
    let cases = cases::cases(request_us(&measured), &measured);
    report::add(&mut results, facts, cases);
    report::finish(setup, &mut results, before)
}

/// Returns the median time of one request without polling, in us. This is the best estimate of
/// the disk's latency from inside.
fn request_us(measured: &[Measured]) -> u64 {
    let us: Vec<f64> = measured
        .iter()
        .filter(|run| run.segment.variant == Variant::Before)
        .map(|run| run.elapsed_ns as f64 / 1e3 / run.ios as f64)
        .collect();
    median(&us).round() as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::blk::cases::tests::run;

    #[test]
    fn a_request_takes_what_it_took_without_polling() {
        let runs = [
            run(1, Variant::Before, 10_000, 10_000),
            run(2, Variant::Before, 20_000, 20_000),
            run(3, Variant::Before, 12_500, 12_500),
            run(1, Variant::PollSource, 100_000, 10),
        ];
        assert_eq!(request_us(&runs), 80);
        assert_eq!(request_us(&[]), 0);
    }
}
