// SPDX-License-Identifier: GPL-2.0
//! MAINTAINERS: the sections that the series adds are where the tree's own
//! scripts want them, match files that exist, and at the end of the series
//! cover all that it added.

use anyhow::{Context, Result};

use super::checkpatch::script;
use super::finding::{Finding, Inspection};
use super::subject::Prefix;
use super::{Desk, Reviewer};

const FILE: &str = "MAINTAINERS";

pub struct Maintainers;

impl Reviewer for Maintainers {
    fn look(&mut self, desk: &Desk<'_>, commit: &Prefix) -> Result<Option<Inspection>> {
        let touched = commit.changes.iter().any(|change| change.path == FILE);
        if !touched && !commit.is_last {
            return Ok(None);
        }
        let text = |commit| {
            desk.subject
                .file(commit, FILE)
                .map(Option::unwrap_or_default)
        };
        let (base, now) = (text(&desk.subject.commits[0])?, text(commit)?);
        let sorted = sorted(desk, commit)?;
        let (base, now, sorted) = (
            Sections::of(&base),
            Sections::of(&now),
            Sections::of(&sorted),
        );
        let ours: Vec<&str> = now
            .titles()
            .filter(|title| base.find(title).is_none())
            .collect();
        let mut findings: Vec<Finding> = ours
            .iter()
            .flat_map(|title| out_of_order(&now, &sorted, title))
            .collect();
        if commit.is_last {
            let patterns: Vec<&str> = ours
                .iter()
                .flat_map(|title| now.find(title).unwrap_or_default().iter())
                .filter_map(|line| line.strip_prefix("F:").map(str::trim))
                .collect();
            let added = commit.since_base.iter().filter(|change| change.is_new);
            let missed = added.filter(|change| !patterns.iter().any(|it| covers(it, &change.path)));
            findings.extend(missed.map(|change| {
                Finding::new(
                    &change.path,
                    "COVERED",
                    "no section that the series adds names it",
                )
            }));
            findings.extend(dead_patterns(desk, &patterns)?);
        }
        Ok(Some(Inspection {
            tool: "parse-maintainers, git ls-files".into(),
            done: now.0.len(),
            unit: "sections",
            findings,
        }))
    }
}

/// What parse-maintainers.pl makes of the file.
fn sorted(desk: &Desk<'_>, commit: &Prefix) -> Result<String> {
    let src = &desk.subject.src;
    let log = desk.log(commit, "maintainers");
    let to = log.with_extension("sorted");
    let mut cmd = script(src, "scripts/parse-maintainers.pl");
    cmd.arg("--order").arg("--input").arg(src.join(FILE));
    cmd.arg("--output").arg(&to);
    desk.ask("parse-maintainers.pl", &mut cmd, &log)?;
    std::fs::read_to_string(&to).with_context(|| format!("reading {}", to.display()))
}

/// Patterns of ours that no file of the checked-out state matches. get_maintainer's own
/// test of that wants a repository in the tree itself, and then takes minutes for all sections.
fn dead_patterns(desk: &Desk<'_>, patterns: &[&str]) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for pattern in patterns {
        let files = desk.subject.git.read(["ls-files", "--", pattern])?;
        if files.is_empty() {
            let text = format!("{pattern} matches no file");
            findings.push(Finding::new(FILE, "PATTERN", text));
        }
    }
    Ok(findings)
}

/// Titles and their fields, in the file's order.
struct Sections<'a>(Vec<(&'a str, Vec<&'a str>)>);

impl<'a> Sections<'a> {
    /// A title is a line that is no field, right before one.
    fn of(text: &'a str) -> Sections<'a> {
        let is_field = |line: &str| matches!(line.as_bytes(), [b'A'..=b'Z', b':', _, ..]);
        let lines: Vec<&str> = text.lines().collect();
        // The head of the file explains the fields by examples.
        let start = lines
            .iter()
            .position(|line| line.starts_with("3C59X") || *line == "Maintainers List");
        let mut sections: Vec<(&str, Vec<&str>)> = Vec::new();
        for pair in lines[start.unwrap_or(0)..].windows(2) {
            let [line, next] = pair else { continue };
            if !is_field(line) && !line.is_empty() && is_field(next) {
                sections.push((line, Vec::new()));
            } else if is_field(line)
                && let Some((_, fields)) = sections.last_mut()
            {
                fields.push(line);
            }
        }
        if let Some(line) = lines.last().filter(|line| is_field(line))
            && let Some((_, fields)) = sections.last_mut()
        {
            fields.push(line);
        }
        Sections(sections)
    }

    fn titles(&self) -> impl Iterator<Item = &'a str> {
        self.0.iter().map(|(title, _)| *title)
    }

    fn find(&self, title: &str) -> Option<&[&'a str]> {
        let found = self.0.iter().find(|(name, _)| *name == title);
        found.map(|(_, fields)| fields.as_slice())
    }

    /// The titles before and after.
    fn neighbours(&self, title: &str) -> Option<(Option<&str>, Option<&str>)> {
        let at = self.titles().position(|name| name == title)?;
        let name = |at: Option<usize>| Some(self.0.get(at?)?.0);
        Some((name(at.checked_sub(1)), name(Some(at + 1))))
    }
}

fn out_of_order(now: &Sections<'_>, sorted: &Sections<'_>, title: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    if now.neighbours(title) != sorted.neighbours(title) {
        findings.push(Finding::new(
            FILE,
            "ORDER",
            format!("{title} is not in its place"),
        ));
    }
    if now.find(title) != sorted.find(title) {
        let text = format!("{title}: its fields are not in the order of parse-maintainers");
        findings.push(Finding::new(FILE, "FIELDS", text));
    }
    findings
}

/// Whether a pattern of F: names the file.
fn covers(pattern: &str, path: &str) -> bool {
    if let Some(rest) = path.strip_prefix(pattern.trim_end_matches('/'))
        && (rest.is_empty() || (pattern.ends_with('/') && rest.starts_with('/')))
    {
        return true;
    }
    pattern.contains('*') && glob(pattern.as_bytes(), path.as_bytes())
}

/// `*` stands for anything within a folder.
fn glob(pattern: &[u8], text: &[u8]) -> bool {
    match (pattern.split_first(), text.split_first()) {
        (None, None) => true,
        (Some((b'*', rest)), _) => {
            glob(rest, text)
                || text
                    .split_first()
                    .is_some_and(|(c, more)| *c != b'/' && glob(pattern, more))
        }
        (Some((p, rest)), Some((t, more))) => p == t && glob(rest, more),
        _ => false,
    }
}

/// The people of a section as get_maintainer would list them: "Name <mail>" and
/// what they are there.
pub fn people(text: &str, title: &str) -> Result<Vec<(String, &'static str)>> {
    let sections = Sections::of(text);
    let fields = sections
        .find(title)
        .with_context(|| format!("MAINTAINERS has no section {title}"))?;
    let roles = [("M:", "maintainer"), ("R:", "reviewer")];
    let of = |(key, role)| {
        let values = fields.iter().filter_map(move |line| line.strip_prefix(key));
        values.map(move |value: &str| (value.trim().to_owned(), role))
    };
    Ok(roles.into_iter().flat_map(of).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "Maintainers List\n----\n\nA THING\nM:\tAnn <ann@x>\nL:\tlist@x\nF:\ta/\n\n\
        POLL SOURCES\nR:\tBob <bob@x>\nM:\tCy <cy@x>\nF:\tdrivers/poll*\n\nZ THING\nM:\tZoe <z@x>\n";

    /// Found by the fuzzer.
    #[test]
    fn a_line_may_begin_with_any_character() {
        assert_eq!(
            Sections::of("\u{feff}x\nM:\tAnn <ann@x>\n")
                .titles()
                .count(),
            1
        );
    }

    #[test]
    fn sections_with_their_fields() {
        let sections = Sections::of(TEXT);
        assert_eq!(sections.titles().count(), 3);
        assert_eq!(sections.find("Z THING"), Some(&["M:\tZoe <z@x>"][..]));
        let expected = [
            ("Cy <cy@x>".to_owned(), "maintainer"),
            ("Bob <bob@x>".to_owned(), "reviewer"),
        ];
        assert_eq!(people(TEXT, "POLL SOURCES").unwrap(), expected);
        assert!(people(TEXT, "NONE").is_err());
    }

    #[test]
    fn a_section_out_of_place_and_fields_out_of_order() {
        let sorted = TEXT.replace(
            "R:\tBob <bob@x>\nM:\tCy <cy@x>\n",
            "M:\tCy <cy@x>\nR:\tBob <bob@x>\n",
        );
        let (now, sorted) = (Sections::of(TEXT), Sections::of(&sorted));
        let kinds = |now: &Sections<'_>, sorted: &Sections<'_>| -> Vec<String> {
            let found = out_of_order(now, sorted, "POLL SOURCES");
            found.into_iter().map(|finding| finding.kind).collect()
        };
        assert_eq!(kinds(&now, &sorted), ["FIELDS"]);
        assert_eq!(kinds(&now, &now), [""; 0]);
        let elsewhere = TEXT.replace("Z THING", "B THING");
        assert_eq!(kinds(&now, &Sections::of(&elsewhere)), ["ORDER"]);
    }

    #[test]
    fn patterns_name_files() {
        for (pattern, path, expected) in [
            ("drivers/a/", "drivers/a/b/c.rs", true),
            ("drivers/a.c", "drivers/a.c", true),
            ("drivers/poll*", "drivers/poll_core.rs", true),
            ("drivers/poll*", "drivers/poll/mod.rs", false),
            ("drivers/a", "drivers/ab.c", false),
            ("Documentation/*/x.rst", "Documentation/virt/x.rst", true),
        ] {
            assert_eq!(covers(pattern, path), expected, "{pattern} {path}");
        }
    }
}
