// SPDX-License-Identifier: GPL-2.0
//! Makes the text of the cover letter: fills the placeholders of c-shim/messages/cover.txt. A
//! paragraph that has only placeholders, all of them empty, is left out.
//!
//! {results}      results measured on exactly this series (`results`)
//! {soaks}        soaks of exactly this series and their length, one a line (`results`)
//! {prediction}   the gain that the RFC's saving means for other round trips
//! {patch:SLUG}   number of a patch
//! {takers}       which patches would go through which tree, one tree a line
//! {note}         text for this kernel line only (LINE/note.txt)

use super::message;
use crate::results::Figures;
use crate::spec::{Patch, Spec};
use measure::table::aligned;
use toolbox::fault;

/// Returns the text below the title. Fails if a placeholder is unknown, or if the text is not fit
/// for a message.
pub fn text(spec: &Spec, figures: &Figures) -> anyhow::Result<String> {
    fill(spec, figures).map_err(|reason| {
        fault::usage(format!(
            "the cover letter, c-shim/messages/cover.txt: {reason}"
        ))
    })
}

fn fill(spec: &Spec, figures: &Figures) -> Result<String, String> {
    let values = values(spec, figures);
    let filled = |text: &str, value: fn(&str) -> &str| {
        let fill = |text: String, (name, by): &(String, String)| text.replace(name, value(by));
        values.iter().fold(text.to_owned(), fill)
    };
    let rest = filled(&spec.cover, |_| "");
    if let Some(line) = rest.lines().find(|line| line.contains(['{', '}'])) {
        return Err(format!("a brace or an unknown placeholder in {line:?}"));
    }
    let paragraphs = spec.cover.trim().split("\n\n");
    let paragraphs = paragraphs.map(|text| filled(text, |value| value));
    let paragraphs = paragraphs.map(|text| text.trim_matches('\n').to_owned());
    let paragraphs: Vec<String> = paragraphs.filter(|text| !text.is_empty()).collect();
    let text = paragraphs.join("\n\n");
    // The rules for messages hold here too: it is a mail, and b4 makes a merge's message from it.
    message::check(&format!("{}\n\n{text}", spec.title))?;
    Ok(text)
}

/// Returns each placeholder with the text that replaces it.
fn values(spec: &Spec, figures: &Figures) -> Vec<(String, String)> {
    let patches = (1..).zip(&spec.patches);
    let numbers =
        patches.map(|(at, patch): (usize, _)| (format!("patch:{}", patch.slug), at.to_string()));
    let texts = [
        ("results", figures.results.trim_end().to_owned()),
        ("soaks", lines(&figures.soaks).to_owned()),
        ("prediction", aligned(&predict::tables::round_trips())),
        ("takers", takers(&spec.patches)),
        ("note", lines(&spec.note).to_owned()),
    ];
    let texts = texts.map(|(name, text)| (name.to_owned(), text));
    let all = numbers.chain(texts);
    all.map(|(name, value)| (format!("{{{name}}}"), value))
        .collect()
}

/// Returns the text without blank lines around it. The first line stays indented, as in a list.
fn lines(text: &str) -> &str {
    text.trim_end().trim_start_matches('\n')
}

/// Stands for the taker of a patch that names none, for example a new patch.
const NO_TAKER: &str = "nobody named yet";

/// Returns one line for each taker, in the order of their first patches.
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

/// Lists numbers of patches: "patches 1, 2 and 4".
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
        let mut spec = spec(
            "Why.\n\n{note}\n\nSee {patch:third}, {patch:first}:\n{takers}\n\n{results}\n\n\
             Soaks:\n{soaks}\n",
        );
        let figures = Figures {
            results: "1.20 [1.10, 1.30]\n".into(),
            soaks: " - KASAN: 10 minutes\n".into(),
            lacking: Vec::new(),
        };
        let text = fill(&spec, &figures).unwrap();
        assert_eq!(
            text,
            "Why.\n\nSee 3, 1:\n - cpuidle: patches 1 and 3\n - softirq: patch 2\n\n\
             1.20 [1.10, 1.30]\n\nSoaks:\n - KASAN: 10 minutes"
        );
        spec.note = "Not for stable.\n".into();
        // A new patch names no taker.
        spec.patches[1].taker = None;
        let text = fill(&spec, &figures).unwrap();
        assert!(text.starts_with("Why.\n\nNot for stable.\n\nSee"), "{text}");
        assert!(text.contains(" - nobody named yet: patch 2\n"), "{text}");
    }

    #[test]
    fn what_cannot_be_filled_is_an_error() {
        let cases = [
            ("{result}", "{result}"),
            ("{patch:fourth}", "{patch:fourth}"),
            ("*** BLURB {HERE} ***", "{HERE}"),
            ("a { b", "a { b"),
            ("a } b {results}", "a } b"),
            ("one\n---\ntwo", "`---`"),
        ];
        for (cover, reason) in cases {
            let refused = fill(&spec(cover), &Figures::default()).expect_err(cover);
            assert!(refused.contains(reason), "{cover:?}: {refused}");
        }
    }
}
