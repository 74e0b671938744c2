// SPDX-License-Identifier: GPL-2.0
//! `bench --controls`: measures where a disk's gain comes from. Besides the usual variants each
//! boot measures:
//!
//! - `wait_alone`: the polling wait, which lacks the PAUSE of the usual wait, with nothing to
//!   find. The source is a second disk, which does nothing; the measured disk interrupts. A gain
//!   here comes from the wait, not from polling. It needs no other kernel.
//! - `halts`: no wait at all, as on a distribution's kernel where haltpoll is not loaded.
//!
//! There is one boot for each poll time of QEMU's iothread: io_poll keeps that thread from
//! sleeping, which may be most of its lead over poll_source.

use std::path::Path;

use anyhow::Result;
use guest_protocol::{Measured, Pace, Variant, Workload};

use super::boot::{self, BlkWanted, IothreadPoll};
use super::cases;
use crate::bench::boot::BenchBoot;
use crate::bench::environment::{Ticks, scale};
use crate::bench::setup::BenchSetup;
use crate::output;
use measure::events::Named;
use measure::results::Comparison;
use measure::scale::sentence;
use measure::table::render;
use series::results::table::rows;

const PAGE: &str = "controls.md";

/// Poll times of the iothread: off, QEMU's default, and a time that is longer than every default
/// latency except the longest.
const IOTHREAD_POLLS: [IothreadPoll; 3] = [
    IothreadPoll(Some(0)),
    IothreadPoll(None),
    IothreadPoll(Some(200_000)),
];

/// The outcome of one boot.
struct Arm {
    /// The name of its row.
    name: String,
    case: Comparison,
    pace: Option<Pace>,
}

/// Measures, and writes the page to the folder of results, and also to `saved` if nothing failed.
pub fn run(setup: &BenchSetup, saved: Option<&Path>) -> Result<()> {
    let mut arms = Vec::new();
    let before = Ticks::now()?;
    let measured = measure(setup, &mut arms);
    let warnings = setup.warnings_since(before)?;
    // The finished boots are written even if a later boot has failed.
    if !arms.is_empty() {
        let text = text(setup, &warnings, &arms);
        output::write(&setup.bed.out, PAGE, &text)?;
        if let Some(folder) = saved {
            measured?;
            return output::save(folder, PAGE, &setup.bed.image, &text);
        }
    }
    measured
}

fn measure(setup: &BenchSetup, arms: &mut Vec<Arm>) -> Result<()> {
    for &latency_us in &setup.args.latencies {
        for poll in IOTHREAD_POLLS {
            let wanted = BlkWanted {
                workloads: &[Workload::RandRead],
                variants: Variant::CONTROLS.to_vec(),
                controls: Some(poll),
                ..BlkWanted::gain(setup, latency_us)
            };
            let boot = boot::measure(setup, &wanted)?;
            arms.push(arm(latency_us, poll, &boot));
        }
    }
    Ok(())
}

/// Returns the case of one boot, with the ratio of each variant to `before`.
fn arm(latency_us: u64, IothreadPoll(ns): IothreadPoll, boot: &BenchBoot<Measured>) -> Arm {
    let ratios: Vec<_> = compared()
        .map(|variant| (variant.name(), variant, Variant::Before))
        .collect();
    let outcomes = cases::outcomes(&boot.measured, Workload::RandRead);
    let name = format!("blk/randread@{latency_us}us");
    let ns = ns.map_or("default".into(), |ns| ns.to_string());
    Arm {
        name: format!("{latency_us} us, {ns}"),
        case: Comparison::new(name, "iops", outcomes, &ratios),
        pace: boot.facts.pace,
    }
}

fn compared() -> impl Iterator<Item = Variant> {
    Variant::CONTROLS.into_iter().skip(1)
}

fn text(setup: &BenchSetup, warnings: &[String], arms: &[Arm]) -> String {
    let mut text = format!(
        "# Where the gain comes from\n\n4k randread, one job per queue, Linux {}, {}, {} rounds of \
         {} s. Ratios to before (haltpoll alone) in the same boot, median [95 % interval].\n\n",
        setup.bed.image.version,
        setup.bed.accel.name(),
        setup.args.rounds,
        setup.args.seconds.as_secs_f64()
    );
    let pace = arms.last().and_then(|arm| arm.pace);
    if let Some(slow) = sentence(scale(setup, pace).as_ref()) {
        text += &format!("{slow}.\n\n");
    }
    for warning in warnings {
        text += &format!("Warning: {warning}.\n\n");
    }
    text += &render(&table(arms));
    text += "\nwait_alone has the same wait, but polls a second disk, which does nothing; the \
             measured disk interrupts. halts has no wait.\n";
    text
}

fn table(arms: &[Arm]) -> Vec<Vec<String>> {
    let columns: Vec<_> = compared()
        .map(|variant| (variant.to_string(), variant.name()))
        .collect();
    let cases: Vec<Named> = arms
        .iter()
        .map(|arm| (arm.name.clone(), &arm.case))
        .collect();
    let mut table = rows(&columns, "irqs per op", &cases);
    table[0][0] = "latency, poll-max-ns".into();
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::blk::cases::tests::{run, two_rounds};
    use guest_protocol::Facts;
    use vm::machine::GuestFiles;

    #[test]
    fn each_boot_is_a_row_and_what_was_not_measured_a_dash() {
        let mut runs = two_rounds();
        runs.extend([
            run(1, Variant::WaitAlone, 980, 980),
            run(2, Variant::WaitAlone, 1960, 1960),
        ]);
        let boot = BenchBoot {
            facts: Facts::default(),
            measured: runs,
            files: GuestFiles { dir: "".into() },
        };
        let table = table(&IOTHREAD_POLLS.map(|poll| arm(100, poll, &boot)));
        assert_eq!(
            table[1],
            [
                "100 us, 0",
                "1.20 [1.20, 1.20]",
                "1.50 [1.50, 1.50]",
                "0.98 [0.98, 0.98]",
                "-",
                "1.000 -> 0.020",
            ]
        );
        assert_eq!(
            (&*table[2][0], &*table[3][0]),
            ("100 us, default", "100 us, 200000")
        );
    }
}
