// SPDX-License-Identifier: GPL-2.0
//! Parses /proc/interrupts. The names of a virtio device's lines show what kind of vectors its
//! driver got.

use anyhow::{Context, Result};
use guest_protocol::Vectors;

use crate::procfs::{self, read};

pub const PATH: &str = "/proc/interrupts";
/// Number of stack frames that `threads_told()` shows of each thread.
const THREAD_FRAMES: usize = 6;

/// An interrupt line of a virtio device.
#[derive(Debug, PartialEq, Eq)]
pub struct Interrupt {
    pub irq: u32,
    pub count: u64,
    /// The part of the name after `virtioN-`; None for a line with the device's bare name.
    pub queue: Option<String>,
}

impl Interrupt {
    /// Whether this line only reports changes of the device's configuration.
    pub fn is_config(&self) -> bool {
        self.queue.as_deref() == Some("config")
    }
}

/// The interrupt lines of a device.
pub fn of_device(device: &str) -> Result<Vec<Interrupt>> {
    Ok(parse(&read(PATH)?, device))
}

/// The threads that handle an interrupt, by number and name. Empty unless handlers are threads.
pub fn threads(irq: u32) -> Result<Vec<(i32, String)>> {
    let name = format!("irq/{irq}-");
    let mut tasks = procfs::tasks()?;
    tasks.retain(|(_, comm)| comm.starts_with(&name));
    Ok(tasks)
}

/// Describes these threads: their state, their CPUs and their stack.
pub fn threads_told(irq: u32) -> String {
    let place = |(pid, comm): (i32, String)| {
        let status = read(format!("/proc/{pid}/status")).unwrap_or_default();
        let state = procfs::field(&status, "State").unwrap_or("gone");
        let cpus = procfs::field(&status, "Cpus_allowed_list").unwrap_or_default();
        let stack = read(format!("/proc/{pid}/stack")).unwrap_or_default();
        let frames: Vec<&str> = stack.lines().take(THREAD_FRAMES).collect();
        format!(", {comm} {state} on {cpus}: {}", frames.join(" "))
    };
    let threads = threads(irq).unwrap_or_default();
    threads.into_iter().map(place).collect()
}

/// What `arch` finds in /proc/interrupts now.
pub fn arch_now(name: &str, cpus: &[usize]) -> Result<u64> {
    arch(&read(PATH)?, name, cpus).with_context(|| format!("{PATH} has no line {name}"))
}

pub fn parse(text: &str, device: &str) -> Vec<Interrupt> {
    let queue = |name: &str| match name.strip_prefix(device)? {
        "" => Some(None),
        rest => rest.strip_prefix('-').map(|queue| Some(queue.to_owned())),
    };
    let line = |line: &str| {
        // A line may have the names of several devices, and a name may have spaces.
        let (left, names) = line.split_at(line.find(" virtio")?);
        let (irq, counts) = counts(left)?;
        Some(Interrupt {
            irq: irq.parse().ok()?,
            count: counts.fold(0, u64::saturating_add),
            queue: names.split(',').find_map(|name| queue(name.trim()))?,
        })
    };
    text.lines().filter_map(line).collect()
}

/// How often a named interrupt (LOC, RES, CAL) arrived on these CPUs, or on all CPUs if `cpus` is
/// empty. The first line names the columns. A CPU that is offline has no column.
pub fn arch(text: &str, name: &str, cpus: &[usize]) -> Option<u64> {
    let mut lines = text.lines();
    let head = lines.next()?.split_whitespace();
    let columns: Vec<Option<usize>> = head
        .map(|column| column.strip_prefix("CPU")?.parse().ok())
        .collect();
    let of_line = |line: &str| {
        let (_, counts) = counts(line).filter(|(of, _)| *of == name)?;
        let wanted =
            |cpu: &Option<usize>| cpus.is_empty() || cpu.is_some_and(|cpu| cpus.contains(&cpu));
        let counts = columns.iter().zip(counts).filter(|(cpu, _)| wanted(cpu));
        Some(counts.fold(0, |sum: u64, (_, count)| sum.saturating_add(count)))
    };
    lines.find_map(of_line)
}

/// Returns the text before the colon, and the count of each CPU that is online.
fn counts(line: &str) -> Option<(&str, impl Iterator<Item = u64>)> {
    let (name, rest) = line.split_once(':')?;
    let words = rest.split_whitespace();
    Some((name.trim(), words.map_while(|word| word.parse().ok())))
}

/// The kind of vectors that the lines show; None if the device has no line.
pub fn vectors(lines: &[Interrupt]) -> Option<Vectors> {
    let line = lines.first()?;
    Some(match line.queue.as_deref() {
        None => Vectors::Intx,
        Some("virtqueues") => Vectors::Shared,
        Some(_) => Vectors::Own,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const INTERRUPTS: &str = "\
           CPU0       CPU1
  1:          9          0  IO-APIC   1-edge      i8042
 22:         40          2  IO-APIC  22-fasteoi   virtio3, virtio5
 25:          7          0  PCI-MSIX-0000:00:02.0   0-edge      virtio1-config
 26:       1200         34  PCI-MSIX-0000:00:02.0   1-edge      virtio1-input.0
 27:         77          0  PCI-MSIX-0000:00:02.0   2-edge      virtio1-output.0
 28:          1          0  PCI-MSIX-0000:00:03.0   0-edge      virtio11-config
 29:         11          0  PCI-MSIX-0000:00:03.0   1-edge      virtio11-virtqueues
LOC:       2000       3000  Local timer interrupts
";

    fn queues(device: &str) -> Vec<Interrupt> {
        let mut lines = parse(INTERRUPTS, device);
        lines.retain(|line| !line.is_config());
        lines
    }

    #[test]
    fn a_device_with_vectors_of_its_own() {
        let lines = queues("virtio1");
        let seen: Vec<_> = lines.iter().map(|line| (line.irq, line.count)).collect();
        assert_eq!(seen, [(26, 1234), (27, 77)]);
        assert_eq!(vectors(&lines), Some(Vectors::Own));
        let all = parse(INTERRUPTS, "virtio1");
        assert_eq!(all.iter().find(|line| line.is_config()).unwrap().irq, 25);
    }

    #[test]
    fn shared_vectors_and_pins_are_told_apart() {
        assert_eq!(vectors(&queues("virtio11")), Some(Vectors::Shared));
        for device in ["virtio3", "virtio5"] {
            let lines = queues(device);
            assert_eq!((lines[0].irq, lines[0].count), (22, 42));
            assert_eq!(vectors(&lines), Some(Vectors::Intx));
        }
        assert_eq!(vectors(&queues("virtio2")), None);
    }

    #[test]
    fn a_named_line_is_summed_over_the_processors_asked_for() {
        assert_eq!(arch(INTERRUPTS, "LOC", &[]), Some(5000));
        assert_eq!(arch(INTERRUPTS, "LOC", &[1]), Some(3000));
        assert_eq!(arch(INTERRUPTS, "LOC", &[0, 1]), Some(5000));
        assert_eq!(arch(INTERRUPTS, "RES", &[]), None);
        assert_eq!(arch(INTERRUPTS, "LO", &[]), None);
        // CPU 1 is offline: the second column belongs to CPU 2.
        let offline = "      CPU0  CPU2\nCAL:   7   9  Function call interrupts\n";
        assert_eq!(arch(offline, "CAL", &[1]), Some(0));
        assert_eq!(arch(offline, "CAL", &[2]), Some(9));
        let most = format!("  CPU0 CPU1\nCAL: {} 7\n", u64::MAX);
        assert_eq!(arch(&most, "CAL", &[]), Some(u64::MAX));
    }

    /// The fuzzer found this input.
    #[test]
    fn absurd_counts_are_no_reason_to_end() {
        let most = u64::MAX;
        let text = format!(" 26: {most} {most} PCI-MSI 1-edge virtio1-req.0\n");
        assert_eq!(parse(&text, "virtio1")[0].count, most);
    }
}
