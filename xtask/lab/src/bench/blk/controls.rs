// SPDX-License-Identifier: GPL-2.0
//! `bench --controls`: where a disk's gain comes from. Beside the usual variants a boot measures
//!
//! - `wait_alone`: the wait that polls, without the PAUSE of the usual one, and with nothing to
//!   find: a second disk is the source, which does nothing, and the measured one interrupts. What
//!   this gains comes from the wait, not from polling. No kernel is changed for it;
//! - `halts`: no wait at all, as on a distribution's kernel where haltpoll is not loaded;
//!
//! and there is a boot for each length that QEMU's iothread polls: io_poll keeps that thread from
//! sleeping, which may be most of its lead over poll_source.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use guest_protocol::{Facts, Measured, Variant, Workload};
use serde::Serialize;

use super::boot::{self, BlkWanted, IothreadPoll};
use super::cases;
use crate::bench::Args;
use crate::bench::part::BenchSetup;
use measure::results::{Runs, Samples};
use measure::scale::{self, Scale};
use measure::stats::{self, Ratio, median};
use measure::table::render;
use vm::record::Record;
use vm::session::Rig;

/// Off, QEMU's default, and long enough for any latency that is measured but the longest.
const IOTHREAD_POLLS: [IothreadPoll; 3] = [
    IothreadPoll(Some(0)),
    IothreadPoll(None),
    IothreadPoll(Some(200_000)),
];

/// controls.json.
#[derive(Serialize)]
struct Controls {
    schema: u32,
    base: String,
    tree: Option<String>,
    accel: &'static str,
    rounds: u32,
    seconds: f64,
    scale: Option<Scale>,
    warnings: Vec<String>,
    boots: Vec<Arm>,
}

/// One boot: a latency, and how long the iothread polled.
#[derive(Serialize)]
struct Arm {
    latency_us: u64,
    /// Null: as QEMU does.
    poll_max_ns: Option<u64>,
    variants: BTreeMap<Variant, Runs>,
    /// To `before`.
    ratio: BTreeMap<Variant, Ratio>,
}

pub fn run(
    rig: &Rig,
    setup: &BenchSetup,
    args: &Args,
    record: &mut Record,
    out: &Path,
) -> Result<()> {
    let mut boots = Vec::new();
    let mut facts = Facts::default();
    let mut failed = None;
    'all: for &latency_us in &args.latencies {
        for poll in IOTHREAD_POLLS {
            let wanted = BlkWanted {
                latency_us,
                workloads: &[Workload::RandRead],
                variants: Variant::CONTROLS.to_vec(),
                controls: Some(poll),
                counter: None,
            };
            let boot = boot::measure(rig, setup, args, &wanted, record);
            record.write(out)?;
            match boot {
                Ok(boot) => {
                    boots.push(arm(latency_us, poll, &boot.measured));
                    facts = boot.facts;
                }
                // What is there is worth having even so.
                Err(err) => {
                    failed = Some(err);
                    break 'all;
                }
            }
        }
    }
    let controls = Controls {
        schema: 1,
        base: setup.image.version.clone(),
        tree: setup.image.tree.clone(),
        accel: setup.accel.name(),
        rounds: args.rounds,
        seconds: args.seconds.as_secs_f64(),
        scale: Scale::of(Some(setup.pace), facts.pace),
        warnings: setup.warnings.clone(),
        boots,
    };
    if !controls.boots.is_empty() {
        write(&controls, out)?;
    }
    failed.map_or(Ok(()), Err)
}

fn arm(latency_us: u64, IothreadPoll(poll_max_ns): IothreadPoll, measured: &[Measured]) -> Arm {
    let mut runs: BTreeMap<Variant, Vec<&Measured>> = BTreeMap::new();
    for run in measured {
        runs.entry(run.segment.variant).or_default().push(run);
    }
    let variants: BTreeMap<Variant, Runs> = runs
        .into_iter()
        .map(|(variant, runs)| (variant, cases::outcome(variant, runs)))
        .collect();
    let of = |variant: &Variant| match variants.get(variant) {
        Some(Runs::Samples(samples)) => Some(samples),
        _ => None,
    };
    let mut ratio = BTreeMap::new();
    if let Some(before) = of(&Variant::Before) {
        for variant in variants.keys().filter(|it| **it != Variant::Before) {
            let over = of(variant);
            let to_before = over.and_then(|over| stats::ratio(&over.samples, &before.samples));
            ratio.extend(to_before.map(|ratio| (*variant, ratio)));
        }
    }
    Arm {
        latency_us,
        poll_max_ns,
        variants,
        ratio,
    }
}

fn write(controls: &Controls, out: &Path) -> Result<()> {
    let text = page(controls);
    print!("\n{text}");
    let save = |name: &str, content: &str| {
        let path = out.join(name);
        fs::write(&path, content).with_context(|| format!("writing {}", path.display()))
    };
    save("controls.md", &text)?;
    save(
        "controls.json",
        &(serde_json::to_string_pretty(controls)? + "\n"),
    )?;
    println!("results in {}", out.display());
    Ok(())
}

fn page(controls: &Controls) -> String {
    let mut text = format!(
        "# Where the gain comes from\n\n4k randread, one job a queue, Linux {}, {}, {} rounds of {} \
         s. Ratios to before (haltpoll alone) of the same boot, median [95 % interval].\n\n",
        controls.base, controls.accel, controls.rounds, controls.seconds
    );
    if let Some(slow) = scale::sentence(controls.scale.as_ref()) {
        text += &format!("{slow}.\n\n");
    }
    for warning in &controls.warnings {
        text += &format!("Warning: {warning}.\n\n");
    }
    text += &render(&rows(controls));
    text += "\nwait_alone polls a disk that does nothing in the same wait, and takes the measured \
             one's interrupts; halts never waits.\n";
    text
}

fn rows(controls: &Controls) -> Vec<Vec<String>> {
    let compared = || Variant::CONTROLS.into_iter().skip(1);
    let mut head = vec![
        "latency".into(),
        "poll-max-ns".into(),
        "before, IOPS".into(),
    ];
    head.extend(compared().map(|variant| variant.to_string()));
    head.push("irqs/op poll_source".into());
    let mut table = vec![head];
    for arm in &controls.boots {
        let samples = |variant: Variant| match arm.variants.get(&variant) {
            Some(Runs::Samples(samples)) => Some(samples),
            _ => None,
        };
        let shown = |of: fn(&Samples) -> String, variant| samples(variant).map_or("-".into(), of);
        let native = scale::as_native(controls.scale.as_ref(), arm.latency_us);
        let mut row = vec![
            format!("{} us{native}", arm.latency_us),
            arm.poll_max_ns
                .map_or("default".into(), |ns| ns.to_string()),
            shown(|it| format!("{:.0}", median(&it.samples)), Variant::Before),
        ];
        row.extend(compared().map(|variant| {
            let ratio = arm.ratio.get(&variant);
            ratio.map_or("-".into(), Ratio::to_string)
        }));
        row.push(shown(
            |it| format!("{:.3}", it.irqs_per_op),
            Variant::PollSource,
        ));
        table.push(row);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::blk::cases::tests::{run, two_rounds};

    fn two_rounds_with_controls() -> Vec<Measured> {
        let mut runs = two_rounds();
        runs.extend([
            run(1, Variant::WaitAlone, 980, 980),
            run(2, Variant::WaitAlone, 1960, 1960),
            run(1, Variant::Halts, 900, 900),
            run(2, Variant::Halts, 1800, 1800),
        ]);
        runs
    }

    fn controls(boots: Vec<Arm>) -> Controls {
        Controls {
            schema: 1,
            base: "7.3.4".into(),
            tree: None,
            accel: "tcg",
            rounds: 2,
            seconds: 0.5,
            scale: None,
            warnings: Vec::new(),
            boots,
        }
    }

    #[test]
    fn each_boot_is_a_row() {
        let arm = |poll| super::arm(100, poll, &two_rounds_with_controls());
        let boots = IOTHREAD_POLLS.map(arm).into_iter().collect();
        let rows = rows(&controls(boots));
        assert_eq!(rows.len(), 4);
        let first: Vec<&str> = rows[1].iter().map(String::as_str).collect();
        assert_eq!(
            first,
            [
                "100 us",
                "0",
                "1500",
                "1.20 [1.20, 1.20]",
                "1.50 [1.50, 1.50]",
                "0.98 [0.98, 0.98]",
                "0.90 [0.90, 0.90]",
                "0.020",
            ]
        );
        assert_eq!(
            (rows[2][1].as_str(), rows[3][1].as_str()),
            ("default", "200000")
        );
    }

    #[test]
    fn what_was_not_measured_is_a_dash() {
        let mut runs = two_rounds_with_controls();
        runs.retain(|run| run.segment.variant != Variant::Halts);
        runs[2].queue_polls = false;
        let arm = arm(0, IothreadPoll(None), &runs);
        let rows = rows(&controls(vec![arm]));
        assert_eq!((rows[1][4].as_str(), rows[1][6].as_str()), ("-", "-"));
    }
}
