// SPDX-License-Identifier: GPL-2.0
//! Takes the CPU away from a guest: from all of QEMU, or from the thread of one of the guest's
//! CPUs.

use std::time::Duration;

use anyhow::{Context, Result};
use nix::sys::ptrace::{self, Options};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, waitpid};
use nix::unistd::Pid;

use toolbox::run;

/// Stops QEMU for some time. A stopped QEMU does not outlive this process, whose death kills it.
pub fn process(qemu: Pid, time: Duration) -> Result<()> {
    let tell = |signal| kill(qemu, signal).with_context(|| format!("sending {signal} to QEMU"));
    tell(Signal::SIGSTOP)?;
    let slept = run::sleep(time);
    tell(Signal::SIGCONT)?;
    slept
}

/// Stops one thread of QEMU for some time. This takes ptrace, because signals stop a whole process.
/// If this process dies during the pause, the kernel lets the thread go.
pub fn thread(thread: Pid, time: Duration) -> Result<()> {
    ptrace::seize(thread, Options::empty())
        .with_context(|| format!("attaching to QEMU's thread {thread} with ptrace"))?;
    let stopped = ptrace::interrupt(thread)
        .and_then(|()| waitpid(thread, Some(WaitPidFlag::__WALL)))
        .with_context(|| format!("stopping QEMU's thread {thread}"))
        .and_then(|_| run::sleep(time));
    // The thread is let go even if stopping it failed.
    let let_go = ptrace::detach(thread, None);
    stopped.and_then(|()| let_go.with_context(|| format!("detaching from QEMU's thread {thread}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;
    use std::thread::sleep;

    /// Whether a process is stopped, by a signal or by a debugger.
    fn is_stopped(pid: Pid) -> bool {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
        ["T", "t"].contains(&stat.split_whitespace().nth(2).unwrap())
    }

    /// Checks that a pause stops a process and then lets it go on. On a busy host the pause may
    /// begin late, so /proc says when the process is stopped.
    fn stands_still(pause: impl FnOnce(Pid, Duration) -> Result<()> + Send) {
        let mut child = Command::new("sleep").arg("60").spawn().unwrap();
        let pid = Pid::from_raw(child.id().cast_signed());
        assert!(!is_stopped(pid));
        std::thread::scope(|scope| {
            let paused = scope.spawn(|| pause(pid, Duration::from_secs(1)));
            while !is_stopped(pid) {
                assert!(!paused.is_finished(), "the process was never stopped");
                sleep(Duration::from_millis(1));
            }
            paused.join().unwrap().unwrap();
        });
        // A signal takes effect a moment later.
        let goes_on = (0..1000).any(|_| {
            sleep(Duration::from_millis(10));
            !is_stopped(pid)
        });
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(goes_on);
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
