// SPDX-License-Identifier: GPL-2.0
//! The kernel lines that the project knows, and what each asks of the tools.

use crate::fault;

/// A line of stable kernels. Patch levels move on, so nothing here pins one.
#[derive(Debug, PartialEq, Eq)]
pub struct Line {
    pub name: &'static str,
    /// The Debian suite that has linux-source-LINE; None: the system's own.
    pub suite: Option<&'static str>,
    /// From the line's scripts/min-tool-version.sh.
    pub min_rustc: Version,
    pub min_bindgen: Version,
}

pub type Version = (u32, u32, u32);

pub const LINES: [Line; 2] = [
    Line {
        name: "7.3",
        suite: Some("trixie-backports"),
        min_rustc: (1, 85, 0),
        min_bindgen: (0, 71, 1),
    },
    Line {
        name: "6.12",
        suite: None,
        min_rustc: (1, 78, 0),
        min_bindgen: (0, 65, 1),
    },
];

pub const DEFAULT: &Line = &LINES[0];

pub fn find(name: &str) -> anyhow::Result<&'static Line> {
    LINES.iter().find(|line| line.name == name).ok_or_else(|| {
        let known = LINES.map(|line| line.name).join(", ");
        fault::usage(format!("unknown base {name:?}; known lines: {known}"))
    })
}

/// The first "1.2" or "1.2.3" in `text`.
pub fn parse_version(text: &str) -> Option<Version> {
    let is_part = |c: char| c.is_ascii_digit() || c == '.';
    text.split(|c| !is_part(c)).find_map(|word| {
        let mut numbers = word.split('.').map(|number| number.parse().ok());
        let major = numbers.next()??;
        let minor = numbers.next()??;
        Some((major, minor, numbers.next().flatten().unwrap_or(0)))
    })
}

pub fn show((major, minor, patch): Version) -> String {
    format!("{major}.{minor}.{patch}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_as_programs_print_them() {
        let cases = [
            ("rustc 1.95.0 (59807616e 2026-04-14)", (1, 95, 0)),
            ("bindgen 0.73.0", (0, 73, 0)),
            ("flex 2.6", (2, 6, 0)),
            ("gcc (Debian 12.2.0-14) 12.2.0", (12, 2, 0)),
            ("rustc 1.97.0-nightly (x 2026)", (1, 97, 0)),
        ];
        for (text, version) in cases {
            assert_eq!(parse_version(text), Some(version), "{text}");
        }
        assert_eq!(parse_version("no version here 7"), None);
    }
}
