// SPDX-License-Identifier: GPL-2.0
//! The outcomes of cells, as a printed line and as a case. `table.rs` makes the table of all
//! cells.

use guest_protocol::cell::POLLED;
use guest_protocol::{self as guest, Cell, Figures, Vectors};

use super::select::CellKey;
use toolbox::cases::{Case, Status};

pub struct CellOutcome {
    pub key: CellKey,
    pub status: Status,
    /// What was found, or why the cell failed or was skipped.
    pub said: String,
    pub figures: Option<Figures>,
    /// For a failed cell: where to look, and how to run it again.
    pub traces: String,
}

impl CellOutcome {
    pub fn new(key: CellKey, status: Status, said: String) -> CellOutcome {
        CellOutcome {
            key,
            status,
            said,
            figures: None,
            traces: String::new(),
        }
    }

    pub fn reported(key: CellKey, cell: &Cell) -> CellOutcome {
        let (status, said) = match &cell.outcome {
            guest::Outcome::Pass => (Status::Pass, found(key, cell)),
            guest::Outcome::Fail { why } => (Status::Fail, why.clone()),
        };
        CellOutcome {
            figures: cell.figures.clone(),
            ..CellOutcome::new(key, status, said)
        }
    }

    pub fn line(&self) -> String {
        let (sign, name) = (self.status.sign(), self.key.name());
        format!("{sign}  {name}: {}", self.said)
    }

    pub fn case(&self) -> Case {
        Case {
            name: self.key.name(),
            status: self.status,
            detail: format!("{}{}", self.said, self.traces),
        }
    }

    /// Returns the kernel's reason why the device is not polled, if there is one.
    pub fn reason(&self) -> Option<&str> {
        let status = self.figures.as_ref()?.status.as_str();
        (status != POLLED).then_some(status)
    }
}

fn found(key: CellKey, cell: &Cell) -> String {
    let figures = cell.figures.as_ref();
    let differ = figures.and_then(|figures| vectors_differ(key, figures));
    let note = Some(cell.note.clone()).filter(|note| !note.is_empty());
    let parts = [figures.map(long), differ, note];
    parts.into_iter().flatten().collect::<Vec<_>>().join("; ")
}

/// Returns a remark if the queues interrupt in another way than requested.
fn vectors_differ(key: CellKey, figures: &Figures) -> Option<String> {
    let seen = figures.vectors;
    (seen != key.place.vectors).then(|| match seen {
        Vectors::Own => "actual vectors: own, because two are enough for this device".into(),
        Vectors::Intx => "actual vectors: intx, because this QEMU gives this device none".into(),
        other => format!("actual vectors: {other}"),
    })
}

fn long(figures: &Figures) -> String {
    let on = &figures.on;
    let said = format!(
        "{} interrupts and {:.2} hits per operation, {} operations",
        change(figures),
        on.hits_per_op(),
        on.ops
    );
    match figures.status.as_str() {
        POLLED => said,
        reason => format!("{said}; not polled: {reason}"),
    }
}

/// Returns the interrupts per operation with the switch off, then with it on.
pub fn change(figures: &Figures) -> String {
    format!(
        "{:.2}>{:.2}",
        figures.off.interrupts_per_op(),
        figures.on.interrupts_per_op()
    )
}

#[cfg(test)]
pub mod tests {
    use super::super::select::Spot;
    use super::*;
    use guest_protocol::{Check, Device, Layout, Phase};

    pub fn key(device: Device, layout: Layout, vectors: Vectors) -> CellKey {
        CellKey {
            place: Spot { vectors, layout },
            device,
            check: Check::Switch,
        }
    }

    pub fn passed(key: CellKey, seen: Vectors, status: &str) -> CellOutcome {
        let phase = |interrupts, hits| Phase {
            ops: 200,
            interrupts,
            hits,
        };
        let on = match status {
            POLLED => phase(6, 194),
            _ => phase(200, 0),
        };
        CellOutcome::reported(
            key,
            &Cell {
                device: key.device,
                check: key.check,
                outcome: guest::Outcome::Pass,
                figures: Some(Figures {
                    vectors: seen,
                    status: status.into(),
                    off: phase(200, 0),
                    on,
                    off_again: Some(phase(199, 0)),
                }),
                note: String::new(),
            },
        )
    }

    #[test]
    fn a_line_tells_what_was_found() {
        let blk = key(Device::Blk, Layout::Packed, Vectors::Own);
        assert_eq!(
            passed(blk, Vectors::Own, POLLED).line(),
            "ok    blk, packed, own, pci: 1.00>0.03 interrupts and 0.97 hits per operation, \
             200 operations"
        );
        let rng = key(Device::Rng, Layout::Packed, Vectors::Shared);
        let other = passed(rng, Vectors::Own, POLLED).line();
        assert!(other.contains("actual vectors: own"), "{other}");
        let line = passed(rng, Vectors::Shared, "the line is shared").line();
        assert!(line.contains("1.00>1.00") && line.contains("not polled: the line is shared"));
    }
}
