// SPDX-License-Identifier: GPL-2.0
//! What came of each reviewer on each patch, as a table and as cases.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use anyhow::Result;

use super::ReviewerName;
use super::finding::{Finding, Inspection, new_ones};
use super::subject::Subject;
use super::waivers::Waivers;
use toolbox::cases::{Case, Status};

/// One reviewer on one patch.
#[derive(Debug)]
pub enum Mark {
    /// Not asked for.
    Left,
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
            Err(err) => return Mark::failed(format!("could not look: {err:#}")),
        };
        if look.done == 0 {
            return Mark::failed(format!("{} did nothing: 0 {}", look.tool, look.unit));
        }
        match base {
            Some(Err(err)) => return Mark::failed(format!("could not look at the base: {err:#}")),
            Some(Ok(Some(base))) if base.done == 0 => {
                return Mark::failed(format!("{} did nothing on the base", base.tool));
            }
            Some(Ok(Some(base))) => look.findings = new_ones(&look.findings, &base.findings),
            Some(Ok(None)) | None => {}
        }
        let (left, excused) = waivers.apply(reviewer, slug, std::mem::take(&mut look.findings));
        match left.is_empty() {
            true => Mark::Passed { look, excused },
            false => Mark::Failed {
                why: left.iter().map(Finding::to_string).collect(),
            },
        }
    }

    fn failed(why: String) -> Mark {
        Mark::Failed { why: vec![why] }
    }

    fn sign(&self) -> &'static str {
        match self {
            Mark::Left => "",
            Mark::Nothing => "-",
            Mark::Passed { .. } => "ok",
            Mark::Failed { .. } => "FAIL",
        }
    }
}

/// All of one line.
pub struct Outcomes {
    names: Vec<ReviewerName>,
    numbers: Vec<usize>,
    cells: BTreeMap<(ReviewerName, usize), Mark>,
    /// Waivers that nothing needed.
    unused: Vec<String>,
    /// Reviewers that had something to do on no patch: their tools were not seen to run.
    idle: Vec<ReviewerName>,
}

impl Outcomes {
    pub fn new(names: &[ReviewerName], numbers: &[usize]) -> Outcomes {
        Outcomes {
            names: names.to_vec(),
            numbers: numbers.to_vec(),
            cells: BTreeMap::new(),
            unused: Vec::new(),
            idle: Vec::new(),
        }
    }

    pub fn put(&mut self, name: ReviewerName, number: usize, cell: Mark) {
        self.cells.insert((name, number), cell);
    }

    /// What only shows once every patch was looked at: waivers that nothing
    /// needed, and reviewers that found nothing to do.
    pub fn settle(&mut self, waivers: &Waivers) {
        let is_whole = |name: &ReviewerName| !self.row(*name).any(|it| matches!(it, Mark::Left));
        let is_idle = |name: &ReviewerName| {
            self.row(*name)
                .all(|it| matches!(it, Mark::Nothing | Mark::Left))
        };
        let whole: Vec<ReviewerName> = self.names.iter().copied().filter(is_whole).collect();
        let idle: Vec<ReviewerName> = self.names.iter().copied().filter(is_idle).collect();
        self.unused = whole
            .iter()
            .flat_map(|name| waivers.unused(&name.text()))
            .collect();
        self.idle = idle;
    }

    pub fn cell(&self, name: ReviewerName, number: usize) -> &Mark {
        self.cells.get(&(name, number)).unwrap_or(&Mark::Left)
    }

    /// One reviewer on each patch.
    fn row(&self, name: ReviewerName) -> impl Iterator<Item = &Mark> {
        self.numbers
            .iter()
            .map(move |&number| self.cell(name, number))
    }

    pub fn names(&self) -> &[ReviewerName] {
        &self.names
    }

    pub fn numbers(&self) -> &[usize] {
        &self.numbers
    }

    pub fn failed(&self) -> usize {
        let cells = self.cells.values();
        cells
            .filter(|cell| matches!(cell, Mark::Failed { .. }))
            .count()
            + self.unused.len()
            + self.idle.len()
    }

    pub fn cases(&self) -> Vec<Case> {
        let mut cases = Vec::new();
        for (&(name, number), cell) in &self.cells {
            let (status, detail) = match cell {
                Mark::Left | Mark::Nothing => continue,
                Mark::Passed { look, excused } => (Status::Pass, proof(look, *excused)),
                Mark::Failed { why } => (Status::Fail, why.join("\n")),
            };
            cases.push(Case {
                name: format!("patch {number}: {}", name.text()),
                status,
                detail,
            });
        }
        let idle = self.idle.iter().map(|name| Case {
            name: format!("{}: it had something to look at", name.text()),
            status: Status::Fail,
            detail: "no patch has anything for it".into(),
        });
        let unused = self.unused.iter().map(|text| Case {
            name: format!("waiver: {text}"),
            status: Status::Fail,
            detail: text.clone(),
        });
        cases.into_iter().chain(idle).chain(unused).collect()
    }

    /// Rows patches, columns reviewers; then what each tool did, and what failed.
    pub fn table(&self, subject: &Subject) -> String {
        let slug = |number: usize| format!("{number} {}", subject.commits[number].slug);
        let slugs: Vec<String> = self.numbers.iter().map(|&number| slug(number)).collect();
        let wide = slugs.iter().map(String::len).max().unwrap_or(0);
        let mut text = format!("\n{:<wide$}", subject.line);
        for name in &self.names {
            let _ = write!(text, " {:>5}", name.text());
        }
        text.push('\n');
        for (&number, slug) in self.numbers.iter().zip(&slugs) {
            let _ = write!(text, "{slug:<wide$}");
            for &name in &self.names {
                let column = name.text().len().max(5);
                let _ = write!(text, " {:>column$}", self.cell(name, number).sign());
            }
            text.push('\n');
        }
        text.push('\n');
        for &name in &self.names {
            let _ = writeln!(text, "{:<13} {}", name.text(), self.totals(name));
        }
        for case in self.cases() {
            if case.status == Status::Fail {
                let detail = case.detail.replace('\n', "\n    ");
                let _ = writeln!(text, "\nFAIL  {}\n    {detail}", case.name);
            }
        }
        text
    }

    /// What the tool of a reviewer did on all patches together.
    fn totals(&self, name: ReviewerName) -> String {
        let cells = self.numbers.iter().map(|&number| self.cell(name, number));
        let looks: Vec<(&Inspection, usize)> = cells
            .filter_map(|cell| match cell {
                Mark::Passed { look, excused } => Some((look, *excused)),
                _ => None,
            })
            .collect();
        let Some((first, _)) = looks.first() else {
            return "nothing passed".into();
        };
        let sum = Inspection {
            done: looks.iter().map(|(look, _)| look.done).sum(),
            ..(*first).clone()
        };
        proof(&sum, looks.iter().map(|(_, excused)| excused).sum())
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

    /// The waivers of this checkout: one excuses MISSING_SIGN_OFF to checkpatch.
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
            panic!("OLD is no reason to fail");
        };
        assert_eq!(why, ["a.c: OLD"]);
    }

    #[test]
    fn a_reviewer_that_found_nothing_to_do_and_an_idle_waiver_fail() {
        let mut outcomes = Outcomes::new(&[ReviewerName::Checkpatch], &[1, 2]);
        let mut waivers = waivers();
        outcomes.put(ReviewerName::Checkpatch, 1, Mark::Nothing);
        outcomes.put(ReviewerName::Checkpatch, 2, Mark::Nothing);
        assert_eq!(outcomes.failed(), 0);
        outcomes.settle(&waivers);
        let idle = outcomes.failed();
        assert!(idle > 1, "the reviewer, and each waiver");
        let signed = Ok(Some(look(1, &["MISSING_SIGN_OFF"])));
        let cell = Mark::judge("checkpatch", "a", signed, None, &mut waivers);
        outcomes.put(ReviewerName::Checkpatch, 2, cell);
        outcomes.settle(&waivers);
        assert_eq!(outcomes.failed(), idle - 2);
    }
}
