// SPDX-License-Identifier: GPL-2.0
//! A virtio device's lines in /proc/interrupts. Their names tell what kind of vectors the driver got.

use guest_protocol::Vectors;

#[derive(Debug, PartialEq, Eq)]
pub struct Line {
    pub irq: u32,
    pub count: u64,
    /// What follows `virtioN-`; None for a line with the device's bare name.
    pub queue: Option<String>,
}

impl Line {
    pub fn is_config(&self) -> bool {
        self.queue.as_deref() == Some("config")
    }
}

/// All lines by which the device's queues interrupt. One for configuration changes alone is not.
pub fn of_queues(interrupts: &str, device: &str) -> Vec<Line> {
    let mut lines = of_device(interrupts, device);
    lines.retain(|line| !line.is_config());
    lines
}

pub fn of_device(interrupts: &str, device: &str) -> Vec<Line> {
    let queue = |name: &str| match name.strip_prefix(device)? {
        "" => Some(None),
        rest => rest.strip_prefix('-').map(|queue| Some(queue.to_owned())),
    };
    let line = |line: &str| {
        // A line may have the names of several devices, and a name may have spaces.
        let (left, names) = line.split_at(line.find(" virtio")?);
        let (irq, counts) = left.split_once(':')?;
        Some(Line {
            irq: irq.trim().parse().ok()?,
            count: counts
                .split_whitespace()
                .map_while(|word| word.parse::<u64>().ok())
                .sum(),
            queue: names.split(',').find_map(|name| queue(name.trim()))?,
        })
    };
    interrupts.lines().filter_map(line).collect()
}

/// None: the device has no line.
pub fn vectors(lines: &[Line]) -> Option<Vectors> {
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

    #[test]
    fn a_device_with_vectors_of_its_own() {
        let lines = of_queues(INTERRUPTS, "virtio1");
        let seen: Vec<_> = lines.iter().map(|line| (line.irq, line.count)).collect();
        assert_eq!(seen, [(26, 1234), (27, 77)]);
        assert_eq!(vectors(&lines), Some(Vectors::Own));
        let all = of_device(INTERRUPTS, "virtio1");
        assert_eq!(all.iter().find(|line| line.is_config()).unwrap().irq, 25);
    }

    #[test]
    fn shared_vectors_and_pins_are_told_apart() {
        let shared = of_queues(INTERRUPTS, "virtio11");
        assert_eq!(vectors(&shared), Some(Vectors::Shared));
        for device in ["virtio3", "virtio5"] {
            let lines = of_queues(INTERRUPTS, device);
            assert_eq!((lines[0].irq, lines[0].count), (22, 42));
            assert_eq!(vectors(&lines), Some(Vectors::Intx));
        }
        assert_eq!(vectors(&of_queues(INTERRUPTS, "virtio2")), None);
    }
}
