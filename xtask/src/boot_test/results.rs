// SPDX-License-Identifier: GPL-2.0
//! A guest's cases as KTAP and as JUnit, from one list.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::path::Path;

use anyhow::{Context, Result};
use guest_init::Report;
use quick_junit::{NonSuccessKind, TestCase, TestCaseStatus, TestSuite};

use crate::guest::session::Ended;

#[derive(Debug, PartialEq, Eq)]
struct Case {
    name: String,
    pass: bool,
    detail: String,
}

pub fn write(dir: &Path, scenario: &str, ended: &Ended) -> Result<()> {
    let fault = ended.outcome.as_ref().err().map(|err| format!("{err:#}"));
    let cases = cases(&ended.reports, fault);
    let path = dir.join("result.ktap");
    fs::write(&path, ktap(&cases)).with_context(|| format!("writing {}", path.display()))?;
    let path = dir.join("junit.xml");
    let file = File::create(&path).with_context(|| format!("creating {}", path.display()))?;
    junit(scenario, &cases)
        .serialize(file)
        .with_context(|| format!("writing {}", path.display()))
}

/// The guest's own cases, and one for the run as a whole: a guest that crashed has no case for it.
fn cases(reports: &[Report], fault: Option<String>) -> Vec<Case> {
    let own = reports.iter().filter_map(|report| match report {
        Report::Case { name, pass, detail } => Some(Case {
            name: name.clone(),
            pass: *pass,
            detail: detail.clone(),
        }),
        _ => None,
    });
    let whole = Case {
        name: "one passing verdict and a clean console".into(),
        pass: fault.is_none(),
        detail: fault.unwrap_or_default(),
    };
    own.chain([whole]).collect()
}

/// Documentation/dev-tools/ktap.rst
fn ktap(cases: &[Case]) -> String {
    let mut text = format!("KTAP version 1\n1..{}\n", cases.len());
    for (index, case) in cases.iter().enumerate() {
        for line in case.detail.lines() {
            let _ = writeln!(text, "# {line}");
        }
        let sign = if case.pass { "ok" } else { "not ok" };
        // A '#' in a name would begin a directive.
        let _ = writeln!(text, "{sign} {} {}", index + 1, case.name.replace('#', ""));
    }
    text
}

fn junit(scenario: &str, cases: &[Case]) -> quick_junit::Report {
    let mut suite = TestSuite::new(scenario);
    for case in cases {
        let status = if case.pass {
            TestCaseStatus::success()
        } else {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
            status.set_message(case.detail.as_str());
            status
        };
        let mut test = TestCase::new(case.name.as_str(), status);
        test.set_classname(scenario);
        if case.pass {
            test.set_system_out(case.detail.as_str());
        }
        suite.add_test_case(test);
    }
    let mut report = quick_junit::Report::new("boot-test");
    report.add_test_suite(suite);
    report
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reports() -> Vec<Report> {
        vec![
            Report::Stage {
                name: "switch".into(),
            },
            Report::Case {
                name: "switch".into(),
                pass: true,
                detail: "3 devices".into(),
            },
        ]
    }

    #[test]
    fn ktap_counts_the_run_itself() {
        let text = ktap(&cases(&reports(), None));
        assert_eq!(
            text,
            "KTAP version 1\n1..2\n# 3 devices\nok 1 switch\n\
             ok 2 one passing verdict and a clean console\n"
        );
    }

    #[test]
    fn a_crash_fails_both_forms() {
        let cases = cases(
            &reports(),
            Some("the guest's kernel complained\nline 2".into()),
        );
        let text = ktap(&cases);
        assert!(text.contains("# line 2\nnot ok 2 "), "{text}");
        let xml = junit("smoke", &cases).to_string().unwrap();
        assert!(xml.contains(r#"failures="1""#), "{xml}");
        assert!(xml.contains("kernel complained"), "{xml}");
    }
}
