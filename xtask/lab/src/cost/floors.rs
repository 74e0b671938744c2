// SPDX-License-Identifier: GPL-2.0
//! What polling may cost at most. Asserted only on demand: a busy host makes wake-ups late with
//! polling and without.

use anyhow::{Context, Result};
use guest_protocol::{Facts, Load, Probe};

use super::case::{CostCase, over_ms, sum};
use super::wrong::rounded_ms;

/// p99.9 of wake-ups, with polling by without.
const LATE: f64 = 1.10;
/// Idle time of the same work with slow handlers, which take longer than what is waited for. More is
/// handler time. Busy time is no measure: how long a handler takes depends on the host, and on a
/// virtual one changes by half from run to run.
const IDLE: f64 = 1.10;

/// Columns may have more time than went by, with polling as without; but no more with it than this
/// share of all.
const OVER: f64 = 0.02;

/// How the guest's kernel accounts, polled or not.
#[derive(Clone, Copy, Debug)]
pub struct Accounts {
    /// It measures interrupts by the clock.
    pub irq_time: bool,
    /// What a wait before a halt has too much: see `Facts::waits_count_twice`.
    pub twice_ms: f64,
}

impl Accounts {
    pub fn of(guest: &Facts) -> Result<Accounts> {
        let twice_ms = match guest.waits_count_twice {
            Some(true) => {
                let ns = &guest.guest_halt_poll_ns;
                let wait = ns.parse::<f64>();
                wait.with_context(|| format!("guest_halt_poll_ns is {ns:?}"))? / 1e6
            }
            _ => 0.0,
        };
        Ok(Accounts {
            irq_time: guest.irq_time == Some(true),
            twice_ms,
        })
    }
}

/// A line for each floor that was missed or could not be looked at.
pub fn missed(cases: &[CostCase], accounts: Accounts) -> Vec<String> {
    let all = |floor: fn(&CostCase, Accounts) -> Option<String>| {
        cases.iter().filter_map(move |case| floor(case, accounts))
    };
    all(late).chain(all(idle)).chain(all(over)).collect()
}

/// What slow handlers do to wake-ups they do by interrupt as well; it is told, not judged.
fn late(case: &CostCase, _: Accounts) -> Option<String> {
    if !matches!(
        case.probe,
        Probe::WakeUps(Load::Blk | Load::Net) | Probe::PacedWakeUps(_)
    ) {
        return None;
    }
    match case.ratio.get("p99.9").map(|ratio| ratio.median) {
        Some(ratio) if ratio <= LATE => None,
        Some(ratio) => Some(format!(
            "{}: p99.9 on/off is {ratio:.3}, at most {LATE:.2}",
            case.probe
        )),
        None => Some(format!("{}: p99.9 was not measured", case.probe)),
    }
}

/// Handlers' time that is idle time.
fn idle(case: &CostCase, accounts: Accounts) -> Option<String> {
    if !matches!(case.probe, Probe::Accounting(Load::Slow)) || !accounts.irq_time {
        return None;
    }
    let off = sum(&case.before, |run| run.cpu.idle_ms as f64);
    let on = sum(&case.poll_source, |run| {
        run.cpu.idle_ms as f64 - run.halts as f64 * accounts.twice_ms
    });
    match off {
        0.0 => Some(format!("{}: idle time was not measured", case.probe)),
        _ => (on > off * IDLE).then(|| {
            let ratio = on / off;
            format!(
                "{}: idle on/off is {ratio:.3}, at most {IDLE:.2}",
                case.probe
            )
        }),
    }
}

/// Time that is counted twice, as a handler's and as idle. An interrupt that comes in a softirq of an
/// idle processor sets the idle clock going again in the middle of it, in Linux as it is.
fn over(case: &CostCase, accounts: Accounts) -> Option<String> {
    if !matches!(case.probe, Probe::Accounting(_)) {
        return None;
    }
    let all = sum(&case.poll_source, |run| run.elapsed_ns as f64 / 1e6);
    let [off, on] = [&case.before, &case.poll_source].map(|runs| {
        sum(runs, |run| {
            over_ms(run) - run.halts as f64 * accounts.twice_ms
        })
    });
    let most = off.max(0.0) + all * OVER + rounded_ms(5, case.poll_source.len());
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

    const BY_CLOCK: Accounts = Accounts {
        irq_time: true,
        twice_ms: 0.0,
    };

    #[test]
    fn each_floor_can_be_missed() {
        assert_eq!(missed(&cases(&two_rounds()), BY_CLOCK), [""; 0]);
        let mut runs = two_rounds();
        for run in runs.iter_mut().filter(|run| run.hits > 0) {
            run.cpu.softirq_ms -= 200;
            run.cpu.idle_ms += 300;
            run.latency.iter_mut().for_each(|all| all.p999_us *= 1.2);
        }
        let missed_now = missed(&cases(&runs), BY_CLOCK);
        assert_eq!(
            missed_now,
            [
                "wake-ups, blk: p99.9 on/off is 1.200, at most 1.10",
                "wake-ups, net: p99.9 on/off is 1.200, at most 1.10",
                "wake-ups, blk, paced: p99.9 on/off is 1.200, at most 1.10",
                "wake-ups, net, paced: p99.9 on/off is 1.200, at most 1.10",
                "accounting, slow handler: idle on/off is 2.000, at most 1.10",
                "accounting, blk: of 2000 ms 200 are counted twice, at most 111",
                "accounting, net: of 2000 ms 200 are counted twice, at most 111",
                "accounting, slow handler: of 2000 ms 200 are counted twice, at most 111",
            ]
        );
        let by_ticks = Accounts {
            irq_time: false,
            ..BY_CLOCK
        };
        let but_idle = [&missed_now[..4], &missed_now[5..]].concat();
        assert_eq!(missed(&cases(&runs), by_ticks), but_idle);
        assert_eq!(missed(&cases(&[]), BY_CLOCK).len(), 5);
    }

    #[test]
    fn waits_that_the_kernel_counts_twice_are_no_handlers() {
        let mut runs = two_rounds();
        for run in runs.iter_mut().filter(|run| run.hits > 0) {
            run.cpu.idle_ms += 100;
            run.halts = 49;
        }
        let facts = |twice| Facts {
            irq_time: Some(true),
            waits_count_twice: Some(twice),
            guest_halt_poll_ns: "2000000".into(),
            ..Facts::default()
        };
        let missed = |guest| missed(&cases(&runs), Accounts::of(&guest).unwrap());
        assert_eq!(missed(facts(true)), [""; 0]);
        // Idle time as well, and slow handlers' for itself.
        assert_eq!(missed(facts(false)).len(), 4);
    }
}
