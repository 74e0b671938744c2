// SPDX-License-Identifier: GPL-2.0
//! `git diff --check` of each patch.

use anyhow::Result;

use super::finding::{Finding, Inspection, place};
use super::subject::Prefix;
use super::{Desk, Reviewer};

pub struct Whitespace;

impl Reviewer for Whitespace {
    fn look(&mut self, desk: &Desk<'_>, commit: &Prefix) -> Result<Option<Inspection>> {
        let git = &desk.subject.git;
        let parent = format!("{}^", commit.id);
        let range = [parent.as_str(), &commit.id];
        let numstat = git.read([&["diff", "--numstat"][..], &range].concat())?;
        let check = git.cmd([&["diff", "--check"][..], &range].concat());
        let said = check.quiet().ignore_status().output()?;
        let said = String::from_utf8_lossy(&said.stdout).into_owned();
        Ok(Some(Inspection {
            tool: git.read(["--version"])?,
            done: numstat.lines().filter_map(added).sum(),
            unit: "new lines",
            findings: said.lines().filter_map(finding).collect(),
        }))
    }
}

/// "3\t0\tMakefile"
fn added(line: &str) -> Option<usize> {
    line.split('\t').next()?.parse().ok()
}

/// "a.c:3: trailing whitespace.", then the line itself with a sign before it.
fn finding(line: &str) -> Option<Finding> {
    if line.starts_with(['+', '-', ' ']) {
        return None;
    }
    let (file, text) = place(line, "")?;
    Some(Finding::new(&file, "whitespace", text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn complaints_are_told_from_the_lines_complained_of() {
        let said = "drivers/a.c:3: trailing whitespace.\n+int a; // x.c: odd \n";
        let found: Vec<Finding> = said.lines().filter_map(finding).collect();
        let expected = Finding::new("drivers/a.c", "whitespace", "trailing whitespace.");
        assert_eq!(found, [expected]);
    }
}
