// SPDX-License-Identifier: GPL-2.0
//! Whether the budget of handler time holds, by the events of the kernel: half of a wait's limit,
//! after which no handler begins but those that are owed at the end, one for each source.

use std::fmt::{self, Display, Formatter};
use std::fs;

use anyhow::{Context, Result, bail, ensure};
use guest_init::cost::POLLING_CPU;

use crate::procfs::read;

const TRACING: &str = "/sys/kernel/tracing";

/// A busy host makes packets come too late for most waits, or a handler outlast the limit as well.
const TRIES: usize = 10;

/// Looks at all waits of the polling processor during some work with slow handlers, until the
/// budget ended one: before, it was not tried.
pub fn check(mut work: impl FnMut() -> Result<u64>) -> Result<String> {
    let mut seen = Seen::default();
    for _ in 0..TRIES {
        seen.judge(&trace(&mut work)?)?;
        if seen.by_budget > 0 {
            return Ok(seen.to_string());
        }
    }
    bail!("no wait was ended by the budget: {seen}")
}

/// What the kernel tells of poll sources during the work.
fn trace(work: impl FnOnce() -> Result<u64>) -> Result<String> {
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
    read(format!("{TRACING}/trace"))
}

#[derive(Default)]
struct Wait {
    sources: u64,
    budget_ns: u64,
    spent_ns: u64,
    /// Handlers that began when the budget was used up.
    over: u64,
}

/// Of all waits so far.
#[derive(Debug, Default)]
struct Seen {
    waits: u64,
    by_budget: u64,
    hits: u64,
    /// A handler
    slowest_ns: u64,
    /// All handlers of a wait
    most_ns: u64,
}

impl Seen {
    fn judge(&mut self, trace: &str) -> Result<()> {
        let of_cpu = format!("[{POLLING_CPU:03}]");
        let mut wait = None;
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
                self.hits += 1;
                self.slowest_ns = self.slowest_ns.max(spent_ns);
                self.most_ns = self.most_ns.max(wait.spent_ns);
            } else if line.contains("poll_source_stop:") && wait.take().is_some() {
                self.waits += 1;
                self.by_budget += u64::from(line.contains("reason=budget"));
            }
        }
        Ok(())
    }
}

impl Display for Seen {
    fn fmt(&self, f: &mut Formatter) -> fmt::Result {
        write!(
            f,
            "{} waits, {} of them ended by the budget; {} hits, the slowest of {} us, at most {} \
             us of them in a wait",
            self.waits,
            self.by_budget,
            self.hits,
            self.slowest_ns / 1000,
            self.most_ns / 1000
        )
    }
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

    fn judge(trace: &str) -> Result<Seen> {
        let mut seen = Seen::default();
        seen.judge(trace)?;
        Ok(seen)
    }

    #[test]
    fn one_handler_too_many_is_owed_and_two_are_not() {
        let seen = judge(&trace(&[400, 700, 300], "budget")).unwrap();
        assert_eq!(
            seen.to_string(),
            "1 waits, 1 of them ended by the budget; 3 hits, the slowest of 700 us, at most 1400 \
             us of them in a wait"
        );
        let err = judge(&trace(&[400, 700, 300, 300], "budget")).unwrap_err();
        assert!(err.to_string().contains("2 handlers of 1 sources"), "{err}");
    }

    #[test]
    fn only_waits_that_the_budget_ended_tried_it() {
        let seen = judge(&trace(&[400], "resched")).unwrap();
        assert_eq!((seen.waits, seen.by_budget), (1, 0));
        assert_eq!(judge("").unwrap().waits, 0);
    }
}
