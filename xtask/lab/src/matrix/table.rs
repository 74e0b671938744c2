// SPDX-License-Identifier: GPL-2.0
//! The cells as Markdown that also reads well on a terminal: for each transport and kind of
//! vectors the devices by the layouts, then what else was done with them, then the notes.

use std::collections::BTreeSet;

use guest_protocol::{Check, Device, Layout, Vectors};

use super::results::{CellOutcome, change};
use super::select::Spot;
use measure::table::render;
use toolbox::cases::Status;

const LEGEND: &str = "\
A cell: interrupts an operation with the switch off > on, then hits an operation with it on. \
`irq` is a device that the kernel leaves to its interrupts; a number in brackets is a note below.";

pub fn of_all(outcomes: &[CellOutcome]) -> String {
    let mut notes = Notes::default();
    let mut text = format!("{LEGEND}\n\n");
    let all: BTreeSet<Vectors> = outcomes.iter().map(|o| o.key.place.vectors).collect();
    for vectors in all {
        let own: Vec<&CellOutcome> = outcomes
            .iter()
            .filter(|outcome| outcome.key.place.vectors == vectors)
            .collect();
        text += &format!("## {}\n\n{}\n", title(vectors), by_layout(&own, &mut notes));
        let checks = by_check(&own, &mut notes);
        if checks.len() > 1 {
            text += &format!(
                "## {}: while the switch is on\n\n{}\n",
                title(vectors),
                render(&checks)
            );
        }
    }
    text + &notes.text()
}

fn title(vectors: Vectors) -> &'static str {
    match vectors {
        Vectors::Own => "pci, a vector for each queue (own)",
        Vectors::Shared => "pci, one vector for all queues (shared)",
        Vectors::Intx => "pci, no vectors (intx)",
        Vectors::PollQueues => "pci, with a poll queue (poll_queues)",
        Vectors::Line => "mmio, one line (line)",
    }
}

fn by_layout(outcomes: &[&CellOutcome], notes: &mut Notes) -> String {
    let switch: Vec<&&CellOutcome> = outcomes
        .iter()
        .filter(|outcome| outcome.key.check == Check::Switch)
        .collect();
    let layouts: BTreeSet<Layout> = switch.iter().map(|o| o.key.place.layout).collect();
    let devices: BTreeSet<Device> = switch.iter().map(|o| o.key.device).collect();
    let mut rows = vec![vec![String::new()]];
    rows[0].extend(layouts.iter().map(Layout::to_string));
    for device in devices {
        let mut row = vec![device.to_string()];
        for &layout in &layouts {
            let found = switch
                .iter()
                .find(|o| o.key.device == device && o.key.place.layout == layout);
            row.push(found.map_or("-".into(), |outcome| cell(outcome, notes)));
        }
        rows.push(row);
    }
    render(&rows)
}

/// One row for each device and layout that more was done with.
fn by_check(outcomes: &[&CellOutcome], notes: &mut Notes) -> Vec<Vec<String>> {
    let more: Vec<&&CellOutcome> = outcomes
        .iter()
        .filter(|outcome| outcome.key.check != Check::Switch)
        .collect();
    let subjects: BTreeSet<(Spot, Device)> = more
        .iter()
        .map(|outcome| (outcome.key.place, outcome.key.device))
        .collect();
    let checks = &Check::ALL[1..];
    let mut rows = vec![vec![String::new()]];
    rows[0].extend(checks.iter().map(Check::to_string));
    for (place, device) in subjects {
        let mut row = vec![format!("{device}, {}", place.layout)];
        for &check in checks {
            let found = more
                .iter()
                .find(|o| (o.key.place, o.key.device, o.key.check) == (place, device, check));
            row.push(found.map_or("-".into(), |outcome| cell(outcome, notes)));
        }
        rows.push(row);
    }
    rows
}

fn cell(outcome: &CellOutcome, notes: &mut Notes) -> String {
    match (&outcome.figures, outcome.status) {
        (_, Status::Skip) => format!("SKIP{}", notes.add(Some(&outcome.why))),
        (_, Status::Fail) => format!("FAIL{}", notes.add(Some(&outcome.why))),
        (None, Status::Pass) => "ok".into(),
        (Some(figures), Status::Pass) => {
            let mut marks = notes.add(outcome.vectors_differ().as_deref());
            if outcome.key.check == Check::Switch {
                marks += &notes.add(outcome.note());
            }
            match outcome.reason() {
                Some(reason) => format!("irq{}{marks}", notes.add(Some(reason))),
                None => format!("{} {:.2}{marks}", change(figures), figures.on.hits_per_op()),
            }
        }
    }
}

/// Numbered in the order in which they come up; each is told once.
#[derive(Default)]
struct Notes(Vec<String>);

impl Notes {
    /// The mark that stands for it.
    fn add(&mut self, note: Option<&str>) -> String {
        let Some(note) = note else {
            return String::new();
        };
        // What follows on later lines stands in the case.
        let note = note.lines().next().unwrap_or_default();
        let known = self.0.iter().position(|known| known == note);
        let at = known.unwrap_or_else(|| {
            self.0.push(note.to_owned());
            self.0.len() - 1
        });
        format!(" ({})", at + 1)
    }

    fn text(&self) -> String {
        let line = |(at, note): (usize, &String)| format!("({}) {note}  \n", at + 1);
        self.0.iter().enumerate().map(line).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::results::tests::{key, passed};
    use super::*;
    use guest_protocol::cell::POLLED;

    #[test]
    fn devices_by_layouts_and_notes_below() {
        let own = |device, layout| key(device, layout, Vectors::Own);
        let skip = |device, layout| {
            CellOutcome::new(own(device, layout), Status::Skip, "this host has no vhost")
        };
        let blk = own(Device::Blk, Layout::Split);
        let mut rebound = passed(blk, Vectors::Own, POLLED);
        rebound.key.check = Check::Rebind;
        let outcomes = [
            passed(blk, Vectors::Own, POLLED),
            rebound,
            CellOutcome::new(
                own(Device::Blk, Layout::Packed),
                Status::Fail,
                "on: no hits\n  QEMU: x",
            ),
            skip(Device::Vsock, Layout::Split),
            skip(Device::Vsock, Layout::Packed),
            passed(
                key(Device::Rng, Layout::Split, Vectors::Shared),
                Vectors::Own,
                POLLED,
            ),
            passed(
                key(Device::Net, Layout::Split, Vectors::Shared),
                Vectors::Shared,
                "its vector is shared",
            ),
        ];
        let text = of_all(&outcomes);
        let body = text.split_once("\n\n").unwrap().1;
        assert_eq!(
            body,
            "\
## pci, a vector for each queue (own)

|       |          split |   packed |
|-------|---------------:|---------:|
| blk   | 1.00>0.03 0.97 | FAIL (1) |
| vsock |       SKIP (2) | SKIP (2) |

## pci, a vector for each queue (own): while the switch is on

|            |    unbind/bind | hot-plug | 1000 flips |
|------------|---------------:|---------:|-----------:|
| blk, split | 1.00>0.03 0.97 |        - |          - |

## pci, one vector for all queues (shared)

|     |              split |
|-----|-------------------:|
| net |            irq (3) |
| rng | 1.00>0.03 0.97 (4) |

(1) on: no hits  \n(2) this host has no vhost  \n(3) its vector is shared  \n\
(4) in fact vectors of its own: two are enough for it  \n"
        );
    }
}
