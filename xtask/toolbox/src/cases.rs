// SPDX-License-Identifier: GPL-2.0
//! Writes the test cases of a run as KTAP and as JUnit, from one list.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context, Result};
use fs_err::{self as fs, File};
use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

#[derive(Debug, PartialEq, Eq)]
pub struct Case {
    pub name: String,
    pub status: Status,
    /// Why the case failed or was skipped, or what it found.
    pub detail: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    Pass,
    Fail,
    /// This machine cannot run the case.
    Skip,
}

impl From<bool> for Status {
    fn from(pass: bool) -> Status {
        match pass {
            true => Status::Pass,
            false => Status::Fail,
        }
    }
}

impl Status {
    /// The status in a report for people, four characters wide.
    pub fn sign(self) -> &'static str {
        match self {
            Status::Pass => "ok  ",
            Status::Fail => "FAIL",
            Status::Skip => "SKIP",
        }
    }
}

/// Writes result.ktap and junit.xml to `dir`.
pub fn write(dir: &Path, suite: &str, cases: &[Case]) -> Result<()> {
    fs::create_dir_all(dir)?;
    let path = dir.join("result.ktap");
    fs::write(&path, ktap(cases))?;
    let path = dir.join("junit.xml");
    let file = File::create(&path)?;
    junit(suite, cases)
        .serialize(file)
        .with_context(|| format!("writing {}", path.display()))
}

/// The cases as KTAP, see the kernel's Documentation/dev-tools/ktap.rst.
fn ktap(cases: &[Case]) -> String {
    let mut text = format!("KTAP version 1\n1..{}\n", cases.len());
    for (index, case) in cases.iter().enumerate() {
        // A '#' in a name would start a directive.
        let name = case.name.replace('#', "");
        let number = index + 1;
        if case.status == Status::Skip {
            let reason = case.detail.replace('\n', " ");
            let _ = writeln!(text, "ok {number} {name} # SKIP {reason}");
            continue;
        }
        for line in case.detail.lines() {
            let _ = writeln!(text, "# {line}");
        }
        let sign = match case.status {
            Status::Fail => "not ok",
            _ => "ok",
        };
        let _ = writeln!(text, "{sign} {number} {name}");
    }
    text
}

fn junit(name: &str, cases: &[Case]) -> Report {
    let mut suite = TestSuite::new(name);
    for case in cases {
        let mut status = match case.status {
            Status::Pass => TestCaseStatus::success(),
            Status::Fail => TestCaseStatus::non_success(NonSuccessKind::Failure),
            Status::Skip => TestCaseStatus::skipped(),
        };
        if case.status != Status::Pass {
            status.set_message(case.detail.as_str());
        }
        let mut test = TestCase::new(case.name.as_str(), status);
        test.set_classname(name);
        if case.status == Status::Pass {
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
            status: Status::Pass,
            detail: "3 devices".into(),
        };
        let bad = Case {
            name: "console".into(),
            status: Status::Fail,
            detail: "the guest's kernel complained\nline 2".into(),
        };
        let untried = Case {
            name: "vsock".into(),
            status: Status::Skip,
            detail: "this host has no\n/dev/vhost-vsock".into(),
        };
        vec![good, bad, untried]
    }

    #[test]
    fn ktap_has_details_before_outcomes() {
        assert_eq!(
            ktap(&cases()),
            "KTAP version 1\n1..3\n# 3 devices\nok 1 switch\n\
             # the guest's kernel complained\n# line 2\nnot ok 2 console\n\
             ok 3 vsock # SKIP this host has no /dev/vhost-vsock\n"
        );
    }

    #[test]
    fn junit_counts_failures_and_says_why() {
        let xml = junit("smoke", &cases()).to_string().unwrap();
        assert!(xml.contains(r#"failures="1""#), "{xml}");
        assert!(xml.contains("<skipped message="), "{xml}");
        assert!(xml.contains("kernel complained"), "{xml}");
        assert!(xml.contains("/dev/vhost-vsock"), "{xml}");
    }
}
