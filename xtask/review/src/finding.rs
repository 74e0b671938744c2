// SPDX-License-Identifier: GPL-2.0
//! The result of a reviewer: the proof that its tool ran, how much it looked at, and its findings.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// One objection of a tool. Two findings are the same if all fields are equal. There is no line
/// number, because line numbers move from patch to patch.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Finding {
    /// Path in the kernel tree; empty if the tool names no file.
    pub file: String,
    /// The tool's own name for the kind of finding, "MISSING_SIGN_OFF" or "unused-function".
    pub kind: String,
    pub text: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [&self.file, &self.kind, &self.text];
        let told: Vec<&str> = parts
            .into_iter()
            .map(String::as_str)
            .filter(|part| !part.is_empty())
            .collect();
        f.write_str(&told.join(": "))
    }
}

impl Finding {
    pub fn new(file: &str, kind: &str, text: impl Into<String>) -> Finding {
        Finding {
            file: file.to_owned(),
            kind: kind.to_owned(),
            text: text.into(),
        }
    }
}

/// The result of one run of a reviewer's tool.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Inspection {
    /// Name and version of the tool, "checkpatch 0.32".
    pub tool: String,
    /// How much the tool worked on, in `unit`s ("63 lines"): the proof that it ran.
    pub done: usize,
    #[serde(skip)]
    pub unit: &'static str,
    pub findings: Vec<Finding>,
}

/// Returns the findings of `now` that `before` does not have, or has less often.
pub fn new_ones(now: &[Finding], before: &[Finding]) -> Vec<Finding> {
    let mut known: BTreeMap<&Finding, usize> = BTreeMap::new();
    for finding in before {
        *known.entry(finding).or_default() += 1;
    }
    let mut new = Vec::new();
    for finding in now {
        match known.get_mut(finding) {
            Some(left) if *left > 0 => *left -= 1,
            _ => new.push(finding.clone()),
        }
    }
    new
}

/// Splits a tool's line into the file and the rest of the line. The file is relative to the tree
/// `src`, however the tool spells it: "SRC/kernel/softirq.c:12:3: warning: x" gives
/// ("kernel/softirq.c", "warning: x").
pub fn place(line: &str, src: &str) -> Option<(String, String)> {
    let line = line.trim_start();
    let line = line.strip_prefix(src).unwrap_or(line);
    let line = line.trim_start_matches("./").trim_start_matches('/');
    let (file, rest) = line.split_once(':')?;
    if file.is_empty() || file.contains(' ') || !file.contains(['.', '/']) {
        return None;
    }
    let mut rest = rest;
    // Skips the line, the column, and the end of a range.
    while let Some((number, more)) = rest.split_once([':', ' ']) {
        if !number.chars().all(|c| c.is_ascii_digit() || c == '-') {
            break;
        }
        rest = more;
    }
    Some((file.to_owned(), rest.trim().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_one_of_a_kind_is_new() {
        let one = Finding::new("a.c", "k", "same");
        let other = Finding::new("a.c", "k", "other");
        let twice = [one.clone(), one];
        assert!(new_ones(&twice[..1], &twice).is_empty());
        assert_eq!(new_ones(&twice, &twice[..1]), twice[..1]);
        assert_eq!(new_ones(std::slice::from_ref(&other), &twice), [other]);
    }

    #[test]
    fn places_as_tools_spell_them() {
        let expected = Some(("kernel/softirq.c".to_owned(), "warning: x: y".to_owned()));
        for line in [
            "/k/src/kernel/softirq.c:12:3: warning: x: y",
            "./kernel/softirq.c:12: warning: x: y",
            "kernel/softirq.c:7:2-9: warning: x: y",
            "/k/src/kernel/softirq.c:174 warning: x: y",
        ] {
            assert_eq!(place(line, "/k/src"), expected, "{line}");
        }
        for line in [
            "make[2]: Entering",
            "  CC      a.o",
            "warning: unused",
            "no colon",
        ] {
            assert_eq!(place(line, "/k/src"), None, "{line}");
        }
    }
}
