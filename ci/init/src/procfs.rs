// SPDX-License-Identifier: GPL-2.0
//! Reads and writes files of /proc and /sys. Lines of /proc/interrupts are in `interrupts.rs`.

use std::fmt::Display;
use std::io;
use std::path::Path;
use std::str::FromStr;

use anyhow::{Context, Result, ensure};
use fs_err as fs;
use guest_protocol::CpuTime;
use nix::errno::Errno;

/// Length of a tick in /proc/stat, in ms (USER_HZ). It is the same on every architecture that Linux
/// still supports.
const TICK_MS: u64 = 10;

pub fn read(path: impl AsRef<Path>) -> Result<String> {
    Ok(fs::read_to_string(path.as_ref())?.trim().to_owned())
}

/// The value of a file that contains just one.
pub fn value<T: FromStr>(path: impl AsRef<Path>) -> Result<T> {
    let path = path.as_ref();
    let text = read(path)?;
    let value = text.parse().ok();
    value.with_context(|| format!("{} contains {text:?}, not a number", path.display()))
}

/// The same for a number in hexadecimal digits.
pub fn bits(path: impl AsRef<Path>) -> Result<u32> {
    let path = path.as_ref();
    let text = read(path)?;
    let bits = u32::from_str_radix(text.trim_start_matches("0x"), 16);
    bits.with_context(|| {
        format!(
            "{} contains {text:?}, not a hexadecimal number",
            path.display()
        )
    })
}

pub fn write(path: impl AsRef<Path>, value: impl Display) -> Result<()> {
    let path = path.as_ref();
    let value = value.to_string();
    std::fs::write(path, &value).with_context(|| format!("writing {value:?} to {}", path.display()))
}

/// Whether a write to sysfs failed because the file does not exist (sysfs then refuses to create
/// it) or is removed while it is open (kernfs_get_active()).
pub fn is_gone(err: &io::Error) -> bool {
    let number = err.raw_os_error().map(Errno::from_raw);
    matches!(number, Some(Errno::ENODEV | Errno::ENOENT | Errno::EACCES))
}

/// Writes a value, and checks that it reads back.
pub fn set(path: impl AsRef<Path>, wanted: impl Display) -> Result<()> {
    write(&path, &wanted)?;
    expect(path, wanted).context("after writing it")
}

/// Fails unless a file contains this value.
pub fn expect(path: impl AsRef<Path>, wanted: impl Display) -> Result<()> {
    let path = path.as_ref();
    let (got, wanted) = (read(path)?, wanted.to_string());
    ensure!(got == wanted, "{} is {got}, not {wanted}", path.display());
    Ok(())
}

/// The names in a folder, sorted.
pub fn names(folder: impl AsRef<Path>) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder.as_ref())? {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    Ok(names)
}

/// The last component of a link's target.
pub fn link(path: impl AsRef<Path>) -> Result<String> {
    let path = path.as_ref();
    let target = fs::read_link(path)?;
    let name = target.file_name();
    let name = name.with_context(|| format!("the link {} has no target", path.display()))?;
    Ok(name.to_string_lossy().into_owned())
}

/// The text after `NAME:` in the line with this name.
pub fn field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        (key.trim() == name).then(|| value.trim())
    })
}

/// The same for a number, which may have other words after it.
pub fn number(text: &str, name: &str) -> Result<u64> {
    let value = field(text, name).with_context(|| format!("there is no field {name}"))?;
    let first = value.split_whitespace().next().unwrap_or_default();
    first
        .parse()
        .with_context(|| format!("{name} is {first:?}, not a number"))
}

/// The number that follows the text `after`.
pub fn number_after<T: FromStr>(text: &str, after: &str) -> Result<T> {
    let rest = text.split_once(after).map(|(_, rest)| rest.trim_start());
    let number = rest.and_then(|rest| {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.');
        rest[..end.unwrap_or(rest.len())].parse().ok()
    });
    number.with_context(|| format!("no {after}NUMBER in {text:?}"))
}

/// Whether a text, such as a kernel's command line, has this word.
pub fn has_word(text: &str, word: &str) -> bool {
    text.split_whitespace().any(|found| found == word)
}

/// The numbers and names of all processes and kernel threads.
pub fn tasks() -> Result<Vec<(i32, String)>> {
    let task = |pid: String| {
        let number = pid.parse().ok()?;
        // A task may end before its name is read.
        Some((number, read(format!("/proc/{pid}/comm")).ok()?))
    };
    Ok(names("/proc")?.into_iter().filter_map(task).collect())
}

/// A counter of /proc/net/netstat, in which each line of names is followed by a line of numbers.
pub fn netstat(text: &str, name: &str) -> Option<u64> {
    let lines: Vec<&str> = text.lines().collect();
    lines.chunks_exact(2).find_map(|pair| {
        let mut columns = pair[0].split(' ').zip(pair[1].split(' '));
        columns.find(|(of, _)| *of == name)?.1.parse().ok()
    })
}

/// The CPUs that are online, from the text of /proc/stat.
pub fn cpus(stat: &str) -> Vec<usize> {
    let name = |line: &str| line.split(' ').next()?.strip_prefix("cpu")?.parse().ok();
    stat.lines().filter_map(name).collect()
}

/// The sum over the given CPUs, or over all CPUs if `cpus` is empty.
pub fn cpu_time(stat: &str, cpus: &[usize]) -> CpuTime {
    let lines = stat.lines().filter_map(|line| {
        let (name, columns) = line.split_once(' ')?;
        let cpu: usize = name.strip_prefix("cpu")?.parse().ok()?;
        (cpus.is_empty() || cpus.contains(&cpu)).then_some(columns)
    });
    let mut sum = CpuTime::default();
    for columns in lines {
        let ms: Vec<u64> = columns
            .split_whitespace()
            .map(|ticks| ticks.parse().unwrap_or(0u64).saturating_mul(TICK_MS))
            .collect();
        // Columns: user nice system idle iowait irq softirq
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

/// The time that passed between the two readings.
pub fn elapsed(from: CpuTime, to: CpuTime) -> CpuTime {
    CpuTime {
        user_ms: to.user_ms.saturating_sub(from.user_ms),
        system_ms: to.system_ms.saturating_sub(from.system_ms),
        idle_ms: to.idle_ms.saturating_sub(from.idle_ms),
        irq_ms: to.irq_ms.saturating_sub(from.irq_ms),
        softirq_ms: to.softirq_ms.saturating_sub(from.softirq_ms),
    }
}

pub fn has_function(name: &str) -> Result<bool> {
    let symbols = read("/proc/kallsyms")?;
    Ok(symbols
        .lines()
        .any(|line| line.split_whitespace().nth(2) == Some(name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn netstat_counters_go_by_their_names() {
        let text = "TcpExt: SyncookiesSent BusyPollRxPackets TCPAutoCorking\nTcpExt: 1 23 4\n\
            IpExt: InNoRoutes InOctets\nIpExt: 5 6\n";
        assert_eq!(netstat(text, "BusyPollRxPackets"), Some(23));
        assert_eq!(netstat(text, "InOctets"), Some(6));
        assert_eq!(netstat(text, "OutOctets"), None);
    }

    #[test]
    fn fields_go_by_their_names() {
        let text = "MemTotal:         990000 kB\nMemFree:          800000 kB\nname: cbc(aes)\n";
        assert_eq!(number(text, "MemTotal").unwrap(), 990_000);
        assert_eq!(field(text, "name"), Some("cbc(aes)"));
        assert!(number(text, "name").is_err(), "no number");
        assert!(number(text, "Mem").is_err(), "no such field");
    }

    const STAT: &str = "\
cpu  30 2 6 300 40 5 6 0 0 0
cpu0 10 1 2 100 20 3 4 0 0 0
cpu1 20 1 4 200 20 2 2 0 0 0
intr 12345 0
ctxt 987654
";

    #[test]
    fn cpus_are_the_numbered_lines() {
        assert_eq!(cpus(STAT), [0, 1]);
        assert_eq!(number_after::<u64>(STAT, "ctxt ").unwrap(), 987_654);
        assert!(number_after::<u64>("ctxt x", "ctxt ").is_err());
    }

    /// The fuzzer found this input.
    #[test]
    fn absurd_counts_are_no_reason_to_end() {
        let most = u64::MAX;
        let stat = format!("cpu0 {most} 9 0 {most} 9 0 0\ncpu1 1 0 0 1 0 0 0\n");
        assert_eq!(cpu_time(&stat, &[]).idle_ms, most);
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
