// SPDX-License-Identifier: GPL-2.0
//! Which commit is which patch. A note says so as long as git itself rewrote
//! the commit; one that came another way is known by its subject.

use anyhow::Result;

use crate::fault;
use crate::git::Git;
use crate::series::Spec;
use crate::series::opened::{self, Commit};

/// A slug is made of so many words of the subject, at most.
const WORDS: usize = 4;

/// The slug of each commit.
pub fn slugs(git: &Git, spec: &Spec, commits: &[Commit]) -> Result<Vec<String>> {
    let notes = commits
        .iter()
        .map(|commit| opened::noted_slug(git, &commit.id));
    let known: Vec<(&str, &str)> = spec
        .patches
        .iter()
        .map(|patch| {
            let subject = patch.message.lines().next().unwrap_or_default();
            (patch.slug.as_str(), subject)
        })
        .collect();
    let subjects: Vec<&str> = commits.iter().map(Commit::subject).collect();
    let slugs = pair(&known, &subjects, &notes.collect::<Vec<_>>());
    match slugs.is_empty() {
        true => Err(fault::usage(
            "the branch has no commit on its base: a series of none cannot be",
        )),
        false => Ok(slugs),
    }
}

/// `known`: slug and subject of each patch.
fn pair(known: &[(&str, &str)], subjects: &[&str], notes: &[Option<String>]) -> Vec<String> {
    let mut slugs: Vec<Option<String>> = vec![None; subjects.len()];
    for (index, note) in notes.iter().enumerate() {
        let is_noted = |(slug, _): &&(&str, &str)| Some(*slug) == note.as_deref();
        let slug = known
            .iter()
            .find(is_noted)
            .map(|(slug, _)| (*slug).to_owned());
        // The second half of a commit that was split is a patch of its own.
        if !slugs.contains(&slug) {
            slugs[index] = slug;
        }
    }
    for (index, subject) in subjects.iter().enumerate() {
        let slug = known.iter().find(|(_, known)| known == subject);
        let slug = slug.map(|(slug, _)| (*slug).to_owned());
        if slugs[index].is_none() && !slugs.contains(&slug) {
            slugs[index] = slug;
        }
    }
    for (index, subject) in subjects.iter().enumerate() {
        if slugs[index].is_none() {
            let is_free = |slug: &String| {
                known.iter().all(|(known, _)| known != slug) && !slugs.contains(&Some(slug.clone()))
            };
            let name = slugify(subject);
            let numbered = (2..).map(|number| format!("{name}-{number}"));
            slugs[index] = [name.clone()].into_iter().chain(numbered).find(is_free);
        }
    }
    slugs.into_iter().flatten().collect()
}

/// "virtio: add the poll_source switch" is "add-the-poll-source".
fn slugify(subject: &str) -> String {
    let text = subject.rsplit_once(": ").map_or(subject, |(_, text)| text);
    let words = text
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty());
    let words: Vec<String> = words.take(WORDS).map(str::to_ascii_lowercase).collect();
    match words.is_empty() {
        true => "patch".into(),
        false => words.join("-"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_then_subjects_then_new() {
        let known = [("a", "x: do a"), ("b", "x: do b"), ("c", "x: do c")];
        let note = |slug: &str| Some(slug.to_owned());
        let cases: [(&[(&str, Option<String>)], &[&str]); 4] = [
            (
                &[("x: do b", note("b")), ("x: reworded", note("a"))],
                &["b", "a"],
            ),
            (&[("x: do c", None), ("x: do a", note("a"))], &["c", "a"]),
            // Split in two: git gives both the note.
            (
                &[("x: half", note("a")), ("x: other half", note("a"))],
                &["a", "other-half"],
            ),
            (
                &[("x: New one, of b_c", None), ("New one of b c", None)],
                &["new-one-of-b", "new-one-of-b-2"],
            ),
        ];
        for (commits, slugs) in cases {
            let (subjects, notes): (Vec<&str>, Vec<Option<String>>) =
                commits.iter().cloned().unzip();
            assert_eq!(pair(&known, &subjects, &notes), slugs);
        }
    }
}
