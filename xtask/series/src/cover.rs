// SPDX-License-Identifier: GPL-2.0
//! The cover letter's text: c-shim/messages/cover.txt with its placeholders
//! filled. A paragraph that is nothing but a placeholder for nothing goes away.
//!
//! {results}      what was measured on this very series (`results`)
//! {soaks}        how long this very series was soaked, a line each (`results`)
//! {prediction}   what the RFC's saving gains at other round trips
//! {patch:SLUG}   the number of a patch
//! {takers}       which patches would go through whose tree, a line each
//! {note}         what is said of this kernel line alone (LINE/note.txt)

use jiff::Timestamp;

use super::message;
use crate::spec::{Patch, Spec};
use measure::table::aligned;
use toolbox::fault;

/// A cover letter, but for what git adds.
#[derive(Clone, Debug)]
pub struct Cover {
    pub title: String,
    pub text: String,
    pub date: Timestamp,
}

/// What was measured.
#[derive(Debug, Default)]
pub struct Figures {
    pub results: String,
    pub soaks: String,
}

impl Cover {
    /// With the figures in place.
    pub fn new(spec: &Spec, figures: &Figures) -> anyhow::Result<Cover> {
        let text = fill(spec, figures).map_err(|reason| {
            fault::usage(format!(
                "the cover letter, c-shim/messages/cover.txt: {reason}"
            ))
        })?;
        Ok(Cover {
            title: spec.title.clone(),
            text,
            date: spec.date,
        })
    }
}

fn fill(spec: &Spec, figures: &Figures) -> Result<String, String> {
    let mut paragraphs = Vec::new();
    for paragraph in spec.cover.trim().split("\n\n") {
        let text = fill_paragraph(spec, figures, paragraph)?;
        if !text.is_empty() {
            paragraphs.push(text);
        }
    }
    let text = paragraphs.join("\n\n");
    // As in a message: it is a mail, and b4 makes a merge's message of it.
    message::check(&format!("{}\n\n{text}", spec.title))?;
    Ok(text)
}

fn fill_paragraph(spec: &Spec, figures: &Figures, text: &str) -> Result<String, String> {
    let mut filled = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(['{', '}']) {
        filled += &rest[..at];
        let inside = rest[at..]
            .strip_prefix('{')
            .and_then(|after| after.split_once('}'));
        let Some((name, after)) = inside else {
            return Err(format!(
                "a brace stands alone in {:?}",
                rest[at..].lines().next()
            ));
        };
        filled += &value(spec, figures, name)?;
        rest = after;
    }
    Ok((filled + rest).trim_matches('\n').to_owned())
}

fn value(spec: &Spec, figures: &Figures, name: &str) -> Result<String, String> {
    match name.split_once(':') {
        None if name == "results" => Ok(figures.results.trim_end().to_owned()),
        None if name == "soaks" => Ok(lines(&figures.soaks).to_owned()),
        None if name == "prediction" => Ok(aligned(&predict::tables::round_trips())),
        None if name == "takers" => Ok(takers(&spec.patches)),
        None if name == "note" => Ok(lines(&spec.note).to_owned()),
        Some(("patch", slug)) => spec
            .patches
            .iter()
            .position(|patch| patch.slug == slug)
            .map(|index| (index + 1).to_string())
            .ok_or_else(|| format!("{{{name}}}: the series has no patch {slug:?}")),
        _ => Err(format!("{{{name}}} is not a placeholder that is known")),
    }
}

/// Without blank lines around it; a list's first line stays indented.
fn lines(text: &str) -> &str {
    text.trim_end().trim_start_matches('\n')
}

/// Of a patch that names none, as a new one does.
const NO_TAKER: &str = "nobody named yet";

/// A line for each taker, in the order of their first patches.
fn takers(patches: &[Patch]) -> String {
    let mut takers: Vec<(&str, Vec<String>)> = Vec::new();
    for (number, patch) in (1..).zip(patches) {
        let taker = patch.taker.as_deref().unwrap_or(NO_TAKER);
        let number = number.to_string();
        match takers.iter_mut().find(|(name, _)| *name == taker) {
            Some((_, numbers)) => numbers.push(number),
            None => takers.push((taker, vec![number])),
        }
    }
    let line = |(taker, numbers): &(&str, Vec<String>)| format!(" - {taker}: {}", listed(numbers));
    takers.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// "patches 1, 2 and 4"
fn listed(numbers: &[String]) -> String {
    match numbers {
        [] => String::new(),
        [one] => format!("patch {one}"),
        [most @ .., last] => format!("patches {} and {last}", most.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(cover: &str) -> Spec {
        let patch = |slug: &str, taker: &str| Patch {
            slug: slug.into(),
            taker: Some(taker.into()),
            message: String::new(),
            message_file: "x.txt".into(),
            edits: Vec::new(),
            adds: Vec::new(),
        };
        Spec {
            title: "x: a series".into(),
            cover: cover.into(),
            note: String::new(),
            trailer: String::new(),
            date: "2026-11-22T12:00:00Z".parse().unwrap(),
            patches: vec![
                patch("first", "cpuidle"),
                patch("second", "softirq"),
                patch("third", "cpuidle"),
            ],
        }
    }

    #[test]
    fn placeholders_are_filled() {
        let spec = spec(
            "Why.\n\n{note}\n\nSee {patch:third}, {patch:first}:\n{takers}\n\n{results}\n\n\
             Soaks:\n{soaks}\n",
        );
        let figures = Figures {
            results: "1.20 [1.10, 1.30]\n".into(),
            soaks: " - KASAN: 10 minutes\n".into(),
        };
        let text = fill(&spec, &figures).unwrap();
        assert_eq!(
            text,
            "Why.\n\nSee 3, 1:\n - cpuidle: patches 1 and 3\n - softirq: patch 2\n\n\
             1.20 [1.10, 1.30]\n\nSoaks:\n - KASAN: 10 minutes"
        );
    }

    #[test]
    fn a_new_patch_has_no_taker_yet() {
        let mut spec = spec("{takers}");
        spec.patches[1].taker = None;
        let text = fill(&spec, &Figures::default()).unwrap();
        assert_eq!(
            text,
            " - cpuidle: patches 1 and 3\n - nobody named yet: patch 2"
        );
    }

    #[test]
    fn what_cannot_be_filled_is_an_error() {
        let cases = [
            ("{result}", "{result} is not a placeholder"),
            ("{patch:fourth}", "no patch \"fourth\""),
            ("*** BLURB {HERE} ***", "{HERE}"),
            ("a { b", "stands alone"),
            ("a } b {results}", "stands alone"),
            ("one\n---\ntwo", "`---`"),
            ("From: me\n\nhello", "`From:`"),
        ];
        for (cover, reason) in cases {
            let refused = fill(&spec(cover), &Figures::default()).expect_err(cover);
            assert!(refused.contains(reason), "{cover:?}: {refused}");
        }
    }

    #[test]
    fn a_note_on_one_line_alone_is_told() {
        let mut spec = spec("Why.\n\n{note}");
        spec.note = "Not for stable.\n".into();
        assert_eq!(
            fill(&spec, &Figures::default()).unwrap(),
            "Why.\n\nNot for stable."
        );
    }
}
