// SPDX-License-Identifier: GPL-2.0
//! Checks by the kernel's trace events that the limit of a wait holds, and that nothing else ends a
//! wait while the CPU has nothing to run. After the limit, one look may still find work, and each
//! source is owed one hit when it gets its interrupts back. No other handler may begin.

use std::fmt::{self, Display, Formatter};

use anyhow::{Context, Result, bail, ensure};
use guest_protocol::cost::POLLING_CPU;

use crate::procfs::number_after;
use crate::trace;

/// Number of tries. On a busy host, packets arrive too late for most waits.
const TRIES: usize = 10;
/// A wait counts as prolonged by a slow handler if it exceeds its limit by more than this, in ns.
const OVERTIME_NS: u64 = 200_000;

/// Checks all waits of the polling CPU while `work` runs with slow handlers. Repeats the work, at
/// most `TRIES` times, until a handler was running when the limit of a wait expired. Before that,
/// the limit has not been tested.
pub fn check(mut work: impl FnMut() -> Result<u64>) -> Result<String> {
    let mut seen = Seen::default();
    for _ in 0..TRIES {
        seen.judge(&trace::of(&mut work)?.0)?;
        if seen.overtime > 0 {
            return Ok(seen.to_string());
        }
    }
    bail!("no handler was running when the limit of a wait expired: {seen}")
}

#[derive(Default)]
struct Wait {
    sources: u64,
    limit_ns: u64,
    end_ns: u64,
    hits: u64,
    /// Number of handlers that began after the limit.
    over: u64,
}

/// Counts over all waits so far.
#[derive(Debug, Default)]
struct Seen {
    waits: u64,
    /// Number of waits that a handler made longer than their limit.
    overtime: u64,
    hits: u64,
    longest_ns: u64,
}

impl Seen {
    fn judge(&mut self, trace: &str) -> Result<()> {
        let of_cpu = format!("[{POLLING_CPU:03}]");
        let mut wait = None;
        for line in trace.lines().filter(|line| line.contains(&of_cpu)) {
            if line.contains("poll_source_start:") {
                let limit_ns = number_after(line, "limit_ns=")?;
                wait = Some(Wait {
                    sources: number_after(line, "sources=")?,
                    limit_ns,
                    end_ns: time_ns(line)?.saturating_add(limit_ns),
                    ..Wait::default()
                });
            } else if let Some(wait) = &mut wait
                && line.contains("poll_source_hit:")
            {
                let began_ns = time_ns(line)?.saturating_sub(number_after(line, "spent_ns=")?);
                wait.over += u64::from(began_ns > wait.end_ns);
                ensure!(
                    wait.over <= wait.sources + 1,
                    "{} handlers of {} sources began after the limit of {} us: {line}",
                    wait.over,
                    wait.sources,
                    wait.limit_ns / 1000
                );
                wait.hits += 1;
                self.hits += 1;
            } else if line.contains("poll_source_stop:")
                && let Some(wait) = wait.take()
            {
                let waited_ns = number_after(line, "waited_ns=")?;
                ensure!(
                    !line.contains("reason=limit") || waited_ns > wait.limit_ns,
                    "a wait ended before its limit of {} us: {line}",
                    wait.limit_ns / 1000
                );
                self.waits += 1;
                self.overtime +=
                    u64::from(wait.hits > wait.over && waited_ns > wait.limit_ns + OVERTIME_NS);
                self.longest_ns = self.longest_ns.max(waited_ns);
            }
        }
        Ok(())
    }
}

impl Display for Seen {
    fn fmt(&self, f: &mut Formatter) -> fmt::Result {
        write!(
            f,
            "{} waits with {} hits; {} waits exceeded the limit because of a handler; the longest \
             wait took {} us",
            self.waits,
            self.hits,
            self.overtime,
            self.longest_ns / 1000
        )
    }
}

/// Returns the time of a trace line, in ns: `  <idle>-0  [001] d..1.  12.345678: poll_source_...`
fn time_ns(line: &str) -> Result<u64> {
    let mut words = line.split_whitespace();
    let time = words.find_map(|word| word.strip_suffix(':')?.split_once('.'));
    time.and_then(|(s, us)| {
        let us = s.parse::<u64>().ok()?.checked_mul(1_000_000)? + us.parse::<u64>().ok()?;
        us.checked_mul(1000)
    })
    .with_context(|| format!("no timestamp in {line:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The trace of a wait with a limit of 2 ms. Each hit begins and ends at the given times after
    /// the start of the wait, in us.
    fn trace(hits: &[(u64, u64)], reason: &str, waited_us: u64) -> String {
        let line = |us: u64, event: &str| {
            let us = 999_000 + us;
            let (s, us) = (12 + us / 1_000_000, us % 1_000_000);
            format!("  <idle>-0  [001] d..1.  {s}.{us:06}: {event}\n")
        };
        let hit = |(from, to)| {
            let spent = (to - from) * 1000;
            let event = format!("poll_source_hit: source=virtio1/input.0 irq=27 spent_ns={spent}");
            line(to, &event)
        };
        let mut trace = line(
            0,
            "poll_source_hit: source=virtio1/input.0 irq=27 spent_ns=9",
        );
        trace += &line(0, "poll_source_start: sources=1 limit_ns=2000000");
        trace.extend(hits.iter().copied().map(hit));
        let stop = format!("poll_source_stop: reason={reason} waited_ns={waited_us}000");
        trace += &line(waited_us, &stop);
        trace + &line(0, "poll_source_start: sources=1 limit_ns=2000000").replace("[001]", "[000]")
    }

    fn judge(trace: &str) -> Result<Seen> {
        let mut seen = Seen::default();
        seen.judge(trace)?;
        Ok(seen)
    }

    #[test]
    fn after_the_limit_one_hit_is_found_and_one_owed() {
        let hits = [(100, 500), (1500, 2700), (2700, 2800), (2800, 2900)];
        let seen = judge(&trace(&hits, "limit", 2950)).unwrap();
        assert_eq!(
            seen.to_string(),
            "1 waits with 4 hits; 1 waits exceeded the limit because of a handler; the longest \
             wait took 2950 us"
        );
        let hits = [hits.as_slice(), &[(2900, 2901)]].concat();
        let err = judge(&trace(&hits, "limit", 2950)).unwrap_err();
        assert!(err.to_string().contains("3 handlers of 1 sources"), "{err}");
    }

    #[test]
    fn a_slow_handler_does_not_end_a_wait() {
        let early = trace(&[(100, 1300)], "limit", 1400);
        let err = judge(&early).unwrap_err().to_string();
        assert!(err.contains("ended before its limit of 2000 us"), "{err}");
        let seen = judge(&early.replace("=limit", "=resched")).unwrap();
        assert_eq!((seen.waits, seen.overtime), (1, 0));
    }

    #[test]
    fn the_limit_is_tried_by_a_handler_alone() {
        assert_eq!(judge(&trace(&[], "limit", 3000)).unwrap().overtime, 0);
        assert_eq!(judge("").unwrap().waits, 0);
        assert!(judge("[001] poll_source_start: sources=1 limit_ns=2").is_err());
    }
}
