// SPDX-License-Identifier: GPL-2.0
//! The guest's processors: bringing them up, staying on some, keeping all out of the idle loop.
//!
//! Two of these are there because of one fault of multi-threaded TCG, seen with QEMU 7.2. A
//! processor that translates code while another patches it (a static key, which the kernel does
//! soundly) may keep the breakpoint that stood there for a moment, and later dies of it: `Oops:
//! int3` in whatever function holds the key, be it poll_idle() or sched_clock_cpu(). It took some
//! hundred flips of the switch under load, or some dozen boots on a busy host. With one thread for
//! all processors thousands of flips went well, but that is no machine to measure on. So under TCG
//! the kernel boots on one processor, init brings up the others, and none is in the idle loop while
//! the switch patches that.

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

/// A folder for each processor, among others.
pub const CPUS: &str = "/sys/devices/system/cpu";

/// Held for writing while a processor goes offline.
static GOING: RwLock<()> = RwLock::new(());

/// The processors that are online.
pub fn online() -> Result<Vec<usize>> {
    Ok(procfs::cpus(&procfs::read("/proc/stat")?))
}

/// The files that say whether a processor is online. The first processor has none.
pub fn removable() -> Result<Vec<PathBuf>> {
    let names = procfs::names(CPUS)?;
    let mut files: Vec<_> = names.iter().map(|name| online_file(name)).collect();
    // Folders that are no processor's have no such file either.
    files.retain(|online| online.exists());
    Ok(files)
}

/// The file of one of them, "cpu1".
pub fn online_file(name: &str) -> PathBuf {
    Path::new(CPUS).join(name).join("online")
}

/// Takes a processor offline.
pub fn take_offline(online: &Path) -> io::Result<()> {
    let _going = GOING.write().unwrap_or_else(PoisonError::into_inner);
    fs::write(online, "0")
}

/// Until this is dropped no processor goes offline.
///
/// For whatever starts queues of a disk, which must be there whole before a processor goes
/// (stress/troubles/device.rs says why), or of a network card. virtio_net switches NAPI off, for
/// good, for a send queue that starts while a processor goes offline (virtnet_napi_tx_enable()), and
/// then frees packets twice when a queue is resized under load. Debian's 6.12 does so with nothing
/// of ours loaded: in a minute with napi_tx=0 or with processors that come and go.
pub fn all_stay() -> RwLockReadGuard<'static, ()> {
    GOING.read().unwrap_or_else(PoisonError::into_inner)
}

/// Brings up the processors that the kernel was told to leave alone (maxcpus=1).
pub fn bring_up() -> Result<()> {
    for online in removable()? {
        if procfs::read(&online).is_ok_and(|state| state == "0") {
            procfs::write(&online, 1)?;
        }
    }
    Ok(())
}

/// This thread, and what it starts from now on, stays on these processors.
pub fn pin(cpus: &[usize]) -> Result<()> {
    let mut set = CpuSet::new();
    for &cpu in cpus {
        set.set(cpu)?;
    }
    sched_setaffinity(Pid::from_raw(0), &set).with_context(|| format!("moving to CPUs {cpus:?}"))
}

/// Runs `work` on one processor.
pub fn on<T: Send>(cpu: usize, work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
    thread::scope(|scope| {
        let worker = scope.spawn(|| pin(&[cpu]).and_then(|()| work()));
        worker.join().unwrap_or_else(|panic| resume_unwind(panic))
    })
}

/// How often a processor entered an idle state; haltpoll's are the one that polls and the one that
/// halts.
pub fn usage(cpu: usize, state: usize) -> Result<u64> {
    procfs::value(format!("{CPUS}/cpu{cpu}/cpuidle/state{state}/usage"))
}

/// Runs `patch` while every processor has something to do.
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
