// SPDX-License-Identifier: GPL-2.0
//! Taking the processor from a guest: from all of QEMU, or from the thread of one of its processors.

use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, Result};
use nix::sys::ptrace::{self, Options};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, waitpid};
use nix::unistd::Pid;

/// A stopped process does not outlive this one: its death is tied to ours.
pub fn process(qemu: Pid, time: Duration) -> Result<()> {
    let tell = |signal| kill(qemu, signal).with_context(|| format!("sending {signal} to QEMU"));
    tell(Signal::SIGSTOP)?;
    sleep(time);
    tell(Signal::SIGCONT)
}

/// Signals stop a whole process; a debugger stops one thread. If this one dies meanwhile, the
/// kernel lets the other go.
pub fn thread(thread: Pid, time: Duration) -> Result<()> {
    ptrace::seize(thread, Options::empty())
        .with_context(|| format!("holding on to QEMU's thread {thread}"))?;
    let stopped = ptrace::interrupt(thread)
        .and_then(|()| waitpid(thread, Some(WaitPidFlag::__WALL)))
        .with_context(|| format!("stopping QEMU's thread {thread}"));
    if stopped.is_ok() {
        sleep(time);
    }
    // Whatever came of it, the thread is not kept.
    let let_go = ptrace::detach(thread, None);
    stopped.and_then(|_| let_go.with_context(|| format!("letting go of QEMU's thread {thread}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Child, Command};
    use std::time::Instant;

    /// Runs until it is killed.
    fn spin() -> (Child, Pid) {
        let child = Command::new("sh")
            .args(["-c", "while :; do :; done"])
            .spawn();
        let child = child.unwrap();
        let pid = Pid::from_raw(child.id().cast_signed());
        (child, pid)
    }

    /// A field of /proc/PID/stat, counted from 0.
    fn stat(pid: Pid, field: usize) -> String {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
        stat.split_whitespace().nth(field).unwrap().to_owned()
    }

    /// Its processor time, in ticks.
    fn used(pid: Pid) -> u64 {
        stat(pid, 13).parse().unwrap()
    }

    /// By a signal or by a debugger.
    fn is_stopped(pid: Pid) -> bool {
        ["T", "t"].contains(&stat(pid, 2).as_str())
    }

    /// It ran before and after, and did not in between. On a busy host the pause may
    /// begin late: the process itself says when it is stopped.
    fn stands_still(pause: impl FnOnce(Pid, Duration) -> Result<()> + Send) {
        let (mut child, pid) = spin();
        let runs = || {
            let (before, start) = (used(pid), Instant::now());
            while used(pid) < before + 5 {
                assert!(start.elapsed() < Duration::from_secs(20), "it does not run");
                sleep(Duration::from_millis(10));
            }
        };
        runs();
        std::thread::scope(|scope| {
            let paused = scope.spawn(|| pause(pid, Duration::from_secs(1)));
            while !is_stopped(pid) {
                assert!(!paused.is_finished(), "it was never stopped");
                sleep(Duration::from_millis(1));
            }
            let mut looks = 0;
            loop {
                let before = used(pid);
                sleep(Duration::from_millis(10));
                let after = used(pid);
                if !is_stopped(pid) {
                    break;
                }
                assert_eq!(after, before);
                looks += 1;
            }
            assert!(looks > 0, "it was not stopped for long enough to look");
            paused.join().unwrap().unwrap();
        });
        runs();
        child.kill().unwrap();
        child.wait().unwrap();
    }

    #[test]
    fn a_process_stands_still() {
        stands_still(process);
    }

    #[test]
    fn a_thread_stands_still() {
        stands_still(thread);
    }
}
