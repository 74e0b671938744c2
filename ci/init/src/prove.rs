// SPDX-License-Identifier: GPL-2.0
//! Proves before and after the scenario that the kernel is the one that was asked for.

use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use guest_protocol::Proof;
use nix::errno::Errno;
use nix::libc::klogctl;

use crate::port::Port;
use crate::procfs::{has_function, number, read, write};

const LOCKDEP: &str = "/proc/lockdep_stats";
const KCSAN: &str = "/sys/kernel/debug/kcsan";
const KMEMLEAK: &str = "/sys/kernel/debug/kmemleak";
/// Functions whose data races KCSAN is set to ignore. No access of the series is inside them.
const KNOWN_RACES: [&str; 4] = [
    // Reads without a lock whether a handler runs, which "might give the wrong answer"
    // (kernel/irq/manage.c), and reads it again with the lock. free_irq() reaches it.
    "__synchronize_hardirq",
    // Wakes a task that waits in poll(), by a flag. Newer kernels mark the accesses in fs/select.c,
    // 6.12 does not.
    "pollwake",
    // Shows counters in /proc/interrupts while the CPUs go on counting. 6.12 does not have this
    // function.
    "irq_proc_emit_counts",
    // Shows the times of the CPUs in /proc/stat while kernel/sched/cputime.c goes on adding to
    // them. KCSAN does not watch kernel/sched, so it cannot name the writer ("unknown origin").
    "show_stat",
];
const OBJECTS: &str = "/sys/kernel/debug/debug_objects/stats";
const NOHZ_FULL: &str = "/sys/devices/system/cpu/nohz_full";

/// Time between the two scans. kmemleak reports no object that is younger than 5 s, and none that
/// has changed since the last scan.
const LEAK_AGE: Duration = Duration::from_secs(6);
/// Maximum number of lines of kmemleak's report in an error.
const LEAK_LINES: usize = 60;

pub fn at_start(port: &mut Port, proofs: &[Proof]) -> Result<()> {
    each(port, proofs, "start", start)
}

pub fn at_end(port: &mut Port, proofs: &[Proof]) -> Result<()> {
    each(port, proofs, "end", end)
}

fn each(port: &mut Port, of: &[Proof], at: &str, prove: fn(Proof) -> Result<String>) -> Result<()> {
    of.iter().try_for_each(|&proof| {
        let name = format!("kernel: {} at the {at}", proof.name());
        port.case(&name, || prove(proof))
    })
}

fn start(proof: Proof) -> Result<String> {
    match proof {
        Proof::Kasan => said("KernelAddressSanitizer initialized"),
        Proof::Ubsan => symbol("__ubsan_handle_out_of_bounds"),
        // kmemleak accepts no command if it is off.
        Proof::Kmemleak => write(KMEMLEAK, "scan=off").map(|()| String::new()),
        Proof::NohzFull => tickless(),
        Proof::Preempt => version(" PREEMPT "),
        Proof::Realtime => version(" PREEMPT_RT "),
        Proof::Kcsan => {
            let mut left_out = Vec::new();
            for function in KNOWN_RACES {
                if has_function(function)? {
                    write(KCSAN, format!("!{function}"))?;
                    left_out.push(function);
                }
            }
            Ok(format!(
                "{}, ignored functions: {}",
                end(proof)?,
                left_out.join(", ")
            ))
        }
        Proof::Lockdep | Proof::DebugObjects => end(proof),
    }
}

/// Proves again what can change while the kernel runs. The other facts cannot change.
fn end(proof: Proof) -> Result<String> {
    match proof {
        Proof::Lockdep => lockdep(&read(LOCKDEP)?),
        Proof::Kcsan => kcsan(&read(KCSAN)?),
        Proof::DebugObjects => objects(&read(OBJECTS)?),
        Proof::Kmemleak => leaks(),
        Proof::NohzFull => tickless(),
        Proof::Kasan | Proof::Ubsan | Proof::Preempt | Proof::Realtime => {
            Ok("cannot be turned off".into())
        }
    }
}

fn lockdep(stats: &str) -> Result<String> {
    let on = number(stats, "debug_locks")?;
    let classes = number(stats, "lock-classes")?;
    let chains = number(stats, "dependency chains")?;
    ensure!(on == 1, "lockdep has turned itself off: see the console");
    ensure!(classes > 0, "lockdep has no lock classes");
    Ok(format!("{classes} lock classes, {chains} chains"))
}

fn kcsan(stats: &str) -> Result<String> {
    let on = number(stats, "enabled")?;
    let set = number(stats, "setup_watchpoints")?;
    ensure!(on == 1, "KCSAN is off");
    ensure!(set > 0, "KCSAN has set no watchpoint");
    Ok(format!("{set} watchpoints were set"))
}

fn objects(stats: &str) -> Result<String> {
    let used = number(stats, "pool_used")?;
    let warnings = number(stats, "warnings")?;
    ensure!(
        used > 0,
        "the checker tracks no object: it has turned itself off"
    );
    ensure!(warnings == 0, "{warnings} warnings: see the console");
    Ok(format!("{used} objects"))
}

fn leaks() -> Result<String> {
    // An object that the first scan finds may just have been on its way from one place to another.
    // So only the report after the second scan counts.
    write(KMEMLEAK, "scan")?;
    sleep(LEAK_AGE);
    write(KMEMLEAK, "scan")?;
    let report = read(KMEMLEAK)?;
    let count = report.matches("unreferenced object").count();
    let first: Vec<&str> = report.lines().take(LEAK_LINES).collect();
    ensure!(report.is_empty(), "{count} leaks\n{}", first.join("\n"));
    Ok("nothing leaked".into())
}

fn tickless() -> Result<String> {
    let cpus = read(NOHZ_FULL)?;
    ensure!(
        cpus.starts_with(|c: char| c.is_ascii_digit()),
        "{NOHZ_FULL} names no CPU: {cpus:?}"
    );
    Ok(format!("CPU {cpus}"))
}

fn version(word: &str) -> Result<String> {
    let version = read("/proc/version")?;
    ensure!(version.contains(word), "{version}");
    Ok(String::new())
}

fn symbol(name: &str) -> Result<String> {
    ensure!(has_function(name)?, "the kernel has no {name}()");
    Ok(String::new())
}

fn said(what: &str) -> Result<String> {
    let log = kernel_log()?;
    let line = log.lines().find(|line| line.contains(what));
    let line = line.with_context(|| format!("the kernel log does not contain {what:?}"))?;
    Ok(line.split_once("] ").map_or(line, |(_, text)| text).into())
}

/// The whole content of the kernel's ring buffer. Each line has its level and time.
pub fn kernel_log() -> Result<String> {
    /// SYSLOG_ACTION_READ_ALL
    const READ_ALL: i32 = 3;
    // Larger than any ring buffer of these kernels.
    let mut log = vec![0u8; 4 << 20];
    // SAFETY: the kernel writes at most this length.
    let length = unsafe { klogctl(READ_ALL, log.as_mut_ptr().cast(), log.len() as i32) };
    let length = Errno::result(length).context("reading the kernel's log")?;
    Ok(String::from_utf8_lossy(&log[..length as usize]).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    // The format of 7.3.
    const STATS: &str = " lock-classes:                         1043 [max: 8192]
 dynamic-keys:                           12
 dependency chains:                    4096 [max: 262144]
 debug_locks:                             1
";
    const RACES: &str = "enabled: 1\nused_watchpoints: 0\nsetup_watchpoints: 4711\ndata_races: 0\n";

    #[test]
    fn lockdep_that_turned_itself_off_is_no_lockdep() {
        assert_eq!(lockdep(STATS).unwrap(), "1043 lock classes, 4096 chains");
        let off = STATS.replace("            1\n", "            0\n");
        assert!(lockdep(&off).is_err());
        assert!(lockdep("").is_err(), "no statistics");
    }

    #[test]
    fn kcsan_that_watches_nothing_is_no_kcsan() {
        assert!(kcsan(RACES).is_ok());
        assert!(kcsan(&RACES.replace("enabled: 1", "enabled: 0")).is_err());
        assert!(kcsan(&RACES.replace("4711", "0")).is_err());
    }

    #[test]
    fn objects_of_both_lines_are_counted() {
        // 7.3 prints a blank after the colon, 6.12 does not.
        for blank in [" ", ""] {
            let stats = |used, warnings| {
                format!("warnings      :{blank}{warnings}\npool_used     :{blank}{used}\n")
            };
            assert_eq!(objects(&stats(812, 0)).unwrap(), "812 objects");
            assert!(objects(&stats(0, 0)).is_err(), "turned off");
            assert!(objects(&stats(812, 1)).is_err(), "complained");
        }
    }
}
