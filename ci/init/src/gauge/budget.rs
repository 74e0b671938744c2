// SPDX-License-Identifier: GPL-2.0
//! Whether the budget of handler time holds, by the events of the kernel: half of a wait's limit,
//! after which no handler begins but those that are owed at the end, one for each source.

use std::fs;

use anyhow::{Context, Result, ensure};
use guest_init::cost::POLLING_CPU;

use crate::procfs::read;

const TRACING: &str = "/sys/kernel/tracing";

/// Looks at all waits of the polling processor during some work with slow handlers.
pub fn check(work: impl FnOnce() -> Result<u64>) -> Result<String> {
    let write = |file: &str, value: &str| {
        let path = format!("{TRACING}/{file}");
        fs::write(&path, value).with_context(|| format!("writing {value:?} to {path}"))
    };
    // The events are switched one by one: none may be told of before all are.
    write("tracing_on", "0")?;
    write("trace", "")?;
    write("events/poll_source/enable", "1")?;
    write("tracing_on", "1")?;
    work()?;
    write("tracing_on", "0")?;
    write("events/poll_source/enable", "0")?;
    judge(&read(format!("{TRACING}/trace"))?)
}

#[derive(Default)]
struct Wait {
    sources: u64,
    budget_ns: u64,
    spent_ns: u64,
    /// Handlers that began when the budget was used up.
    over: u64,
}

fn judge(trace: &str) -> Result<String> {
    let of_cpu = format!("[{POLLING_CPU:03}]");
    let mut wait = None;
    let (mut waits, mut hits, mut by_budget, mut slowest, mut most) = (0, 0, 0, 0, 0);
    for line in trace.lines().filter(|line| line.contains(&of_cpu)) {
        if line.contains("poll_source_start:") {
            wait = Some(Wait {
                sources: number(line, "sources=")?,
                budget_ns: number(line, "limit_ns=")? / 2,
                ..Wait::default()
            });
        } else if let Some(wait) = &mut wait
            && line.contains("poll_source_hit:")
        {
            let spent_ns = number(line, "spent_ns=")?;
            wait.over += u64::from(wait.spent_ns > wait.budget_ns);
            wait.spent_ns += spent_ns;
            ensure!(
                wait.over <= wait.sources,
                "{} handlers of {} sources ran after the budget of {} us was used up: {line}",
                wait.over,
                wait.sources,
                wait.budget_ns / 1000
            );
            hits += 1;
            slowest = slowest.max(spent_ns);
            most = most.max(wait.spent_ns);
        } else if line.contains("poll_source_stop:") && wait.take().is_some() {
            waits += 1;
            by_budget += u64::from(line.contains("reason=budget"));
        }
    }
    let said = format!(
        "{waits} waits, {by_budget} of them ended by the budget; {hits} hits, the slowest of {} \
         us, at most {} us of them in a wait",
        slowest / 1000,
        most / 1000
    );
    ensure!(by_budget > 0, "no wait was ended by the budget: {said}");
    Ok(said)
}

fn number(line: &str, after: &str) -> Result<u64> {
    let rest = line.split_once(after).map(|(_, rest)| rest);
    let digits = rest.and_then(|rest| rest.split(' ').next());
    digits
        .and_then(|digits| digits.parse().ok())
        .with_context(|| format!("no {after}NUMBER in {line:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trace(hits_us: &[u64], reason: &str) -> String {
        let line = |event: &str| format!("  <idle>-0  [001] d..1.  12.345678: {event}\n");
        let mut trace = line("poll_source_hit: source=virtio1/input.0 irq=27 spent_ns=9");
        trace += &line("poll_source_start: sources=1 limit_ns=2000000");
        for us in hits_us {
            trace += &line(&format!(
                "poll_source_hit: source=virtio1/input.0 irq=27 spent_ns={}",
                us * 1000
            ));
        }
        trace += &line(&format!("poll_source_stop: reason={reason} waited_ns=2"));
        trace + &line("poll_source_start: sources=1 limit_ns=2000000").replace("[001]", "[000]")
    }

    #[test]
    fn one_handler_too_many_is_owed_and_two_are_not() {
        let said = judge(&trace(&[400, 700, 300], "budget")).unwrap();
        assert_eq!(
            said,
            "1 waits, 1 of them ended by the budget; 3 hits, the slowest of 700 us, at most 1400 \
             us of them in a wait"
        );
        let err = judge(&trace(&[400, 700, 300, 300], "budget")).unwrap_err();
        assert!(err.to_string().contains("2 handlers of 1 sources"), "{err}");
    }

    #[test]
    fn a_budget_that_was_never_used_up_was_not_tried() {
        assert!(judge(&trace(&[400], "resched")).is_err());
        assert!(judge("").is_err());
    }
}
