// SPDX-License-Identifier: GPL-2.0
//! What must hold on every machine, however busy: that there was polling where there should have
//! been, that handler time is not idle time, and that no stack comes near its end. Guest and kernel
//! read the same clock, so that what the host does meanwhile is in both figures.

use guest_init::{Facts, Gauged, Load, Probe, Variant};

use super::case::Case;
use super::stacks::Depth;

/// What /proc/stat rounds away in a run: its unit is 10 ms, each column is rounded for itself, and
/// what the last tick has not seen is not there yet.
const ROUNDED_MS: f64 = 20.0;
/// And what the two clocks may differ by.
const CLOCKS: f64 = 0.02;
/// Of the time that the kernel's own count has of hits, so much must be interrupt time. The count
/// begins a little earlier and ends a little later.
const INTERRUPT_TIME: f64 = 0.9;
/// Of a stack.
const DEEPEST: f64 = 0.5;

/// What of it the kernel measures by the clock. The rest are samples of its tick, which comes after
/// a handler that runs with interrupts off, and never in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timed {
    pub idle: bool,
    pub interrupts: bool,
}

impl Timed {
    pub fn of(guest: &Facts) -> Timed {
        let interrupts = guest.irq_time == Some(true);
        Timed {
            // 6.12 stops idle time for an interrupt in any case, 7.3 only where it measures that.
            idle: interrupts || guest.kernel.starts_with("6.12."),
            interrupts,
        }
    }
}

/// A line for each thing that does not hold.
pub fn wrong(cases: &[Case], depths: &[(Variant, Depth)], timed: Timed) -> Vec<String> {
    let mut lines: Vec<String> = cases.iter().flat_map(polled).collect();
    lines.extend(cases.iter().flat_map(|case| accounting(case, timed)));
    lines.extend(depths.iter().filter_map(|(_, depth)| deep(depth)));
    lines
}

fn polled(case: &Case) -> Vec<String> {
    let hits = |runs: &[Gauged]| runs.iter().map(|run| run.hits).sum::<u64>();
    let mut lines = Vec::new();
    if hits(&case.poll_source) == 0 {
        lines.push(format!("{}: nothing was polled", case.probe));
    }
    let off = hits(&case.before);
    if off > 0 {
        lines.push(format!("{}: {off} hits with polling off", case.probe));
    }
    lines
}

fn accounting(case: &Case, timed: Timed) -> Vec<String> {
    let Probe::Accounting(load) = case.probe else {
        return Vec::new();
    };
    let runs = &case.poll_source;
    let sum = |of: fn(&Gauged) -> f64| runs.iter().map(of).sum::<f64>();
    let handlers = sum(|run| run.hits_us as f64 / 1e3);
    let all = sum(|run| run.elapsed_ns as f64 / 1e6);
    let idle = sum(|run| run.cpu.idle_ms as f64);
    let interrupt = sum(|run| (run.cpu.irq_ms + run.cpu.softirq_ms) as f64);
    let noise = ROUNDED_MS * runs.len() as f64;
    let mut lines = Vec::new();
    if timed.idle && idle + handlers > all * (1.0 + CLOCKS) + noise {
        lines.push(format!(
            "{}: of {all:.0} ms {idle:.0} are idle, but handlers ran for {handlers:.0}: handler \
             time is idle time",
            case.probe
        ));
    }
    // Of the others so little is the handler that the hit's own beginning and end count.
    if timed.interrupts && load == Load::Slow && interrupt < handlers * INTERRUPT_TIME - noise {
        lines.push(format!(
            "{}: handlers ran for {handlers:.0} ms, of which {interrupt:.0} are irq or softirq",
            case.probe
        ));
    }
    lines
}

fn deep(depth: &Depth) -> Option<String> {
    let most = (depth.size as f64 * DEEPEST) as u64;
    let Depth {
        idle,
        interrupt,
        size,
    } = depth;
    (*idle > most || *interrupt > most).then(|| {
        format!(
            "of {size} bytes of stack {idle} (idle task) and {interrupt} (interrupts) were used, \
             at most {most} may be"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::super::case::{cases, tests::two_rounds};
    use super::*;

    const DEPTH: Depth = Depth {
        idle: 2000,
        interrupt: 3000,
        size: 16384,
    };

    const ALL: Timed = Timed {
        idle: true,
        interrupts: true,
    };

    fn lines(timed: Timed, change: impl Fn(&mut Gauged)) -> Vec<String> {
        let mut runs = two_rounds();
        runs.iter_mut().for_each(change);
        wrong(&cases(&runs), &[(Variant::PollSource, DEPTH)], timed)
    }

    #[test]
    fn what_holds_is_not_told() {
        assert_eq!(lines(ALL, |_| {}), [""; 0]);
    }

    #[test]
    fn handler_time_that_is_idle_time() {
        let as_idle = |run: &mut Gauged| {
            if run.hits > 0 {
                run.cpu.idle_ms += run.cpu.softirq_ms;
                run.cpu.softirq_ms = 0;
            }
        };
        let told = lines(ALL, as_idle);
        assert_eq!(told.len(), 4, "{told:?}");
        assert_eq!(
            told[0],
            "accounting, blk: of 2000 ms 1700 are idle, but handlers ran for 1200: handler time \
             is idle time"
        );
        assert_eq!(
            told[3],
            "accounting, slow handler: handlers ran for 1200 ms, of which 100 are irq or softirq"
        );
        let kernel = |kernel: &str, irq_time| Facts {
            kernel: kernel.into(),
            irq_time: Some(irq_time),
            ..Facts::default()
        };
        assert_eq!(Timed::of(&kernel("7.3.4", true)), ALL);
        let by_tick = Timed::of(&kernel("7.3.4", false));
        assert_eq!(lines(by_tick, as_idle), [""; 0], "a tick cannot tell");
        let idle_alone = Timed::of(&kernel("6.12.117", false));
        assert_eq!(lines(idle_alone, as_idle), told[..3]);
    }

    #[test]
    fn polling_where_it_should_not_be_and_none_where_it_should() {
        let told = lines(ALL, |run| run.hits = 490 - run.hits);
        assert_eq!(told.len(), 2 * Probe::ALL.len());
        assert_eq!(told[0], "accounting, blk: nothing was polled");
        assert_eq!(told[1], "accounting, blk: 980 hits with polling off");
    }

    #[test]
    fn a_stack_that_is_half_used() {
        let deep = Depth {
            idle: 8193,
            ..DEPTH
        };
        let told = wrong(&cases(&two_rounds()), &[(Variant::PollSource, deep)], ALL);
        assert_eq!(told.len(), 1);
        assert!(told[0].contains("8193 (idle task)"), "{told:?}");
    }
}
