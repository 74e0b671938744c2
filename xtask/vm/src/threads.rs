// SPDX-License-Identifier: GPL-2.0
//! Where the host runs a machine's threads: of each of its processors one, of its disks one, and
//! QEMU's main one, which also is its timers under TCG.

use std::panic::resume_unwind;
use std::thread;

use anyhow::{Context, Result, ensure};
use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;
use serde::Serialize;
use xshell::{Shell, cmd};

use super::machine::Machine;
use super::qmp;
use toolbox::run;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Threads {
    Anywhere,
    /// Each on a processor of its own.
    Apart,
    /// Each of the guest's processors on one of its own, and all others before them (SCHED_FIFO).
    /// For a host that has no more: one that polls takes all it gets, and a timer would wait for the
    /// end of its time slice.
    OthersFirst,
}

impl Threads {
    /// For a guest with so many processors, if the host has one more.
    pub fn apart_if_enough(guest: u32, host: usize) -> Threads {
        match host > guest as usize {
            true => Threads::Apart,
            false => Threads::Anywhere,
        }
    }

    /// Of the `machine` that `qemu`, just started, runs and is controlled by.
    pub fn place(self, qemu: Pid, control: &qmp::Socket, machine: &Machine) -> Result<()> {
        if self == Threads::Anywhere {
            return Ok(());
        }
        let host = host_cpus()?;
        let guest = machine.cpus as usize;
        let wanted = guest + usize::from(self == Threads::Apart);
        ensure!(
            host.len() >= wanted,
            "this host has {} processors for a machine's {wanted} threads",
            host.len()
        );
        if self == Threads::Apart && machine.network.is_busy() {
            // To the disks' thread, and with it all that are not moved elsewhere.
            pin(qemu, host[guest])?;
        }
        let mut qmp = control.open()?;
        let processors = qmp::thread_ids(&qmp.ask("query-cpus-fast")?)?;
        let mut alone = processors.clone();
        if self == Threads::Apart {
            alone.extend(qmp::thread_ids(&qmp.ask("query-iothreads")?)?);
        }
        for (&thread, cpu) in alone.iter().zip(host) {
            pin(Pid::from_raw(thread), cpu)?;
        }
        if self == Threads::OthersFirst {
            // One by one they might be gone by then.
            put_first(qemu)?;
            for thread in processors {
                chrt(&["--other", "--pid", "0", &thread.to_string()])?;
            }
        }
        Ok(())
    }
}

/// Whether this process may put threads before others.
pub fn may_go_first() -> Result<()> {
    chrt(&["--fifo", "1", "true"])
}

/// Puts all threads of a process before others, and what they start from now on.
pub fn put_first(process: Pid) -> Result<()> {
    let process = process.to_string();
    chrt(&["--all-tasks", "--fifo", "--pid", "1", &process])
}

fn chrt(words: &[&str]) -> Result<()> {
    let shell = Shell::new()?;
    run::read(cmd!(shell, "chrt {words...}")).map(drop)
}

/// Moves a thread to a processor, and what it starts from now on.
pub fn pin(thread: Pid, cpu: usize) -> Result<()> {
    let mut set = CpuSet::new();
    set.set(cpu)?;
    sched_setaffinity(thread, &set).with_context(|| format!("moving thread {thread} to CPU {cpu}"))
}

/// Runs `work` on one of the processors that this process may use.
pub fn on_one_cpu<T: Send>(work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
    let cpu = *host_cpus()?.first().context("there is no processor")?;
    thread::scope(|scope| {
        let worker = scope.spawn(|| pin(Pid::from_raw(0), cpu).and_then(|()| work()));
        worker.join().unwrap_or_else(|panic| resume_unwind(panic))
    })
}

/// The processors that this process may use.
pub fn host_cpus() -> Result<Vec<usize>> {
    let set = sched_getaffinity(Pid::from_raw(0)).context("asking for the host's processors")?;
    Ok((0..CpuSet::count())
        .filter(|&cpu| set.is_set(cpu).unwrap_or(false))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_on_one_cpu_stays_there() {
        let cpus = on_one_cpu(host_cpus).unwrap();
        assert_eq!(cpus, host_cpus().unwrap()[..1]);
    }
}
