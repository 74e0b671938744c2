// SPDX-License-Identifier: GPL-2.0
//! Where the host runs a machine's threads: one for each CPU of the guest, one for the disks, and
//! QEMU's main thread, which also runs the timers under TCG.

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
    /// Each of the guest's CPUs and the disks' thread have a host CPU of their own. QEMU's main
    /// thread shares that of the disks' thread if the network keeps it busy.
    Apart,
    /// Each of the guest's CPUs has a host CPU of its own, and all other threads run before them
    /// (SCHED_FIFO). For a host without a CPU more than the guest: a guest CPU that polls takes all
    /// the time it gets, and a timer would wait for the end of its time slice.
    OthersFirst,
}

impl Threads {
    /// Returns `Apart` if the host has at least one CPU more than the guest, otherwise `Anywhere`.
    pub fn apart_if_enough(guest: u32, host: usize) -> Threads {
        match host > guest as usize {
            true => Threads::Apart,
            false => Threads::Anywhere,
        }
    }

    /// Places the threads of `qemu`, which has just been started for `machine` and is controlled by
    /// `control`.
    pub fn place(self, qemu: Pid, control: &qmp::Socket, machine: &Machine) -> Result<()> {
        if self == Threads::Anywhere {
            return Ok(());
        }
        let host = host_cpus()?;
        let guest = machine.cpus as usize;
        let wanted = guest + usize::from(self == Threads::Apart);
        ensure!(
            host.len() >= wanted,
            "this process may use {} host CPUs, but the threads of the machine need {wanted} \
             ({guest} of them for the guest's CPUs)",
            host.len()
        );
        if self == Threads::Apart && machine.network.is_busy() {
            // QEMU's main thread goes to the CPU of the disks' thread. Threads that it starts from
            // now on follow it, unless they are moved elsewhere.
            pin(qemu, host[guest])?;
        }
        let mut qmp = control.open()?;
        let processors = qmp.threads("query-cpus-fast")?;
        let mut alone = processors.clone();
        if self == Threads::Apart {
            alone.extend(qmp.threads("query-iothreads")?);
        }
        for (&thread, cpu) in alone.iter().zip(host) {
            pin(thread, cpu)?;
        }
        if self == Threads::OthersFirst {
            // The whole process at once: single threads might have ended by then.
            put_first(qemu)?;
            for thread in processors {
                chrt(&["--other", "--pid", "0", &thread.to_string()])?;
            }
        }
        Ok(())
    }
}

/// Fails if this process may not run threads before others (SCHED_FIFO).
pub fn may_go_first() -> Result<()> {
    chrt(&["--fifo", "1", "true"])
}

/// Runs all threads of a process, and what they start from now on, before others (SCHED_FIFO).
pub fn put_first(process: Pid) -> Result<()> {
    let process = process.to_string();
    chrt(&["--all-tasks", "--fifo", "--pid", "1", &process])
}

fn chrt(words: &[&str]) -> Result<()> {
    let shell = Shell::new()?;
    run::read(cmd!(shell, "chrt {words...}")).map(drop)
}

/// Moves a thread, and what it starts from now on, to a host CPU.
pub fn pin(thread: Pid, cpu: usize) -> Result<()> {
    let mut set = CpuSet::new();
    set.set(cpu)?;
    sched_setaffinity(thread, &set).with_context(|| format!("moving thread {thread} to CPU {cpu}"))
}

/// Runs `work` on one of the CPUs that this process may use.
pub fn on_one_cpu<T: Send>(work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
    let cpu = *host_cpus()?
        .first()
        .context("this process may use no CPU")?;
    thread::scope(|scope| {
        let worker = scope.spawn(|| pin(Pid::from_raw(0), cpu).and_then(|()| work()));
        worker.join().unwrap_or_else(|panic| resume_unwind(panic))
    })
}

/// Returns the CPUs that this process may use.
pub fn host_cpus() -> Result<Vec<usize>> {
    let set =
        sched_getaffinity(Pid::from_raw(0)).context("reading which CPUs this process may use")?;
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
