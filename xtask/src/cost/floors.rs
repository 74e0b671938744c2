// SPDX-License-Identifier: GPL-2.0
//! What polling may cost at most. Asserted only on demand: a busy host makes wake-ups late with
//! polling and without.

use guest_init::{Load, Probe};

use super::case::Case;
use super::wrong::Timed;

/// p99.9 of wake-ups, with polling by without.
const LATE: f64 = 1.10;
/// Busy time of the same work with slow handlers. Less is handler time that nobody counts; a hit
/// spares the interrupt's own time, which is nothing against those handlers'.
const BUSY: f64 = 0.9;

/// A line for each floor that was missed or could not be looked at.
pub fn missed(cases: &[Case], timed: Timed) -> Vec<String> {
    let missed = cases.iter().filter_map(|case| of_case(case, timed));
    missed.collect()
}

fn of_case(case: &Case, timed: Timed) -> Option<String> {
    let (name, holds, limit): (_, fn(f64) -> bool, _) = match case.probe {
        // What slow handlers do to wake-ups they do by interrupt as well; it is told, not judged.
        Probe::WakeUps(Load::Blk | Load::Net) => {
            ("p99.9", |ratio| ratio <= LATE, format!("at most {LATE:.2}"))
        }
        Probe::Accounting(Load::Slow) if timed.interrupts => {
            ("busy", |ratio| ratio >= BUSY, format!("at least {BUSY:.2}"))
        }
        _ => return None,
    };
    match case.ratio.get(name).map(|ratio| ratio.median) {
        Some(ratio) if holds(ratio) => None,
        Some(ratio) => Some(format!(
            "{}: {name} on/off is {ratio:.3}, {limit}",
            case.probe
        )),
        None => Some(format!(
            "{}: {name} on/off was not measured, {limit}",
            case.probe
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::super::case::{cases, tests::two_rounds};
    use super::*;

    const ALL: Timed = Timed {
        idle: true,
        interrupts: true,
    };

    #[test]
    fn each_floor_can_be_missed() {
        assert_eq!(missed(&cases(&two_rounds()), ALL), [""; 0]);
        let mut runs = two_rounds();
        for run in runs.iter_mut().filter(|run| run.hits > 0) {
            run.cpu.softirq_ms -= 200;
            run.latency.iter_mut().for_each(|all| all.p999_us *= 1.2);
        }
        assert_eq!(
            missed(&cases(&runs), ALL),
            [
                "accounting, slow handler: busy on/off is 0.714, at least 0.90",
                "wake-ups, blk: p99.9 on/off is 1.200, at most 1.10",
                "wake-ups, net: p99.9 on/off is 1.200, at most 1.10",
            ]
        );
        assert_eq!(missed(&cases(&[]), ALL).len(), 3);
    }
}
