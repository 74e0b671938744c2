// SPDX-License-Identifier: GPL-2.0
//! Reading /proc and /sys: interrupt counts and processor time. Pure parsers, and the one function
//! that reads a file.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use guest_protocol::CpuTime;

/// USER_HZ: the unit of /proc/stat on every architecture that Linux has left.
const TICK_MS: u64 = 10;

pub fn read(path: impl AsRef<Path>) -> Result<String> {
    let path = path.as_ref();
    let text = fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
    Ok(text.trim().to_owned())
}

/// Of a kernel's command line.
pub fn has_word(text: &str, word: &str) -> bool {
    text.split_whitespace().any(|found| found == word)
}

/// The numbers and names of all processes and kernel threads.
pub fn tasks() -> Result<Vec<(i32, String)>> {
    let mut tasks = Vec::new();
    for entry in fs::read_dir("/proc").context("listing /proc")? {
        let entry = entry?;
        let Ok(pid) = entry.file_name().to_string_lossy().parse() else {
            continue;
        };
        // One may end before its name is read.
        if let Ok(name) = read(entry.path().join("comm")) {
            tasks.push((pid, name));
        }
    }
    Ok(tasks)
}

/// One line of /proc/interrupts.
#[derive(Debug, PartialEq, Eq)]
pub struct Irq {
    pub number: u32,
    pub count: u64,
}

/// The interrupts whose names begin so. A virtio queue's is `virtioN-NAME.M`; a queue that only
/// its driver polls has none.
pub fn irqs(interrupts: &str, prefix: &str) -> Vec<Irq> {
    interrupts
        .lines()
        .filter(|line| {
            line.split_whitespace()
                .last()
                .is_some_and(|name| name.starts_with(prefix))
        })
        .filter_map(|line| {
            let (number, rest) = line.trim().split_once(':')?;
            Some(Irq {
                number: number.parse().ok()?,
                count: rest
                    .split_whitespace()
                    .map_while(|word| word.parse::<u64>().ok())
                    .fold(0, u64::saturating_add),
            })
        })
        .collect()
}

/// How often an interrupt came, on all processors.
pub fn irq(interrupts: &str, number: u32) -> Option<u64> {
    irqs(interrupts, "")
        .into_iter()
        .find(|irq| irq.number == number)
        .map(|irq| irq.count)
}

/// A counter of /proc/net/netstat, where each line of names has one of numbers after it.
pub fn netstat(text: &str, name: &str) -> Option<u64> {
    let lines: Vec<&str> = text.lines().collect();
    lines.chunks_exact(2).find_map(|pair| {
        let mut columns = pair[0].split(' ').zip(pair[1].split(' '));
        columns.find(|(of, _)| *of == name)?.1.parse().ok()
    })
}

/// The processors that are online.
pub fn cpus(stat: &str) -> Vec<usize> {
    let name = |line: &str| line.split(' ').next()?.strip_prefix("cpu")?.parse().ok();
    stat.lines().filter_map(name).collect()
}

/// The sum over the given processors, or over all where there are none given.
pub fn cpu_time(stat: &str, cpus: &[usize]) -> CpuTime {
    let mut sum = CpuTime::default();
    for line in stat.lines() {
        let Some((name, columns)) = line.split_once(' ') else {
            continue;
        };
        let Some(Ok(cpu)) = name.strip_prefix("cpu").map(str::parse::<usize>) else {
            continue;
        };
        if !cpus.is_empty() && !cpus.contains(&cpu) {
            continue;
        }
        let ms: Vec<u64> = columns
            .split_whitespace()
            .map(|ticks| ticks.parse().unwrap_or(0u64).saturating_mul(TICK_MS))
            .collect();
        // user nice system idle iowait irq softirq
        if let [user, nice, system, idle, iowait, irq, softirq, ..] = ms[..] {
            let add = |column: &mut u64, ms| *column = column.saturating_add(ms);
            add(&mut sum.user_ms, user.saturating_add(nice));
            add(&mut sum.system_ms, system);
            add(&mut sum.idle_ms, idle.saturating_add(iowait));
            add(&mut sum.irq_ms, irq);
            add(&mut sum.softirq_ms, softirq);
        }
    }
    sum
}

/// What went by from `from` to `to`.
pub fn elapsed(from: CpuTime, to: CpuTime) -> CpuTime {
    CpuTime {
        user_ms: to.user_ms.saturating_sub(from.user_ms),
        system_ms: to.system_ms.saturating_sub(from.system_ms),
        idle_ms: to.idle_ms.saturating_sub(from.idle_ms),
        irq_ms: to.irq_ms.saturating_sub(from.irq_ms),
        softirq_ms: to.softirq_ms.saturating_sub(from.softirq_ms),
    }
}

/// Whether the kernel has a function of this name.
pub fn has_function(name: &str) -> Result<bool> {
    let symbols = read("/proc/kallsyms")?;
    Ok(symbols
        .lines()
        .any(|line| line.split_whitespace().nth(2) == Some(name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const INTERRUPTS: &str = "\
           CPU0       CPU1
  1:          9          0   IO-APIC   1-edge      i8042
 25:          0          0  PCI-MSIX-0000:00:02.0   0-edge      virtio1-config
 26:       1200         34  PCI-MSIX-0000:00:02.0   1-edge      virtio1-req.0
 27:         77          0  PCI-MSIX-0000:00:03.0   1-edge      virtio11-req.0
LOC:       2000       3000   Local timer interrupts
";

    #[test]
    fn only_the_disks_own_request_queues_count() {
        let own = irqs(INTERRUPTS, "virtio1-req.");
        assert_eq!(
            own,
            [Irq {
                number: 26,
                count: 1234
            }]
        );
        assert!(irqs(INTERRUPTS, "virtio2-req.").is_empty());
    }

    #[test]
    fn netstat_counters_go_by_their_names() {
        let text = "TcpExt: SyncookiesSent BusyPollRxPackets TCPAutoCorking\nTcpExt: 1 23 4\n\
            IpExt: InNoRoutes InOctets\nIpExt: 5 6\n";
        assert_eq!(netstat(text, "BusyPollRxPackets"), Some(23));
        assert_eq!(netstat(text, "InOctets"), Some(6));
        assert_eq!(netstat(text, "OutOctets"), None);
    }

    const STAT: &str = "\
cpu  30 2 6 300 40 5 6 0 0 0
cpu0 10 1 2 100 20 3 4 0 0 0
cpu1 20 1 4 200 20 2 2 0 0 0
intr 12345 0
";

    #[test]
    fn cpus_are_the_numbered_lines() {
        assert_eq!(cpus(STAT), [0, 1]);
    }

    /// Found by the fuzzer.
    #[test]
    fn absurd_counts_are_no_reason_to_end() {
        let most = u64::MAX;
        let stat = format!("cpu0 {most} 9 0 {most} 9 0 0\ncpu1 1 0 0 1 0 0 0\n");
        assert_eq!(cpu_time(&stat, &[]).idle_ms, most);
        let interrupts = format!(" 26: {most} {most} PCI-MSI 1-edge virtio1-req.0\n");
        assert_eq!(irq(&interrupts, 26), Some(most));
    }

    #[test]
    fn cpu_time_is_per_processor() {
        let all = cpu_time(STAT, &[]);
        assert_eq!((all.user_ms, all.idle_ms, all.irq_ms), (320, 3400, 50));
        let first = cpu_time(STAT, &[0]);
        assert_eq!(
            (first.user_ms, first.idle_ms, first.irq_ms),
            (110, 1200, 30)
        );
        assert_eq!(elapsed(first, all).user_ms, 210);
    }
}
