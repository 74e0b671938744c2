// SPDX-License-Identifier: GPL-2.0
//! The host's CPU time that QEMU takes. A guest counts its waits as idle time, polled or not, so
//! only the host sees what they cost.

use std::time::Instant;

use fs_err as fs;
use nix::unistd::{Pid, SysconfVar, sysconf};

/// CPU time of one process between two events.
pub struct Spent {
    pid: Pid,
    since: Option<(Instant, u64)>,
}

impl Spent {
    pub fn by(pid: Pid) -> Spent {
        Spent { pid, since: None }
    }

    pub fn begin(&mut self) {
        self.since = self.ticks().map(|ticks| (Instant::now(), ticks));
    }

    /// Returns the CPU time since `begin()`, in percent of one CPU. None without a `begin()`, or if
    /// the process is gone.
    pub fn percent(&mut self) -> Option<f64> {
        let (start, before) = self.since.take()?;
        let ticks = self.ticks()?.saturating_sub(before);
        let per_second = sysconf(SysconfVar::CLK_TCK).ok()??;
        Some(100.0 * ticks as f64 / per_second as f64 / start.elapsed().as_secs_f64())
    }

    fn ticks(&self) -> Option<u64> {
        parse(&fs::read_to_string(format!("/proc/{}/stat", self.pid)).ok()?)
    }
}

/// Returns the sum of utime and stime in /proc/PID/stat, in ticks, for all threads together.
pub fn parse(stat: &str) -> Option<u64> {
    // The name may have spaces and brackets in it. No later field has any.
    let (_, rest) = stat.rsplit_once(')')?;
    let mut columns = rest.split_whitespace().skip(11);
    let user: u64 = columns.next()?.parse().ok()?;
    let system: u64 = columns.next()?.parse().ok()?;
    user.checked_add(system)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_and_system_time_are_found_behind_any_name() {
        let stat = "42 (a) (b c) S 1 42 42 0 -1 4194304 100 0 0 0 120 34 5 6 20 0 3 0 99 1 2\n";
        assert_eq!(parse(stat), Some(154));
        assert_eq!(parse("42 (x) S 1"), None);
    }

    #[test]
    fn a_busy_process_is_seen() {
        let mut spent = Spent::by(Pid::this());
        assert_eq!(spent.percent(), None);
        spent.begin();
        let start = Instant::now();
        while start.elapsed().as_millis() < 300 {
            std::hint::spin_loop();
        }
        assert!(spent.percent().is_some_and(|percent| percent > 1.0));
    }
}
