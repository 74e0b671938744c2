// SPDX-License-Identifier: GPL-2.0
//! Looks for the kernel's bad words in a guest's console. A guest that printed one has not passed,
//! whatever its verdict is. A console that cannot be read is not a clean console.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use fs_err as fs;

/// The texts that the kernel prints when something is wrong, spelled as in its source. Most reports
/// of lockdep, RCU, the watchdogs and the sanitizers begin with one of the first words.
pub const BAD_WORDS: &[&str] = &[
    "BUG:",
    // SLUB prints "BUG kmalloc-64 (Not tainted): Redzone overwritten".
    "] BUG ",
    "kernel BUG at",
    "WARNING:",
    "Oops",
    "Kernel panic",
    "------------[ cut here ]------------",
    "Call Trace:",
    "general protection fault",
    "invalid opcode:",
    "double fault:",
    "list_add corruption",
    "list_del corruption",
    // RCU
    "rcu: INFO:",
    "self-detected stall",
    "detected stalls on",
    "detected expedited stalls on",
    "kthread starved for",
    "kthread timer wakeup didn't happen",
    "RCU used illegally",
    // lockdep
    "trying to register non-static key",
    "DEBUG_LOCKS_WARN_ON",
    "left hardirqs enabled",
    // lockdep turns itself off: what comes after is not checked
    "lockdep is turned off",
    "turning off the locking correctness validator",
    // watchdogs; a task is "blocked", "blocked in I/O wait", "blocked on a mutex"
    "hard LOCKUP",
    "INFO: task ",
    "blocked for more than",
    // interrupts and softirqs
    "nobody cared",
    "Disabling IRQ",
    "No irq handler for",
    "tick-stop error",
    "huh, entered softirq",
    // sanitizers
    "UBSAN:",
    "refcount_t:",
    "kcsan: improperly instrumented",
    "kcsan: selftest: test_",
    // leaks, and the leak detector turning itself off
    "new suspected memory leaks",
    "unreferenced object",
    "kmemleak: Cannot",
    "kmemleak: Memory pool empty",
    "memory leak detector disabled",
    // debug objects, and their check turning itself off
    "ODEBUG disabled",
    "ODEBUG: Out of memory",
    "but NOT annotated",
    ", but annotated.",
    "objects remaining",
];

/// Start of the kernel's first line on any console.
const BANNER: &str = "Linux version ";
/// The kernel's complaint about softirqs that are pending on an idle CPU. It is excused on a CPU
/// that goes offline: once ksoftirqd is parked there, the softirqs that are too many for the end of
/// an interrupt wait for the next interrupt, and the CPU idles with them. This also happens with
/// polling off: `soak --unpolled --trouble cpu-hotplug,haltpoll` on a lockdep kernel shows it
/// within minutes.
const LEFT_PENDING: &str = "NOHZ tick-stop error: local softirq work is pending";
const GONE: &str = " is now offline";
/// Longest time from that complaint to the message that the CPU is offline, in seconds of the
/// kernel's clock.
const GOING: f64 = 1.0;
/// First line of a warning. Its last line has [`END_OF_TRACE`].
const CUT: &str = "------------[ cut here ]------------";
const END_OF_TRACE: &str = "---[ end trace ";
/// Parts of a warning that is excused. On PREEMPT_RT an interrupt can move to a CPU that goes
/// offline, and its thread can then stay on a CPU where it is not allowed: a comment in the
/// kernel's migration_cpu_stop() says so. The kernel warns when the thread next enables migration.
/// This also happens with polling off: `soak --unpolled --config preempt-rt` shows it.
const LEFT_BEHIND: [&str; 4] = [
    " at affine_move_task+",
    "Comm: irq/",
    " PREEMPT_{RT",
    " ___migrate_enable+",
];
const LINES_BEFORE: usize = 2;
const LINES_AFTER: usize = 25;

/// The first place where the kernel complained.
#[derive(Debug, PartialEq, Eq)]
pub struct Splat {
    /// The line with the bad word.
    pub headline: String,
    /// That line and its neighbours.
    pub excerpt: String,
}

/// Scans the console of a guest that booted. Fails if it does not have the kernel's banner.
pub fn scan_file(path: &Path) -> Result<Option<Splat>> {
    let text = read(path)?;
    ensure!(
        text.contains(BANNER),
        "{} does not contain the kernel's banner {BANNER:?}: the kernel's messages are unknown",
        path.display()
    );
    Ok(scan(&text))
}

pub fn read(path: &Path) -> Result<String> {
    let bytes =
        fs::read(path).with_context(|| format!("reading the console {}", path.display()))?;
    Ok(String::from_utf8_lossy(&bytes).replace('\r', ""))
}

pub fn scan(text: &str) -> Option<Splat> {
    let lines: Vec<&str> = text.lines().collect();
    let mut hit = 0;
    loop {
        hit += lines[hit..].iter().position(|line| is_bad(line))?;
        match excused(&lines[hit..]) {
            0 => break,
            some => hit += some,
        }
    }
    let excerpt = &lines[hit.saturating_sub(LINES_BEFORE)..lines.len().min(hit + LINES_AFTER)];
    Some(Splat {
        headline: lines[hit].trim().to_owned(),
        excerpt: excerpt.join("\n"),
    })
}

/// Returns the last `count` lines, for an error message.
pub fn tail(text: &str, count: usize) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}

/// Returns how many lines, from the first, are a known complaint of the base kernel; 0 if they are
/// none.
fn excused(lines: &[&str]) -> usize {
    usize::from(is_of_a_cpu_that_goes(lines)).max(thread_left_behind(lines))
}

/// Returns the number of lines of a warning about the thread of an interrupt that was left behind.
/// 0 if the first line does not begin such a warning, or if there is another complaint inside it.
fn thread_left_behind(lines: &[&str]) -> usize {
    let end = lines.iter().position(|line| line.contains(END_OF_TRACE));
    let block = &lines[..end.map_or(0, |end| end + 1)];
    let is_whole = block.first().is_some_and(|line| line.contains(CUT));
    let has = |part: &&str| block.iter().any(|line| line.contains(*part));
    // The three bad lines of such a warning are CUT, "WARNING:" and "Call Trace:".
    let bad = block.iter().filter(|line| is_bad(line)).count();
    match is_whole && LEFT_BEHIND.iter().all(has) && bad == 3 {
        true => block.len(),
        false => 0,
    }
}

/// Whether the first line is about softirqs that are pending on a CPU that goes offline.
fn is_of_a_cpu_that_goes(lines: &[&str]) -> bool {
    let Some(at) = lines.first().filter(|line| line.contains(LEFT_PENDING)) else {
        return false;
    };
    let gone = lines.iter().find(|line| line.contains(GONE));
    let times = (seconds(at), gone.and_then(|line| seconds(line)));
    matches!(times, (Some(at), Some(gone)) if (0.0..=GOING).contains(&(gone - at)))
}

/// Returns when the kernel printed a line, in seconds since it booted.
fn seconds(line: &str) -> Option<f64> {
    let (time, _) = line.trim_start().strip_prefix('[')?.split_once(']')?;
    time.trim().parse().ok()
}

fn is_bad(line: &str) -> bool {
    BAD_WORDS.iter().any(|word| line.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The noisiest lines of a clean boot of the small kernel.
    const CLEAN: &str = "\
[    0.000000] Linux version 7.3.4+ (root@host) (gcc (Debian 12.2.0-14+deb12u1) 12.2.0) #1 SMP
[    0.000000] Command line: console=ttyS0 oops=panic panic=-1 cpuidle_haltpoll.force=1
[    0.000000] BIOS-e820: [mem 0x0000000000000000-0x000000000009fbff] usable
[    0.011000] rcu: Hierarchical RCU implementation.
[    0.012000] rcu: \tRCU restricting CPUs from NR_CPUS=8 to nr_cpu_ids=2.
[    0.024000] Spectre V1 : Mitigation: usercopy/swapgs barriers and __user pointer sanitization
[    0.310000] virtio_blk virtio0: 1/1/0 default/read/poll queues
[    0.320000] printk: console [ttyS0] enabled
[    0.912000] Run /init as init process
";

    /// Lines that debug kernels print when nothing is wrong.
    const DEBUG_BOOT: &str = "\
[    0.000000] kasan: KernelAddressSanitizer initialized (generic)
[    0.000000] kcsan: enabled early
[    0.000000] kcsan: strict mode configured
[    0.112000] kcsan: selftest: 3/3 tests passed
[    0.000000] Lock dependency validator: Copyright (c) 2006 Red Hat, Inc., Ingo Molnar
[    0.000000] ... MAX_LOCKDEP_CHAINS:      262144
[    0.000000] rcu: \tRCU lockdep checking is enabled.
[    0.000000] rcu: \tRCU debug extended QS entry/exit.
[    0.000000] NO_HZ: Full dynticks CPUs: 1.
[    0.912000] kmemleak: Kernel memory leak detector initialized (mem pool available: 15862)
[    0.913000] kmemleak: Automatic memory scanning thread started
[    0.913000] kmemleak: Automatic memory scanning thread ended
";

    /// One complaint of each kind, as the source of 6.12 or 7.3 prints it.
    const SPLATS: &[&str] = &[
        "[    4.1] WARNING: CPU: 1 PID: 0 at kernel/softirq.c:311 irq_enter_rcu+0x4f/0x60",
        "[    4.1] BUG: kernel NULL pointer dereference, address: 0000000000000008",
        "[    4.1] BUG kmalloc-64 (Not tainted): Redzone overwritten",
        "[    4.1] kernel BUG at drivers/virtio/virtio_ring.c:812!",
        "[    4.1] Oops: Oops: 0002 [#1] SMP NOPTI",
        "[    4.1] Kernel panic - not syncing: sysrq triggered crash",
        "[    4.1] Call Trace:",
        "[    4.1] general protection fault, probably for non-canonical address 0xdead: 0000",
        // RCU
        "[   21.0] rcu: INFO: rcu_preempt self-detected stall on CPU",
        "[   21.0] rcu: INFO: rcu_sched detected stalls on CPUs/tasks:",
        "[   21.0] rcu: INFO: rcu_sched detected expedited stalls on CPUs/tasks: { 1-... } 5252",
        "[   21.0] INFO: rcu_tasks detected stalls on tasks:",
        "[   21.0] rcu: rcu_sched kthread starved for 2502 jiffies! g513 f0x0 RCU_GP_WAIT_FQS(5)",
        "[    4.1] RCU used illegally from extended quiescent state!",
        // lockdep
        "[    4.1] [ BUG: Invalid wait context ]",
        "[    4.1] DEBUG_LOCKS_WARN_ON(lockdep_hardirqs_enabled())",
        "[    4.1] INFO: trying to register non-static key.",
        "[    4.1] CPU 1 left hardirqs enabled!",
        "[    4.1] INFO: lockdep is turned off.",
        "[    4.1] turning off the locking correctness validator.",
        // watchdogs
        "[   48.0] watchdog: CPU0: Watchdog detected hard LOCKUP on cpu 1",
        "[   60.0] INFO: task fio:77 blocked for more than 20 seconds.",
        "[   60.0] INFO: task fio:77 blocked in I/O wait for more than 20 seconds.",
        "[   60.0] INFO: task sh:9 is blocked on a mutex likely owned by task fio:77.",
        // interrupts
        "[    4.1] irq 26: nobody cared (try booting with the \"irqpoll\" option)",
        "[    4.1] Disabling IRQ #26",
        "[    4.1] No irq handler for 1.35",
        "[    4.1] NOHZ tick-stop error: local softirq work is pending, handler #08!!!",
        "[    4.1] huh, entered softirq 3 NET_RX 0000000012ab with preempt_count 00000101, exited",
        // sanitizers
        "[    4.1] BUG: KASAN: slab-use-after-free in vring_interrupt+0x12/0x40",
        "[    0.1] kcsan: improperly instrumented type=(0): kcsan_atomic_builtin_memory_barrier",
        "[    0.1] kcsan: selftest: test_barrier failed",
        "[    4.1] UBSAN: array-index-out-of-bounds in drivers/virtio/virtio_ring.c:99:5",
        "[    4.1] refcount_t: underflow; use-after-free.",
        "[    4.1] list_del corruption. prev->next should be ffff888003b0c0c8",
        // memory leaks
        "[    4.1] kmemleak: 3 new suspected memory leaks (see /sys/kernel/debug/kmemleak)",
        "[    4.1] kmemleak: unreferenced object 0xffff888003b0c0c8 (size 192):",
        "[    4.1] kmemleak: Cannot allocate a kmemleak_object structure",
        "[    4.1] kmemleak: Memory pool empty, consider increasing CONFIG_DEBUG_KMEMLEAK_MEM_POOL_SIZE",
        "[    4.1] kmemleak: Kernel memory leak detector disabled",
        // debug objects
        "[    4.1] ODEBUG: Out of memory. ODEBUG disabled",
        "[    4.1] ODEBUG: object 00000000a1 is on stack 00000000a0, but NOT annotated.",
        "[    4.1] ODEBUG: object 00000000a1 is NOT on stack 00000000a0, but annotated.",
    ];

    #[test]
    fn a_clean_boot_is_clean() {
        assert_eq!(scan(CLEAN), None);
        assert_eq!(scan(DEBUG_BOOT), None);
    }

    #[test]
    fn each_splat_is_found_and_quoted_with_its_neighbours() {
        for splat in SPLATS {
            let text = format!("{CLEAN}{splat}\nModules linked in:\n");
            let found = scan(&text).unwrap_or_else(|| panic!("missed: {splat}"));
            assert_eq!(found.headline, *splat);
            assert!(found.excerpt.contains("Run /init") && found.excerpt.contains("Modules"));
        }
        let both = [SPLATS[1], SPLATS[0]].join("\n");
        assert_eq!(scan(&both).unwrap().headline, SPLATS[1]);
    }

    #[test]
    fn a_console_that_cannot_be_read_is_not_clean() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("console.log");
        assert!(scan_file(&path).is_err(), "missing");
        fs::write(&path, "").unwrap();
        assert!(scan_file(&path).is_err(), "empty");
        fs::write(&path, "SeaBIOS\r\nBooting from ROM..\r\n").unwrap();
        assert!(scan_file(&path).is_err(), "no kernel");
        fs::write(&path, CLEAN.replace('\n', "\r\n")).unwrap();
        assert_eq!(scan_file(&path).unwrap(), None);
    }

    #[test]
    fn softirqs_of_a_processor_that_goes_are_excused_and_no_others() {
        let pending = "[  100.250103] NOHZ tick-stop error: local softirq work is pending, \
                       handler #08!!!\n";
        let gone = "[  100.562026] smpboot: CPU 2 is now offline\n";
        let late = "[  101.562026] smpboot: CPU 2 is now offline\n";
        assert_eq!(scan(&format!("{pending}{pending}{gone}")), None);
        assert!(scan(pending).is_some());
        assert!(scan(&format!("{gone}{pending}{late}")).is_some());
        let other = "[  100.3] BUG: sleeping\n";
        let found = scan(&format!("{pending}{other}{gone}")).unwrap();
        assert!(found.headline.contains("sleeping"), "{found:?}");
    }

    #[test]
    fn a_thread_left_behind_is_excused_on_realtime_and_no_other_warning() {
        let warning = "\
[   23.8] ------------[ cut here ]------------
[   23.8] WARNING: kernel/sched/core.c:3057 at affine_move_task+0x2e7/0x5e0, CPU#0: irq/38-virtio2-/148
[   23.8] CPU: 0 UID: 0 PID: 148 Comm: irq/38-virtio2- Not tainted 7.3.4 #1 PREEMPT_{RT,LAZY}
[   23.8] Call Trace:
[   23.8]  __set_cpus_allowed_ptr+0x78/0x90
[   23.8]  ___migrate_enable+0x3f/0x50
[   23.8]  irq_thread+0x12a/0x200
[   23.8] ---[ end trace 0000000000000000 ]---
";
        assert_eq!(scan(warning), None);
        for (from, to) in [
            ("PREEMPT_{RT,LAZY}", "PREEMPT_LAZY"),
            ("affine_move_task", "migration_cpu_stop"),
            ("Comm: irq/38", "Comm: fio/38"),
            ("[   23.8]  irq_thread", "[   23.8] BUG: irq_thread"),
            ("---[ end trace", "---[ trace"),
        ] {
            let other = warning.replace(from, to);
            assert_ne!(other, warning);
            assert!(scan(&other).is_some(), "{to}");
        }
        let later = format!("{warning}[   24.0] BUG: sleeping\n");
        assert!(scan(&later).unwrap().headline.contains("sleeping"));
    }
}
