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
    /// Why the cell failed or was skipped; empty if it passed.
    pub why: String,
    pub figures: Option<Figures>,
    /// An additional remark of the guest.
    pub note: String,
    /// For a failed cell: where to look, and how to run it again.
    pub traces: String,
}

impl CellOutcome {
    pub fn new(key: CellKey, status: Status, why: impl Into<String>) -> CellOutcome {
        CellOutcome {
            key,
            status,
            why: why.into(),
            figures: None,
            note: String::new(),
            traces: String::new(),
        }
    }

    pub fn reported(key: CellKey, cell: &Cell) -> CellOutcome {
        let (status, why) = match &cell.outcome {
            guest::Outcome::Pass => (Status::Pass, ""),
            guest::Outcome::Fail { why } => (Status::Fail, why.as_str()),
        };
        CellOutcome {
            figures: cell.figures.clone(),
            note: cell.note.clone(),
            ..CellOutcome::new(key, status, why)
        }
    }

    pub fn line(&self) -> String {
        let said = match self.status {
            Status::Pass => self.said(),
            _ => self.why.clone(),
        };
        format!("{}  {}: {said}", self.status.sign(), self.key.name())
    }

    pub fn case(&self) -> Case {
        let detail = match self.status {
            Status::Pass => self.said(),
            Status::Skip => self.why.clone(),
            Status::Fail => format!("{}{}", self.why, self.traces),
        };
        Case {
            name: self.key.name(),
            status: self.status,
            detail,
        }
    }

    fn said(&self) -> String {
        let parts = [
            self.figures.as_ref().map(long),
            self.vectors_differ(),
            (!self.note.is_empty()).then(|| self.note.clone()),
        ];
        parts.into_iter().flatten().collect::<Vec<_>>().join("; ")
    }

    /// Returns a remark if the queues interrupt in another way than requested.
    fn vectors_differ(&self) -> Option<String> {
        let seen = self.figures.as_ref()?.vectors;
        (seen != self.key.place.vectors).then(|| match seen {
            Vectors::Own => "actual vectors: own, because two are enough for this device".into(),
            Vectors::Intx => {
                "actual vectors: intx, because this QEMU gives this device none".into()
            }
            other => format!("actual vectors: {other}"),
        })
    }

    /// Returns the kernel's reason why the device is not polled, if there is one.
    pub fn reason(&self) -> Option<&str> {
        let status = self.figures.as_ref()?.status.as_str();
        (status != POLLED).then_some(status)
    }
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
