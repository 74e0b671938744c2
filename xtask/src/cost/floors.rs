// SPDX-License-Identifier: GPL-2.0
//! What polling may cost at most. Asserted only on demand: a busy host makes wake-ups late with
//! polling and without.

use guest_init::{Load, Probe};

use super::case::{Case, over_ms, sum};
use super::wrong::rounded_ms;

/// p99.9 of wake-ups, with polling by without.
const LATE: f64 = 1.10;
/// Busy time of the same work with slow handlers. Less is handler time that nobody counts; a hit
/// spares the interrupt's own time, which is nothing against those handlers'.
const BUSY: f64 = 0.9;

/// Columns may have more time than went by, with polling as without; but no more with it than this
/// share of all.
const OVER: f64 = 0.02;

/// A line for each floor that was missed or could not be looked at. `irq_time`: whether the kernel
/// measures interrupts by the clock.
pub fn missed(cases: &[Case], irq_time: bool) -> Vec<String> {
    let ratios = cases.iter().filter_map(|case| ratio(case, irq_time));
    ratios.chain(cases.iter().filter_map(over)).collect()
}

fn ratio(case: &Case, irq_time: bool) -> Option<String> {
    let (name, holds, limit): (_, fn(f64) -> bool, _) = match case.probe {
        // What slow handlers do to wake-ups they do by interrupt as well; it is told, not judged.
        Probe::WakeUps(Load::Blk | Load::Net) | Probe::PacedWakeUps(_) => {
            ("p99.9", |ratio| ratio <= LATE, format!("at most {LATE:.2}"))
        }
        Probe::Accounting(Load::Slow) if irq_time => {
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

/// Time that is counted twice, as a handler's and as idle.
fn over(case: &Case) -> Option<String> {
    if !matches!(case.probe, Probe::Accounting(_)) {
        return None;
    }
    let all = sum(&case.poll_source, |run| run.elapsed_ns as f64 / 1e6);
    let (on, off) = (
        sum(&case.poll_source, over_ms),
        sum(&case.before, over_ms).max(0.0),
    );
    let most = off + all * OVER + rounded_ms(5, case.poll_source.len());
    (on > most).then(|| {
        format!(
            "{}: of {all:.0} ms {on:.0} are counted twice, at most {most:.0}",
            case.probe
        )
    })
}

#[cfg(test)]
mod tests {
    use super::super::case::{cases, tests::two_rounds};
    use super::*;

    #[test]
    fn each_floor_can_be_missed() {
        assert_eq!(missed(&cases(&two_rounds()), true), [""; 0]);
        let mut runs = two_rounds();
        for run in runs.iter_mut().filter(|run| run.hits > 0) {
            run.cpu.softirq_ms -= 200;
            run.cpu.idle_ms += 300;
            run.latency.iter_mut().for_each(|all| all.p999_us *= 1.2);
        }
        let missed_now = missed(&cases(&runs), true);
        assert_eq!(
            missed_now,
            [
                "accounting, slow handler: busy on/off is 0.714, at least 0.90",
                "wake-ups, blk: p99.9 on/off is 1.200, at most 1.10",
                "wake-ups, net: p99.9 on/off is 1.200, at most 1.10",
                "wake-ups, blk, paced: p99.9 on/off is 1.200, at most 1.10",
                "wake-ups, net, paced: p99.9 on/off is 1.200, at most 1.10",
                "accounting, blk: of 2000 ms 200 are counted twice, at most 111",
                "accounting, net: of 2000 ms 200 are counted twice, at most 111",
                "accounting, slow handler: of 2000 ms 200 are counted twice, at most 111",
            ]
        );
        assert_eq!(missed(&cases(&runs), false), missed_now[1..]);
        assert_eq!(missed(&cases(&[]), true).len(), 5);
    }
}
