// SPDX-License-Identifier: GPL-2.0
//! What a reviewer saw: that its tool ran, on how much, and what the tool says.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// Something that a tool objects to. Two of them are the same if all is equal:
/// there are no line numbers to compare, for they move from patch to patch.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Finding {
    /// Path in the kernel; empty where the tool names none.
    pub file: String,
    /// The tool's own name for it, "MISSING_SIGN_OFF" or "unused-function".
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

/// One run of a reviewer's tool.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Inspection {
    /// "checkpatch 0.32"
    pub tool: String,
    /// What it worked on, "63 lines": the proof that it did.
    pub done: usize,
    #[serde(skip)]
    pub unit: &'static str,
    pub findings: Vec<Finding>,
}

/// The findings of `now` that `before` does not have, or not as often.
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

/// Takes a path apart from where a tool says it found something: the file in
/// the tree `src`, however the tool spells that, and the rest of the line.
/// "SRC/kernel/softirq.c:12:3: warning: x" gives ("kernel/softirq.c", "warning: x").
pub fn place(line: &str, src: &str) -> Option<(String, String)> {
    let line = line.trim_start();
    let line = line.strip_prefix(src).unwrap_or(line);
    let line = line.trim_start_matches("./").trim_start_matches('/');
    let (file, rest) = line.split_once(':')?;
    if file.is_empty() || file.contains(' ') || !file.contains(['.', '/']) {
        return None;
    }
    let mut rest = rest;
    // Line, column, and a range's second line.
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
