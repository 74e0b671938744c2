// SPDX-License-Identifier: GPL-2.0
//! The checks of guests as test cases, with the first fault.

use std::path::Path;

use anyhow::Result;
use guest_protocol::Report;

use toolbox::cases::{self, Case, Status};
use vm::session::Ended;

pub struct Checked {
    pub cases: Vec<Case>,
    pub outcome: Result<()>,
}

impl Checked {
    /// No guest.
    pub fn none() -> Checked {
        Checked {
            cases: Vec::new(),
            outcome: Ok(()),
        }
    }

    /// Returns the guest's own cases, and one for the run as a whole: a guest that crashed cannot
    /// report a case for that.
    pub fn of(ended: Ended) -> Checked {
        let fault = ended.outcome.as_ref().err();
        let whole = Case {
            name: "one passing verdict and a clean console".into(),
            status: fault.is_none().into(),
            detail: fault.map(|err| format!("{err:#}")).unwrap_or_default(),
        };
        let own = ended.reports.iter().filter_map(case);
        Checked {
            cases: own.chain([whole]).collect(),
            outcome: ended.outcome,
        }
    }

    /// Makes the names and the fault differ from those of other guests.
    pub fn labelled(mut self, label: &str) -> Checked {
        for case in &mut self.cases {
            case.name = format!("{label}: {}", case.name);
        }
        self.outcome = self.outcome.map_err(|err| err.context(label.to_owned()));
        self
    }

    /// Writes result.ktap and junit.xml. Fails with the fault, if there is one.
    pub fn write(self, out: &Path, suite: &str) -> Result<()> {
        cases::write(out, suite, &self.cases)?;
        self.outcome
    }

    /// Adds the cases of a later guest.
    pub fn add(&mut self, later: Checked) {
        self.cases.extend(later.cases);
        if self.outcome.is_ok() {
            self.outcome = later.outcome;
        }
    }
}

/// Returns the case that a report is about, if it is about one.
fn case(report: &Report) -> Option<Case> {
    let (name, status, detail) = match report {
        Report::Case { name, pass, detail } => (name, (*pass).into(), detail),
        Report::Skip { name, why } => (name, Status::Skip, why),
        _ => return None,
    };
    Some(Case {
        name: name.clone(),
        status,
        detail: detail.clone(),
    })
}

/// Prints the result of a check, if the report has one.
pub fn tell(report: &Report) {
    if let Some(case) = case(report) {
        println!("{}  {}: {}", case.status.sign(), case.name, case.detail);
    }
}
