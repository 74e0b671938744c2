// SPDX-License-Identifier: GPL-2.0
//! The cases of a run as KTAP and as JUnit, from one list.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::path::Path;

use anyhow::{Context, Result};
use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

#[derive(Debug, PartialEq, Eq)]
pub struct Case {
    pub name: String,
    pub pass: bool,
    /// Why it failed, or what it found.
    pub detail: String,
}

/// Leaves result.ktap and junit.xml in `dir`.
pub fn write(dir: &Path, suite: &str, cases: &[Case]) -> Result<()> {
    fs::create_dir_all(dir).with_context(|| format!("creating {}", dir.display()))?;
    let path = dir.join("result.ktap");
    fs::write(&path, ktap(cases)).with_context(|| format!("writing {}", path.display()))?;
    let path = dir.join("junit.xml");
    let file = File::create(&path).with_context(|| format!("creating {}", path.display()))?;
    junit(suite, cases)
        .serialize(file)
        .with_context(|| format!("writing {}", path.display()))
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

fn junit(name: &str, cases: &[Case]) -> Report {
    let mut suite = TestSuite::new(name);
    for case in cases {
        let status = if case.pass {
            TestCaseStatus::success()
        } else {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
            status.set_message(case.detail.as_str());
            status
        };
        let mut test = TestCase::new(case.name.as_str(), status);
        test.set_classname(name);
        if case.pass {
            test.set_system_out(case.detail.as_str());
        }
        suite.add_test_case(test);
    }
    let mut report = Report::new("poll-source");
    report.add_test_suite(suite);
    report
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cases() -> Vec<Case> {
        let good = Case {
            name: "switch".into(),
            pass: true,
            detail: "3 devices".into(),
        };
        let bad = Case {
            name: "console".into(),
            pass: false,
            detail: "the guest's kernel complained\nline 2".into(),
        };
        vec![good, bad]
    }

    #[test]
    fn ktap_has_details_before_outcomes() {
        assert_eq!(
            ktap(&cases()),
            "KTAP version 1\n1..2\n# 3 devices\nok 1 switch\n\
             # the guest's kernel complained\n# line 2\nnot ok 2 console\n"
        );
    }

    #[test]
    fn junit_counts_failures_and_says_why() {
        let xml = junit("smoke", &cases()).to_string().unwrap();
        assert!(xml.contains(r#"failures="1""#), "{xml}");
        assert!(xml.contains("kernel complained"), "{xml}");
    }
}
