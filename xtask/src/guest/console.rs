// SPDX-License-Identifier: GPL-2.0
//! Reads a guest's console for the kernel's bad words. A guest that printed one never passed,
//! whatever its verdict, and a console that cannot be read is no clean console.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};

/// What the kernel says when something is wrong, as it is spelt in the source.
const BAD_WORDS: &[&str] = &[
    "BUG:",
    "kernel BUG at",
    "WARNING:",
    "Oops",
    "Kernel panic",
    "------------[ cut here ]------------",
    "Call Trace:",
    "general protection fault",
    "Unable to handle kernel",
    "unable to handle page fault",
    "invalid opcode:",
    "double fault:",
    "list_add corruption",
    "list_del corruption",
    // RCU
    "rcu: INFO:",
    "self-detected stall",
    "detected stalls on CPUs",
    "suspicious RCU usage",
    // lockdep
    "possible recursive locking detected",
    "possible circular locking dependency",
    "possible irq lock inversion",
    "inconsistent lock state",
    "Invalid wait context",
    "bad unlock balance",
    "held lock freed",
    "lock held when returning to user space",
    "trying to register non-static key",
    // watchdogs
    "soft lockup",
    "hard LOCKUP",
    "blocked for more than",
    "workqueue lockup",
    // interrupts
    "nobody cared",
    "Disabling IRQ",
    // sanitizers and debug kinds
    "KASAN:",
    "KCSAN:",
    "KMSAN:",
    "KFENCE:",
    "UBSAN:",
    "refcount_t:",
    "new suspected memory leaks",
    "DEBUG_LOCKS_WARN_ON",
    "objects remaining",
];

/// The kernel's first line on any console.
const BANNER: &str = "Linux version ";
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

/// Reads and scans the console of a guest that booted.
pub fn scan_file(path: &Path) -> Result<Option<Splat>> {
    let text = read(path)?;
    ensure!(
        text.contains(BANNER),
        "{} does not begin with the kernel's banner: what the kernel had to say is not known",
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
    let hit = lines.iter().position(|line| is_bad(line))?;
    let excerpt = &lines[hit.saturating_sub(LINES_BEFORE)..lines.len().min(hit + LINES_AFTER)];
    Some(Splat {
        headline: lines[hit].trim().to_owned(),
        excerpt: excerpt.join("\n"),
    })
}

/// The last lines, for a guest that went silent.
pub fn tail(text: &str, count: usize) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}

fn is_bad(line: &str) -> bool {
    BAD_WORDS.iter().any(|word| line.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A clean boot of the small kernel, its noisiest lines.
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

    /// One of each kind, as real kernels printed them.
    const SPLATS: &[&str] = &[
        "[    4.1] WARNING: CPU: 1 PID: 0 at kernel/softirq.c:311 irq_enter_rcu+0x4f/0x60",
        "[    4.1] BUG: kernel NULL pointer dereference, address: 0000000000000008",
        "[    4.1] BUG: scheduling while atomic: swapper/1/0/0x00010002",
        "[    4.1] kernel BUG at drivers/virtio/virtio_ring.c:812!",
        "[    4.1] Oops: Oops: 0002 [#1] SMP NOPTI",
        "[    4.1] Kernel panic - not syncing: sysrq triggered crash",
        "[    4.1] Call Trace:",
        "[   21.0] rcu: INFO: rcu_preempt self-detected stall on CPU",
        "[   21.0] rcu: INFO: rcu_sched detected stalls on CPUs/tasks:",
        "[    4.1] WARNING: possible recursive locking detected",
        "[    4.1] WARNING: possible circular locking dependency detected",
        "[    4.1] WARNING: inconsistent lock state",
        "[    4.1] WARNING: suspicious RCU usage",
        "[    4.1] INFO: trying to register non-static key.",
        "[   48.0] watchdog: BUG: soft lockup - CPU#1 stuck for 22s! [fio:77]",
        "[   60.0] INFO: task fio:77 blocked for more than 20 seconds.",
        "[    4.1] irq 26: nobody cared (try booting with the \"irqpoll\" option)",
        "[    4.1] Disabling IRQ #26",
        "[    4.1] BUG: KASAN: slab-use-after-free in vring_interrupt+0x12/0x40",
        "[    4.1] BUG: KCSAN: data-race in poll_source_run / poll_source_unregister",
        "[    4.1] UBSAN: array-index-out-of-bounds in drivers/virtio/virtio_ring.c:99:5",
        "[    4.1] refcount_t: underflow; use-after-free.",
        "[    4.1] list_del corruption. prev->next should be ffff888003b0c0c8",
        "[    4.1] kmemleak: 3 new suspected memory leaks (see /sys/kernel/debug/kmemleak)",
        "[    4.1] general protection fault, probably for non-canonical address 0xdead: 0000",
    ];

    #[test]
    fn a_clean_boot_is_clean() {
        assert_eq!(scan(CLEAN), None);
    }

    #[test]
    fn each_splat_is_found_and_quoted_with_its_neighbours() {
        for splat in SPLATS {
            let text = format!("{CLEAN}{splat}\nModules linked in:\n");
            let found = scan(&text).unwrap_or_else(|| panic!("missed: {splat}"));
            assert_eq!(found.headline, *splat);
            assert!(found.excerpt.contains("Run /init") && found.excerpt.contains("Modules"));
        }
    }

    #[test]
    fn the_first_splat_is_the_one_told() {
        let text = format!("{CLEAN}{}\n{}\n", SPLATS[0], SPLATS[5]);
        assert_eq!(scan(&text).unwrap().headline, SPLATS[0]);
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
    fn tail_keeps_the_end() {
        assert_eq!(tail("a\nb\nc\n", 2), "b\nc");
        assert_eq!(tail("a", 5), "a");
    }
}
