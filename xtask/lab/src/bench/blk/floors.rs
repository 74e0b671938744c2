// SPDX-License-Identifier: GPL-2.0
//! What the feature must gain on a disk.

use measure::floors::Missed;
use measure::results::{BLK, BlkCase, Comparison, Design};

/// What one latency asks of all workloads.
struct Floor {
    latency_us: u64,
    /// poll_source/before
    gain: f64,
    gain_lo: Option<f64>,
    /// poll_source/io_poll
    of_io_poll: Option<f64>,
    irqs_per_op: Option<f64>,
}

const FLOORS: [Floor; 3] = [
    Floor {
        latency_us: 0,
        gain: 1.20,
        gain_lo: None,
        of_io_poll: None,
        irqs_per_op: None,
    },
    Floor {
        latency_us: 100,
        gain: 1.18,
        gain_lo: Some(1.10),
        of_io_poll: Some(0.80),
        irqs_per_op: Some(0.05),
    },
    Floor {
        latency_us: 400,
        gain: 1.05,
        gain_lo: None,
        of_io_poll: None,
        irqs_per_op: None,
    },
];

/// The module's, against the same wait without polling. At 0 us it is told, not judged.
const MODULE_FLOORS: [Floor; 2] = [
    Floor {
        latency_us: 100,
        gain: 1.25,
        gain_lo: Some(1.10),
        of_io_poll: None,
        irqs_per_op: Some(0.05),
    },
    Floor {
        latency_us: 400,
        gain: 1.07,
        gain_lo: None,
        of_io_poll: None,
        irqs_per_op: None,
    },
];

/// A line for each floor that was missed or could not be looked at.
pub fn missed(cases: &[BlkCase]) -> Vec<String> {
    let mut missed = Missed::default();
    let is_module = Design::of_cases(cases.iter().map(|blk| &blk.case), &BLK).is_module();
    let floors: &[Floor] = if is_module { &MODULE_FLOORS } else { &FLOORS };
    for floor in floors {
        let mut at_latency = cases
            .iter()
            .filter(|blk| blk.latency_us == floor.latency_us)
            .peekable();
        if at_latency.peek().is_none() {
            missed.not_measured(&format!("{} us", floor.latency_us));
        }
        for blk in at_latency {
            check(floor, &blk.case, &mut missed);
        }
    }
    missed.lines
}

fn check(floor: &Floor, case: &Comparison, missed: &mut Missed) {
    missed.gain(case, "poll_source", "poll_source/before", floor.gain);
    if let Some(floor) = floor.gain_lo {
        missed.lower_bound(case, "poll_source", "poll_source/before", floor);
    }
    if let Some(floor) = floor.of_io_poll {
        missed.gain(case, "poll_source_vs_io_poll", "poll_source/io_poll", floor);
    }
    if let Some(ceiling) = floor.irqs_per_op {
        missed.interrupts(case, "operation", ceiling);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::blk::cases::{cases, tests::run};
    use guest_protocol::Variant;

    /// One round at each latency, the polled figure as given.
    fn at(polled: [u64; 3], interrupts: u64) -> Vec<BlkCase> {
        let mut all = Vec::new();
        for (latency, polled) in [0, 100, 400].into_iter().zip(polled) {
            let runs = [
                run(1, Variant::Before, 1000, 1000),
                run(1, Variant::PollSource, polled, interrupts),
                run(1, Variant::IoPoll, 1400, 0),
            ];
            all.push(cases(latency, &runs).remove(0));
        }
        all
    }

    #[test]
    fn good_enough_misses_nothing() {
        assert_eq!(missed(&at([1200, 1180, 1050], 30)), [""; 0]);
    }

    #[test]
    fn the_module_has_floors_of_its_own() {
        let at = |latency, polled, interrupts| {
            let runs = [
                run(1, Variant::Before, 1000, 1000),
                run(1, Variant::PollSource, polled, interrupts),
                run(1, Variant::AsItComes, 900, 900),
            ];
            cases(latency, &runs).remove(0)
        };
        assert_eq!(missed(&[at(100, 1250, 30), at(400, 1070, 30)]), [""; 0]);
        let lines = missed(&[at(100, 1240, 90), at(400, 1060, 30)]).join("; ");
        for part in [
            "is 1.240, floor 1.25",
            "0.073, at most 0.05",
            "is 1.060, floor 1.07",
        ] {
            assert!(lines.contains(part), "{part}: {lines}");
        }
    }

    #[test]
    fn each_floor_can_be_missed() {
        let expect = |cases: &[BlkCase], part: &str| {
            let missed = missed(cases);
            assert!(
                missed.iter().any(|m| m.contains(part)),
                "{part}: {missed:?}"
            );
        };
        expect(
            &at([1190, 1180, 1050], 30),
            "@0us: poll_source/before is 1.190",
        );
        expect(
            &at([1200, 1170, 1050], 30),
            "@100us: poll_source/before is 1.170",
        );
        expect(&at([1200, 1090, 1050], 30), "lower bound is 1.090");
        expect(&at([1200, 1090, 1050], 30), "poll_source/io_poll is 0.779");
        expect(
            &at([1200, 1180, 1040], 30),
            "@400us: poll_source/before is 1.040",
        );
        expect(
            &at([1200, 1180, 1050], 100),
            "interrupts per operation: 0.085",
        );
        expect(&at([1200, 1180, 1050], 30)[..2], "400 us: not measured");
        let no_poll = cases(0, &[run(1, Variant::Before, 1, 1)]);
        expect(&no_poll, "poll_source/before was not measured");
    }
}
