// SPDX-License-Identifier: GPL-2.0
//! Where the host runs a machine's threads: of each of its processors one, of its disks one, and
//! QEMU's main one, which also is its timers under TCG.

use std::fs;

use anyhow::{Context, Result, ensure};
use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;
use serde::Serialize;
use xshell::{Shell, cmd};

use super::machine::Machine;
use super::qmp;
use crate::run;

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
            for thread in of(qemu)? {
                if !processors.contains(&thread) {
                    chrt(&[], thread)?;
                }
            }
        }
        Ok(())
    }
}

/// Whether this process may put threads before others.
pub fn may_go_first() -> Result<()> {
    let shell = Shell::new()?;
    run::read(cmd!(shell, "chrt --fifo 1 true")).map(drop)
}

/// Puts all threads of a process before others, and what they start from now on.
pub fn put_first(process: Pid) -> Result<()> {
    chrt(&["--all-tasks"], process.as_raw())
}

fn chrt(options: &[&str], thread: i32) -> Result<()> {
    let (shell, thread) = (Shell::new()?, thread.to_string());
    run::read(cmd!(shell, "chrt {options...} --fifo --pid 1 {thread}")).map(drop)
}

fn of(process: Pid) -> Result<Vec<i32>> {
    let folder = format!("/proc/{process}/task");
    let listing = || format!("listing {folder}");
    let mut threads = Vec::new();
    for entry in fs::read_dir(&folder).with_context(listing)? {
        let name = entry.with_context(listing)?.file_name();
        let number = name.to_str().and_then(|name| name.parse().ok());
        threads.push(number.with_context(listing)?);
    }
    Ok(threads)
}

/// Moves a thread to a processor, and what it starts from now on.
pub fn pin(thread: Pid, cpu: usize) -> Result<()> {
    let mut set = CpuSet::new();
    set.set(cpu)?;
    sched_setaffinity(thread, &set).with_context(|| format!("moving thread {thread} to CPU {cpu}"))
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
    use std::process::Command;

    #[test]
    fn a_machine_is_spread_over_a_host_with_one_processor_more() {
        assert_eq!(Threads::apart_if_enough(2, 3), Threads::Apart);
        assert_eq!(Threads::apart_if_enough(2, 2), Threads::Anywhere);
    }

    #[test]
    fn a_thread_is_moved_to_a_processor() {
        let mut child = run::tie(Command::new("sleep").arg("60")).spawn().unwrap();
        let pid = Pid::from_raw(child.id().cast_signed());
        let cpu = *host_cpus().unwrap().last().unwrap();
        let moved = pin(pid, cpu).map(|()| sched_getaffinity(pid).unwrap());
        let threads = of(pid);
        run::kill_group(&mut child);
        let mut wanted = CpuSet::new();
        wanted.set(cpu).unwrap();
        assert_eq!(moved.unwrap(), wanted);
        assert_eq!(threads.unwrap(), [pid.as_raw()]);
    }
}
