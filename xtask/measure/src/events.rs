// SPDX-License-Identifier: GPL-2.0
//! How often each event happened per operation, and what the difference between two variants should
//! gain under KVM. The counts are the guest's own; the costs of events come from `predict`.

use guest_protocol::{Events, Variant};
use predict::{Counts, Setting, predict, tables};
use serde::{Deserialize, Serialize};

use crate::results::{Comparison, Design, Samples};
use crate::scale::Scale;
use crate::stats::median;
use crate::table::row;

/// Events per operation besides the device's own interrupts, which are in `Samples`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct EventsPerOp {
    /// None if no idle driver counts halts.
    pub halts: Option<f64>,
    pub timers: f64,
    pub ipis: f64,
    pub context_switches: f64,
    /// Queue notifications that the guest sends. QEMU's plugin counts them, and the instructions,
    /// in a separate boot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notifications: Option<f64>,
    /// Median of the guest's instructions, without those that a wait repeats.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instructions: Option<f64>,
}

impl EventsPerOp {
    /// Divides the counts of all runs by `operations`, which the runs did together. None without
    /// operations, or if nothing was counted.
    pub fn of(runs: impl Iterator<Item = Events>, operations: f64) -> Option<EventsPerOp> {
        let runs: Vec<Events> = runs.collect();
        if operations <= 0.0 || runs.iter().all(|events| *events == Events::default()) {
            return None;
        }
        let per_op = |of: fn(&Events) -> u64| {
            runs.iter().map(|run| of(run) as f64).sum::<f64>() / operations
        };
        let counts_halts = runs.iter().all(|run| run.halts.is_some());
        Some(EventsPerOp {
            halts: counts_halts.then(|| per_op(|run| run.halts.unwrap_or(0))),
            timers: per_op(|run| run.timers),
            ipis: per_op(|run| run.ipis),
            context_switches: per_op(|run| run.context_switches),
            notifications: None,
            instructions: None,
        })
    }
}

/// Returns the counts whose costs `predict` has. If notifications were not counted, each operation
/// counts as one notification in every variant.
fn counts(samples: &Samples) -> Option<Counts> {
    let events = samples.events_per_op?;
    Some(Counts {
        device_interrupts: samples.irqs_per_op,
        halts: events.halts.unwrap_or(0.0),
        timers: events.timers,
        ipis: events.ipis,
        notifications: events.notifications.unwrap_or(1.0),
        context_switches: events.context_switches,
    })
}

/// The name of a case in its rows, and the case.
pub type Named<'a> = (String, &'a Comparison);
type Rows = Vec<Vec<String>>;

/// Returns rows of text, one for each variant of each case. None if nothing was counted.
pub fn per_op(rows: &[Named], kind: &Design) -> Option<Rows> {
    let head = [
        "",
        "variant",
        "device irqs",
        "halts",
        "timer irqs",
        "IPIs",
        "context switches",
        "notifications",
        "instructions",
    ];
    let mut table = vec![row(head)];
    for (name, case) in rows {
        for variant in kind.variants {
            let Some(samples) = case.samples(variant) else {
                continue;
            };
            let Some(events) = samples.events_per_op else {
                continue;
            };
            let figure = |count: f64| format!("{count:.3}");
            table.push(vec![
                name.clone(),
                variant.to_string(),
                figure(samples.irqs_per_op),
                events.halts.map_or("-".into(), figure),
                figure(events.timers),
                figure(events.ipis),
                figure(events.context_switches),
                events.notifications.map_or("-".into(), figure),
                events
                    .instructions
                    .map_or("-".into(), |count| format!("{count:.0}")),
            ]);
        }
    }
    let is_counted = |samples: &Samples| {
        samples
            .events_per_op
            .is_some_and(|of| of.notifications.is_some())
    };
    let mut all = rows
        .iter()
        .flat_map(|(_, case)| kind.variants.map(|variant| case.samples(variant)));
    if !all.any(|samples| samples.is_some_and(is_counted)) {
        table.iter_mut().for_each(|row| row.truncate(row.len() - 2));
    }
    (table.len() > 1).then_some(table)
}

/// Returns rows of text: what poll_source should gain on these disks under KVM. None if nothing was
/// counted or no scale is known. An operation takes the latency there, and the rest at native
/// speed.
pub fn predicted(rows: &[Named], jobs: u32, scale: Option<&Scale>) -> Option<Rows> {
    let scale = scale?;
    let mut head = vec![String::new(), "round trip, native".into()];
    head.extend(Setting::ALL.map(|setting| setting.to_string()));
    let mut table = vec![head];
    for (name, case) in rows {
        let before = case.samples(Variant::Before);
        let polled = case.samples(Variant::PollSource);
        let (Some((_, latency_us)), Some(before), Some(polled)) = (case.disk(), before, polled)
        else {
            continue;
        };
        let (Some(events), Some(polled)) = (counts(before), counts(polled)) else {
            continue;
        };
        let taken_us = f64::from(jobs) * 1e6 / median(&before.samples);
        let us = scale.native_round_trip_us(taken_us, latency_us as f64);
        let mut row = vec![name.clone(), format!("{us:.1} us")];
        row.extend(
            Setting::ALL.map(|setting| tables::gains(predict(&events, &polled, us * 1e3, setting))),
        );
        table.push(row);
    }
    (table.len() > 1).then_some(table)
}

#[cfg(test)]
mod tests {
    use super::*;
    use guest_protocol::{Pace, Workload};

    use crate::results::{BLK, Runs};

    fn samples(rate: f64, irqs_per_op: f64, events_per_op: Option<EventsPerOp>) -> Runs {
        Runs::Samples(Samples {
            samples: vec![rate; 8],
            irqs_per_op,
            latency_us: None,
            events_per_op,
            qemu_percent: None,
        })
    }

    fn case(events: Option<EventsPerOp>) -> Comparison {
        let outcomes = [
            (Variant::Before, samples(2500.0, 1.0, events)),
            (Variant::PollSource, samples(3000.0, 0.0, events)),
        ];
        let outcomes = outcomes.into_iter().collect();
        Comparison::of_disk(Workload::RandRead, 100, outcomes, &BLK)
    }

    const EVENTS: EventsPerOp = EventsPerOp {
        halts: Some(0.01),
        timers: 0.1,
        ipis: 0.0,
        context_switches: 2.0,
        notifications: Some(1.0),
        instructions: Some(20_000.0),
    };

    #[test]
    fn events_are_shared_out_over_all_runs() {
        let run = |halts, timers| Events {
            halts,
            timers,
            ipis: 2,
            context_switches: 100,
        };
        let runs = [run(Some(1), 30), run(Some(2), 10)];
        let events = EventsPerOp::of(runs.into_iter(), 100.0).unwrap();
        assert_eq!((events.halts, events.timers), (Some(0.03), 0.4));
        assert_eq!((events.ipis, events.context_switches), (0.04, 2.0));
        let uncounted = [run(Some(1), 30), run(None, 10)];
        let events = EventsPerOp::of(uncounted.into_iter(), 100.0).unwrap();
        assert_eq!(events.halts, None);
        assert_eq!(EventsPerOp::of([].into_iter(), 100.0), None);
        assert_eq!(EventsPerOp::of(runs.into_iter(), 0.0), None);
    }

    #[test]
    fn each_variant_has_a_row() {
        let case = case(Some(EVENTS));
        let rows = per_op(&[("randread".into(), &case)], &BLK).unwrap();
        assert_eq!(
            rows[1..],
            [
                "randread before 1.000 0.010 0.100 0.000 2.000 1.000 20000",
                "randread poll_source 0.000 0.010 0.100 0.000 2.000 1.000 20000",
            ]
            .map(|row| row.split(' ').map(str::to_owned).collect::<Vec<_>>())
        );
    }

    #[test]
    fn what_no_plugin_counted_has_no_column() {
        let events = EventsPerOp {
            notifications: None,
            instructions: None,
            ..EVENTS
        };
        let case = self::case(Some(events));
        let rows = per_op(&[("randread".into(), &case)], &BLK).unwrap();
        assert_eq!(rows[0].last().unwrap(), "context switches");
        assert!(rows.iter().all(|row| row.len() == rows[0].len()));
    }

    /// An operation takes 400 us: 100 us of the device, and 300 us of a guest that is 20 to 45
    /// times slower. That is 110 us at native speed.
    #[test]
    fn only_what_differs_is_priced() {
        let scale = Scale {
            native: Pace {
                pipe_ns: 500.0,
                switch_ns: 3_000.0,
            },
            guest: Pace {
                pipe_ns: 10_000.0,
                switch_ns: 135_000.0,
            },
        };
        let case = case(Some(EVENTS));
        let rows = [("randread".to_owned(), &case)];
        let table = predicted(&rows, 1, Some(&scale)).unwrap();
        assert_eq!(table[1][..3], ["randread", "110.0 us", "1.01 to 1.02"]);
        assert_eq!(predicted(&rows, 1, None), None);
        // An older file, without counts.
        let without = self::case(None);
        let rows = [("randread".to_owned(), &without)];
        assert_eq!(per_op(&rows, &BLK), None);
        assert_eq!(predicted(&rows, 1, Some(&scale)), None);
    }
}
