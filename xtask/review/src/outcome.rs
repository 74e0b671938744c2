// SPDX-License-Identifier: GPL-2.0
//! The results of each reviewer on each patch, as a table and as cases.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use anyhow::Result;

use super::ReviewerName;
use super::finding::{Finding, Inspection, new_ones};
use super::subject::Subject;
use super::waivers::Waivers;
use measure::table::aligned;
use toolbox::cases::{Case, Status};
use toolbox::options::spelled;

/// Result of one reviewer on one patch.
#[derive(Debug)]
pub enum Mark {
    /// The patch has nothing for this reviewer.
    Nothing,
    Passed {
        look: Inspection,
        excused: usize,
    },
    Failed {
        why: Vec<String>,
    },
}

impl Mark {
    pub fn judge(
        reviewer: &str,
        slug: &str,
        look: Result<Option<Inspection>>,
        base: Option<&Result<Option<Inspection>>>,
        waivers: &mut Waivers,
    ) -> Mark {
        let mut look = match look {
            Ok(Some(look)) => look,
            Ok(None) => return Mark::Nothing,
            Err(err) => return Mark::failed(format!("could not check the patch: {err:#}")),
        };
        if look.done == 0 {
            return Mark::failed(format!("{} did nothing: 0 {}", look.tool, look.unit));
        }
        match base {
            Some(Err(err)) => return Mark::failed(format!("could not check the base: {err:#}")),
            Some(Ok(Some(base))) if base.done == 0 => {
                return Mark::failed(format!("{} did nothing on the base", base.tool));
            }
            Some(Ok(Some(base))) => look.findings = new_ones(&look.findings, &base.findings),
            Some(Ok(None)) | None => {}
        }
        let excused = waivers.apply(reviewer, slug, &mut look.findings);
        match look.findings.is_empty() {
            true => Mark::Passed { look, excused },
            false => Mark::Failed {
                why: look.findings.iter().map(Finding::to_string).collect(),
            },
        }
    }

    fn failed(why: String) -> Mark {
        Mark::Failed { why: vec![why] }
    }

    fn sign(&self) -> &'static str {
        match self {
            Mark::Nothing => "-",
            Mark::Passed { .. } => "ok",
            Mark::Failed { .. } => "FAIL",
        }
    }
}

/// All results of one line.
pub struct Outcomes {
    pub names: Vec<ReviewerName>,
    pub numbers: Vec<usize>,
    pub marks: BTreeMap<(ReviewerName, usize), Mark>,
}

impl Outcomes {
    /// Returns None if the reviewer was not asked to look at the patch.
    pub fn mark(&self, name: ReviewerName, number: usize) -> Option<&Mark> {
        self.marks.get(&(name, number))
    }

    /// Returns the results of one reviewer, on each patch that it was asked to look at.
    fn row(&self, name: ReviewerName) -> Vec<&Mark> {
        let numbers = self.numbers.iter();
        numbers.filter_map(|&at| self.mark(name, at)).collect()
    }

    /// Returns a case for each reviewer on each patch. Also returns failures that show only after
    /// all patches: reviewers that had nothing to look at, whose tools thus were not seen to run,
    /// and waivers that were not needed.
    pub fn cases(&self, waivers: &Waivers) -> Vec<Case> {
        let mut cases = Vec::new();
        for (&(name, number), mark) in &self.marks {
            let (status, detail) = match mark {
                Mark::Nothing => continue,
                Mark::Passed { look, excused } => (Status::Pass, proof(look, *excused)),
                Mark::Failed { why } => (Status::Fail, why.join("\n")),
            };
            cases.push(Case {
                name: format!("patch {number}: {}", spelled(name)),
                status,
                detail,
            });
        }
        let fault = |name: String, detail: String| Case {
            name,
            status: Status::Fail,
            detail,
        };
        for &name in &self.names {
            let (text, row) = (spelled(name), self.row(name));
            if row.iter().all(|mark| matches!(mark, Mark::Nothing)) {
                let detail =
                    "no patch has anything for this reviewer, so its tool was not seen to work"
                        .into();
                cases.push(fault(format!("{text}: nothing to review"), detail));
            }
            // A patch that it did not look at may need the waiver.
            if row.len() == self.numbers.len() {
                let unused = waivers.unused(&text).into_iter();
                cases.extend(unused.map(|what| fault(format!("unused waiver: {what}"), what)));
            }
        }
        cases
    }

    /// Returns a table with a row for each patch and a column for each reviewer. Below it: how much
    /// each tool did, and the failures.
    pub fn table(&self, subject: &Subject, cases: &[Case]) -> String {
        let names = self.names.iter().map(|&name| spelled(name));
        let mut rows = vec![vec![subject.line.to_owned()]];
        rows[0].extend(names);
        for &number in &self.numbers {
            let slug = &subject.commits[number].slug;
            let marks = self.names.iter().map(|&name| self.mark(name, number));
            let mut row = vec![format!("{number} {slug}")];
            row.extend(marks.map(|mark| mark.map_or("", Mark::sign).to_owned()));
            rows.push(row);
        }
        let mut text = format!("\n{}\n", aligned(&rows));
        for &name in &self.names {
            let _ = writeln!(text, "{:<13} {}", spelled(name), self.totals(name));
        }
        for case in cases.iter().filter(|case| case.status == Status::Fail) {
            let detail = case.detail.replace('\n', "\n    ");
            let _ = writeln!(text, "\nFAIL  {}\n    {detail}", case.name);
        }
        text
    }

    /// Returns how much a reviewer's tool did on all patches together.
    fn totals(&self, name: ReviewerName) -> String {
        let passed = self.row(name).into_iter().filter_map(|mark| match mark {
            Mark::Passed { look, excused } => Some((look.clone(), *excused)),
            _ => None,
        });
        let sum = passed.reduce(|(sum, all), (look, excused)| {
            let done = sum.done + look.done;
            (Inspection { done, ..sum }, all + excused)
        });
        sum.map_or("nothing passed".into(), |(sum, all)| proof(&sum, all))
    }
}

fn proof(look: &Inspection, excused: usize) -> String {
    let waived = match excused {
        0 => String::new(),
        _ => format!(", {excused} findings waived"),
    };
    format!("{}: {} {}{waived}", look.tool, look.done, look.unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(done: usize, findings: &[&str]) -> Inspection {
        Inspection {
            tool: "tool 1".into(),
            done,
            unit: "lines",
            findings: findings
                .iter()
                .map(|kind| Finding::new("a.c", kind, ""))
                .collect(),
        }
    }

    /// Returns the waivers of this checkout. One of them excuses checkpatch's MISSING_SIGN_OFF.
    fn waivers() -> Waivers {
        let root = toolbox::place::Place::find().unwrap().root;
        Waivers::load(&root, "7.3").unwrap()
    }

    fn judge(now: Result<Option<Inspection>>, base: Option<Result<Option<Inspection>>>) -> Mark {
        Mark::judge("checkpatch", "a", now, base.as_ref(), &mut waivers())
    }

    #[test]
    fn a_tool_that_did_nothing_has_failed() {
        let cases = [
            judge(Ok(Some(look(0, &[]))), None),
            judge(Err(anyhow::anyhow!("no such program")), None),
            judge(Ok(Some(look(3, &[]))), Some(Ok(Some(look(0, &[]))))),
            judge(
                Ok(Some(look(3, &[]))),
                Some(Err(anyhow::anyhow!("no base"))),
            ),
        ];
        for cell in cases {
            assert_eq!(cell.sign(), "FAIL", "{cell:?}");
        }
        assert_eq!(judge(Ok(Some(look(3, &[]))), None).sign(), "ok");
        assert_eq!(judge(Ok(None), None).sign(), "-");
    }

    #[test]
    fn what_the_base_has_or_a_waiver_names_passes() {
        let both = || Ok(Some(look(3, &["OLD", "MISSING_SIGN_OFF"])));
        assert_eq!(
            judge(both(), Some(Ok(Some(look(3, &["OLD"]))))).sign(),
            "ok"
        );
        let Mark::Failed { why } = judge(both(), None) else {
            panic!("OLD is new here, so the patch must fail");
        };
        assert_eq!(why, ["a.c: OLD"]);
    }

    #[test]
    fn a_reviewer_that_found_nothing_to_do_and_an_idle_waiver_fail() {
        let name = ReviewerName::Checkpatch;
        let mut outcomes = Outcomes {
            names: vec![name],
            numbers: vec![1, 2],
            marks: [1, 2].map(|at| ((name, at), Mark::Nothing)).into(),
        };
        let mut waivers = waivers();
        let idle = outcomes.cases(&waivers).len();
        assert!(
            idle > 1,
            "expected a case for the reviewer and one for each waiver"
        );
        let signed = Ok(Some(look(1, &["MISSING_SIGN_OFF"])));
        let mark = Mark::judge("checkpatch", "a", signed, None, &mut waivers);
        outcomes.marks.insert((name, 2), mark);
        let cases = outcomes.cases(&waivers);
        assert_eq!(cases.len(), idle - 1);
        assert_eq!(cases[0].status, Status::Pass);
    }
}
