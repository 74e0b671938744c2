// SPDX-License-Identifier: GPL-2.0
//! The guest's CPUs: brings them up, pins threads to them, keeps all of them out of the idle loop.
//!
//! `bring_up()` and `while_none_idles()` exist because of one fault of multi-threaded TCG, seen
//! with QEMU 7.2. The kernel patches code (a static key) soundly, with a breakpoint in its place
//! for a moment. A virtual CPU that translates the code during that moment may keep the breakpoint
//! and later dies of it: `Oops: int3` in whatever function holds the key, for example poll_idle()
//! or sched_clock_cpu(). The fault showed after some hundred flips of the switch under load, or
//! after some dozen boots on a busy host. With one thread for all CPUs, thousands of flips went
//! well, but such a machine is no use for measurements. So under TCG the kernel boots on one CPU,
//! init brings up the others, and no CPU is in the idle loop while the switch patches that loop.

use std::fs;
use std::hint::spin_loop;
use std::io;
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Barrier, PoisonError, RwLock, RwLockReadGuard};
use std::thread;

use anyhow::{Context, Result};
use nix::sched::{CpuSet, sched_setaffinity};
use nix::unistd::Pid;

use crate::procfs;

/// The folder that has a subfolder for each CPU, among others.
pub const CPUS: &str = "/sys/devices/system/cpu";

/// Held for writing while a CPU goes offline.
static GOING: RwLock<()> = RwLock::new(());

/// The CPUs that are online.
pub fn online() -> Result<Vec<usize>> {
    Ok(procfs::cpus(&procfs::read("/proc/stat")?))
}

/// The `online` file of each CPU that can go offline. The first CPU has none.
pub fn removable() -> Result<Vec<PathBuf>> {
    let names = procfs::names(CPUS)?;
    let mut files: Vec<_> = names.iter().map(|name| online_file(name)).collect();
    // Subfolders that do not belong to a CPU have no such file either.
    files.retain(|online| online.exists());
    Ok(files)
}

/// The `online` file of the CPU with this name, for example "cpu1".
pub fn online_file(name: &str) -> PathBuf {
    Path::new(CPUS).join(name).join("online")
}

/// Takes the CPU offline that the file belongs to.
pub fn take_offline(online: &Path) -> io::Result<()> {
    let _going = GOING.write().unwrap_or_else(PoisonError::into_inner);
    fs::write(online, "0")
}

/// Keeps all CPUs online until the guard is dropped.
///
/// For code that starts queues of a disk or of a network card. A disk's queues must be complete
/// before a CPU goes offline: stress/troubles/device.rs says why. If a send queue of a network card
/// starts while a CPU goes offline, virtio_net switches NAPI off for that queue, for good
/// (virtnet_napi_tx_enable()). It then frees packets twice when a queue is resized under load.
/// Debian's 6.12 has this fault without any code of this project: it shows within a minute with
/// napi_tx=0, or with CPUs that come and go.
pub fn all_stay() -> RwLockReadGuard<'static, ()> {
    GOING.read().unwrap_or_else(PoisonError::into_inner)
}

/// Brings up the CPUs that the kernel left offline at boot (maxcpus=1).
pub fn bring_up() -> Result<()> {
    for online in removable()? {
        if procfs::read(&online).is_ok_and(|state| state == "0") {
            procfs::write(&online, 1)?;
        }
    }
    Ok(())
}

/// Pins this thread, and the threads and programs that it starts from now on, to these CPUs.
pub fn pin(cpus: &[usize]) -> Result<()> {
    let mut set = CpuSet::new();
    for &cpu in cpus {
        set.set(cpu)?;
    }
    sched_setaffinity(Pid::from_raw(0), &set).with_context(|| format!("moving to CPUs {cpus:?}"))
}

/// Runs `work` on a thread that is pinned to one CPU.
pub fn on<T: Send>(cpu: usize, work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
    thread::scope(|scope| {
        let worker = scope.spawn(|| pin(&[cpu]).and_then(|()| work()));
        worker.join().unwrap_or_else(|panic| resume_unwind(panic))
    })
}

/// How often a CPU has entered an idle state. Of haltpoll's two states the first polls and the
/// second halts.
pub fn usage(cpu: usize, state: usize) -> Result<u64> {
    procfs::value(format!("{CPUS}/cpu{cpu}/cpuidle/state{state}/usage"))
}

/// Runs `patch` while a thread spins on each online CPU, so that no CPU idles.
pub fn while_none_idles<T>(patch: impl FnOnce() -> Result<T>) -> Result<T> {
    let cpus = online()?;
    let all_spin = Barrier::new(cpus.len() + 1);
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let spin_on = |cpu| {
            let (all_spin, done) = (&all_spin, &done);
            scope.spawn(move || {
                let pinned = pin(&[cpu]);
                all_spin.wait();
                while !done.load(Ordering::Relaxed) {
                    spin_loop();
                }
                pinned
            })
        };
        let spinners: Vec<_> = cpus.into_iter().map(spin_on).collect();
        all_spin.wait();
        let outcome = patch();
        done.store(true, Ordering::Relaxed);
        for spinner in spinners {
            spinner.join().expect("a loop does not panic")?;
        }
        outcome
    })
}
