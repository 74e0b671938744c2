// SPDX-License-Identifier: GPL-2.0
//! The kernel lines that the project supports, and the tool versions that each of them needs.

use crate::fault;

/// A line of stable kernels. No patch level is fixed here, because it changes over time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    pub name: &'static str,
    /// The Debian suite that has linux-source-LINE; None: the system's own suite.
    pub suite: Option<&'static str>,
    /// The Debian suite whose linux-image-amd64 belongs to this line.
    pub stock_suite: &'static str,
    /// The minimum versions are those of the line's scripts/min-tool-version.sh.
    pub min_rustc: Version,
    pub min_bindgen: Version,
    /// Files that the series needs but does not change. No other step would notice that one of them
    /// is missing in a tree of another version.
    pub needs: &'static [&'static str],
}

pub type Version = (u32, u32, u32);

pub const LINES: [Line; 2] = [
    Line {
        name: "7.3",
        suite: Some("trixie-backports"),
        stock_suite: "trixie-backports",
        min_rustc: (1, 85, 0),
        min_bindgen: (0, 71, 1),
        needs: &[
            "drivers/cpuidle/governors/haltpoll.c",
            "rust/macros/export.rs",
            "rust/kernel/sync/atomic.rs",
        ],
    },
    Line {
        name: "6.12",
        suite: None,
        stock_suite: "trixie",
        min_rustc: (1, 78, 0),
        min_bindgen: (0, 65, 1),
        needs: &[
            "drivers/cpuidle/governors/haltpoll.c",
            "rust/helpers/helpers.c",
        ],
    },
];

pub const DEFAULT: &Line = &LINES[0];

pub fn find(name: &str) -> anyhow::Result<&'static Line> {
    LINES.iter().find(|line| line.name == name).ok_or_else(|| {
        let known = LINES.map(|line| line.name).join(", ");
        fault::usage(format!("unknown base {name:?}; known lines: {known}"))
    })
}

/// The line that a kernel of this version belongs to.
pub fn of(version: &str) -> Option<&'static Line> {
    let (major, minor, _) = parse_version(version)?;
    let name = format!("{major}.{minor}");
    LINES.iter().find(|line| line.name == name)
}

/// All lines, sorted by their distance from the version, the nearest first.
pub fn by_distance(version: &str) -> Vec<&'static Line> {
    // Linux 5 and 6 ended with .19, so 7.0 comes directly after 6.19.
    let ordinal =
        |text: &str| parse_version(text).map_or(0, |(major, minor, _)| major * 20 + minor);
    let mut lines: Vec<&Line> = LINES.iter().collect();
    lines.sort_by_key(|line| ordinal(line.name).abs_diff(ordinal(version)));
    lines
}

/// The minimum version of a tool, from the text of a kernel's scripts/min-tool-version.sh.
pub fn min_version(script: &str, tool: &str) -> Option<Version> {
    let arm = format!("{tool})");
    let mut lines = script.lines().skip_while(|line| line.trim() != arm);
    lines.nth(1).and_then(parse_version)
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

    #[test]
    fn nearest_line_of_any_version() {
        let first = |version| by_distance(version)[0].name;
        let cases = [
            ("7.3.4", "7.3"),
            ("7.4-rc1", "7.3"),
            ("7.0", "7.3"),
            ("6.19.2", "7.3"),
            ("6.17", "6.12"),
            ("6.1.176", "6.12"),
        ];
        for (version, line) in cases {
            assert_eq!(first(version), line, "{version}");
        }
        assert_eq!(of("6.12.117").map(|line| line.name), Some("6.12"));
        assert_eq!(of("6.1.12"), None);
    }

    #[test]
    fn versions_that_a_tree_asks_for() {
        let script =
            "case \"$1\" in\nllvm)\n\techo 15.0.0\n\t;;\nrustc)\n\techo 1.85.0\n\t;;\nesac\n";
        assert_eq!(min_version(script, "rustc"), Some((1, 85, 0)));
        assert_eq!(min_version(script, "bindgen"), None);
    }
}
