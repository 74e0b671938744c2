// SPDX-License-Identifier: GPL-2.0
//! The host's CPU time that QEMU takes. A guest counts its waits as idle time, polled or not, so
//! only the host sees what they cost.

use std::time::{Duration, Instant};

use nix::time::ClockId;
use nix::unistd::Pid;

/// CPU time of one process between two events.
pub struct Spent {
    pid: Pid,
    since: Option<(Instant, Duration)>,
}

impl Spent {
    pub fn by(pid: Pid) -> Spent {
        Spent { pid, since: None }
    }

    pub fn begin(&mut self) {
        self.since = self.cpu_time().map(|time| (Instant::now(), time));
    }

    /// Returns the CPU time since `begin()`, in percent of one CPU. None without a `begin()`, or if
    /// the process is gone.
    pub fn percent(&mut self) -> Option<f64> {
        let (start, before) = self.since.take()?;
        let spent = self.cpu_time()?.saturating_sub(before);
        Some(100.0 * spent.as_secs_f64() / start.elapsed().as_secs_f64())
    }

    /// Returns the CPU time of all threads together, also of those that have ended.
    fn cpu_time(&self) -> Option<Duration> {
        let clock = ClockId::pid_cpu_clock_id(self.pid).ok()?;
        Some(clock.now().ok()?.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn a_busy_process_is_seen_and_one_that_is_gone_is_not() {
        let mut busy = Command::new("sh")
            .args(["-c", "while :; do :; done"])
            .spawn()
            .unwrap();
        let mut spent = Spent::by(Pid::from_raw(busy.id().cast_signed()));
        assert_eq!(spent.percent(), None);
        spent.begin();
        std::thread::sleep(Duration::from_millis(300));
        assert!(spent.percent().is_some_and(|percent| percent > 1.0));
        spent.begin();
        busy.kill().unwrap();
        busy.wait().unwrap();
        assert_eq!(spent.percent(), None);
    }
}
