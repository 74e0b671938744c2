// SPDX-License-Identifier: GPL-2.0
//! Checks what must hold on every machine, even on a busy one: devices were polled with polling
//! on, and only then, and handler time is interrupt time. Guest and kernel read the same clock,
//! so the host's concurrent activity is in both figures.

use guest_protocol::{Gauged, Load, Probe, Variant};

use super::case::CostCase;

/// Rounding error of one column of /proc/stat in one run, in ms. The unit of /proc/stat is 10 ms.
const ROUNDED_MS: f64 = 10.0;
/// The least share of the hits' time, by the kernel's own count, that must be interrupt time.
/// `OF_SLOW` is the share for slow handlers. The kernel's count begins a little earlier and ends
/// a little later than interrupt time, which is a large part of a short handler.
const INTERRUPT_TIME: f64 = 0.5;
const OF_SLOW: f64 = 0.9;

/// Returns one line for each failed check. `irq_time`: the kernel measures interrupt time by the
/// clock. Otherwise the tick takes samples, and comes only after a handler that runs with
/// interrupts off, so interrupt time is not checked.
pub fn wrong(cases: &[CostCase], irq_time: bool) -> Vec<String> {
    let mut lines: Vec<String> = cases.iter().flat_map(polled).collect();
    if irq_time {
        lines.extend(cases.iter().filter_map(interrupt_time));
    }
    lines
}

/// Returns the rounding error that may remain in the sum over many runs, in ms. Rounding goes up
/// and down, so errors partly cancel out.
fn rounded_ms(columns: usize, runs: usize) -> f64 {
    ROUNDED_MS * columns as f64 * (runs as f64).sqrt()
}

fn polled(case: &CostCase) -> Vec<String> {
    let hits = |variant| case.runs(variant).iter().map(|run| run.hits).sum::<u64>();
    let mut lines = Vec::new();
    if hits(Variant::PollSource) == 0 {
        lines.push(format!("{}: nothing was polled", case.probe));
    }
    let off = hits(Variant::Before);
    if off > 0 {
        lines.push(format!("{}: {off} hits with polling off", case.probe));
    }
    lines
}

fn interrupt_time(case: &CostCase) -> Option<String> {
    let Probe::Accounting(load) = case.probe else {
        return None;
    };
    let runs = case.runs(Variant::PollSource);
    let sum = |of: fn(&Gauged) -> f64| runs.iter().map(|run| of(run)).sum::<f64>();
    let hits = sum(|run| run.hits_us as f64 / 1e3);
    let interrupt = sum(|run| (run.cpu.irq_ms + run.cpu.softirq_ms) as f64);
    let share = match load {
        Load::Slow => OF_SLOW,
        Load::Blk | Load::Net => INTERRUPT_TIME,
    };
    (interrupt + rounded_ms(2, runs.len()) < hits * share).then(|| {
        format!(
            "{}: hits took {hits:.0} ms, but irq + softirq are only {interrupt:.0} ms: handler \
             time was counted as idle time",
            case.probe
        )
    })
}

#[cfg(test)]
mod tests {
    use super::super::case::{cases, tests::two_rounds};
    use super::*;

    fn lines(irq_time: bool, change: impl Fn(&mut Gauged)) -> Vec<String> {
        let mut runs = two_rounds();
        runs.iter_mut().for_each(change);
        wrong(&cases(&runs), irq_time)
    }

    #[test]
    fn what_holds_is_not_told() {
        assert_eq!(lines(true, |_| {}), [""; 0]);
    }

    #[test]
    fn handler_time_that_is_idle_time() {
        let as_idle = |run: &mut Gauged| {
            if run.hits > 0 {
                run.cpu.idle_ms += run.cpu.softirq_ms;
                run.cpu.softirq_ms = 0;
            }
        };
        let told = lines(true, as_idle);
        assert_eq!(told.len(), 3, "{told:?}");
        assert_eq!(
            told[0],
            "accounting, blk: hits took 1200 ms, but irq + softirq are only 100 ms: handler time \
             was counted as idle time"
        );
        assert_eq!(
            lines(false, as_idle),
            [""; 0],
            "ticks do not show handler time"
        );
        let told = lines(true, |run| run.cpu.softirq_ms -= 50);
        assert_eq!(told, [""; 0], "within the rounding error");
        let told = lines(true, |run| run.cpu.softirq_ms -= 100);
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(
            told[0].starts_with("accounting, slow handler: "),
            "{told:?}"
        );
    }

    #[test]
    fn polling_where_it_should_not_be_and_none_where_it_should() {
        let told = lines(true, |run| run.hits = 490 - run.hits);
        assert_eq!(told.len(), 2 * Probe::ALL.len());
        assert_eq!(told[0], "accounting, blk: nothing was polled");
        assert_eq!(told[1], "accounting, blk: 980 hits with polling off");
    }
}
