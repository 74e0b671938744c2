// SPDX-License-Identifier: GPL-2.0
//! The tables of cells, in Markdown that is also readable on a terminal. Each transport and kind
//! of vectors has a table of devices by layouts, then one of the other checks. The reason why a
//! cell failed or was skipped is in the cell's own line, not in a table.

use std::collections::BTreeSet;
use std::fmt::Display;

use guest_protocol::{Check, Vectors};

use super::results::{CellOutcome, change};
use super::select::CellKey;
use measure::table::render;
use toolbox::cases::Status;

const LEGEND: &str = "\
A cell has the interrupts per operation with the switch off > on, then the hits per operation \
with it on. `irq` is a device that the kernel does not poll.";

pub fn of_all(outcomes: &[CellOutcome]) -> String {
    let mut text = format!("{LEGEND}\n\n");
    let all: BTreeSet<Vectors> = outcomes.iter().map(|o| o.key.place.vectors).collect();
    for vectors in all {
        let own = outcomes.iter();
        let own = own.filter(|outcome| outcome.key.place.vectors == vectors);
        let (switch, more): (Vec<&CellOutcome>, Vec<&CellOutcome>) =
            own.partition(|outcome| outcome.key.check == Check::Switch);
        let title = title(vectors);
        let layouts = grid(&switch, |key| key.device, |key| key.place.layout);
        text += &format!("## {title}\n\n{layouts}\n");
        if !more.is_empty() {
            let name = |key: &CellKey| format!("{}, {}", key.device, key.place.layout);
            let checks = grid(&more, name, |key| key.check);
            text += &format!("## {title}: while the switch is on\n\n{checks}\n");
        }
    }
    text
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

fn grid<R: Ord + Display, C: Ord + Display>(
    outcomes: &[&CellOutcome],
    row: impl Fn(&CellKey) -> R,
    column: impl Fn(&CellKey) -> C,
) -> String {
    let rows: BTreeSet<R> = outcomes.iter().map(|outcome| row(&outcome.key)).collect();
    let columns: BTreeSet<C> = outcomes
        .iter()
        .map(|outcome| column(&outcome.key))
        .collect();
    let mut table = vec![vec![String::new()]];
    table[0].extend(columns.iter().map(C::to_string));
    for name in rows {
        let mut line = vec![name.to_string()];
        for of in &columns {
            let is_it = |o: &&&CellOutcome| row(&o.key) == name && column(&o.key) == *of;
            let found = outcomes.iter().find(is_it);
            line.push(found.map_or("-".into(), |outcome| cell(outcome)));
        }
        table.push(line);
    }
    render(&table)
}

fn cell(outcome: &CellOutcome) -> String {
    match (&outcome.figures, outcome.status) {
        (Some(_), Status::Pass) if outcome.reason().is_some() => "irq".into(),
        (Some(figures), Status::Pass) => {
            format!("{} {:.2}", change(figures), figures.on.hits_per_op())
        }
        (_, status) => status.sign().trim().into(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::results::tests::{key, passed};
    use super::*;
    use guest_protocol::cell::POLLED;
    use guest_protocol::{Device, Layout};

    #[test]
    fn devices_by_layouts() {
        let own = |device, layout| key(device, layout, Vectors::Own);
        let blk = own(Device::Blk, Layout::Split);
        let mut rebound = passed(blk, Vectors::Own, POLLED);
        rebound.key.check = Check::Rebind;
        let net = key(Device::Net, Layout::Split, Vectors::Shared);
        let outcomes = [
            passed(blk, Vectors::Own, POLLED),
            rebound,
            CellOutcome::new(
                own(Device::Blk, Layout::Packed),
                Status::Fail,
                "no hits".into(),
            ),
            CellOutcome::new(
                own(Device::Vsock, Layout::Split),
                Status::Skip,
                "no vhost".into(),
            ),
            passed(net, Vectors::Shared, "its vector is shared"),
        ];
        let text = of_all(&outcomes);
        let body = text.split_once("\n\n").unwrap().1;
        assert_eq!(
            body,
            "\
## pci, a vector for each queue (own)

|       |          split | packed |
|-------|---------------:|-------:|
| blk   | 1.00>0.03 0.97 |   FAIL |
| vsock |           SKIP |      - |

## pci, a vector for each queue (own): while the switch is on

|            |    unbind/bind |
|------------|---------------:|
| blk, split | 1.00>0.03 0.97 |

## pci, one vector for all queues (shared)

|     | split |
|-----|------:|
| net |   irq |

"
        );
    }
}
