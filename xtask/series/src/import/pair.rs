// SPDX-License-Identifier: GPL-2.0
//! Finds out which commit is which patch. A commit's note says so as long as git itself rewrote the
//! commit. Any other commit is recognised by its subject or by its diff.

use anyhow::Result;

use crate::opened::{Commit, Opened};
use crate::spec::Spec;
use toolbox::git::Git;
use toolbox::run;

/// Maximum number of words of the subject in a slug.
const WORDS: usize = 4;

/// The marks by which a commit is recognised.
struct Marks {
    note: Option<String>,
    subject: String,
    /// The diff's hash from git patch-id.
    diff: String,
}

/// Returns the slug of each of the `commits` of an opened tree. `before` are the commits of `spec`.
pub fn slugs(
    opened: &Opened,
    spec: &Spec,
    git: &Git,
    before: &[Commit],
    commits: &[Commit],
) -> Result<Vec<String>> {
    let marks = |commit: &Commit, note: Option<String>| {
        Ok(Marks {
            note,
            subject: commit.subject().to_owned(),
            diff: patch_id(git, commit)?,
        })
    };
    let known = before.iter().zip(&spec.patches);
    let known = known.map(|(commit, patch)| marks(commit, Some(patch.slug.clone())));
    let commits = commits
        .iter()
        .map(|commit| marks(commit, opened.noted_slug(commit)));
    Ok(pair(
        &known.collect::<Result<Vec<_>>>()?,
        &commits.collect::<Result<Vec<_>>>()?,
    ))
}

fn patch_id(git: &Git, commit: &Commit) -> Result<String> {
    let diff = git.read(["diff-tree", "-p", &commit.id])?;
    run::read(git.cmd(["patch-id", "--stable"]).stdin(diff + "\n"))
        .map(|text| text.split(' ').next().unwrap_or_default().to_owned())
}

fn pair(known: &[Marks], commits: &[Marks]) -> Vec<String> {
    let same: [fn(&Marks, &Marks) -> bool; 3] = [
        |a, b| a.note == b.note,
        |a, b| a.subject == b.subject,
        |a, b| a.diff == b.diff,
    ];
    let mut slugs: Vec<Option<String>> = vec![None; commits.len()];
    for same in same {
        for (index, commit) in commits.iter().enumerate() {
            let slug = known.iter().find(|known| same(known, commit));
            let slug = slug.and_then(|known| known.note.clone());
            // If a commit was split in two, the second half is a new patch.
            if slugs[index].is_none() && !slugs.contains(&slug) {
                slugs[index] = slug;
            }
        }
    }
    for (index, commit) in commits.iter().enumerate() {
        if slugs[index].is_none() {
            let is_free = |slug: &String| {
                let slug = Some(slug.clone());
                known.iter().all(|known| known.note != slug) && !slugs.contains(&slug)
            };
            let name = slugify(&commit.subject);
            let numbered = (2..).map(|number| format!("{name}-{number}"));
            slugs[index] = [name.clone()].into_iter().chain(numbered).find(is_free);
        }
    }
    slugs.into_iter().flatten().collect()
}

/// Makes a slug of a subject: "virtio: add the poll_source switch" gives "add-the-poll-source".
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
    fn notes_then_subjects_then_diffs_then_new() {
        let mark = |note: &str, subject: &str, diff: &str| Marks {
            note: Some(note.to_owned()).filter(|note| !note.is_empty()),
            subject: subject.into(),
            diff: diff.into(),
        };
        let known = [
            mark("a", "x: do a", "1"),
            mark("b", "x: do b", "2"),
            mark("c", "x: do c", "3"),
        ];
        let cases = [
            // Reordered; one of the commits is also reworded and changed.
            (
                [mark("b", "x: do b", "2"), mark("a", "x: new", "4")],
                ["b", "a"],
            ),
            // Picked from another tree: no notes.
            (
                [mark("", "x: do c", "4"), mark("", "x: new", "1")],
                ["c", "a"],
            ),
            // Split in two: git copies the note to both halves.
            (
                [mark("a", "x: half", "5"), mark("a", "x: other half", "6")],
                ["a", "other-half"],
            ),
            (
                [
                    mark("", "x: New one, of b_c", "7"),
                    mark("", "New one of b c", "8"),
                ],
                ["new-one-of-b", "new-one-of-b-2"],
            ),
        ];
        for (commits, slugs) in cases {
            assert_eq!(pair(&known, &commits), slugs);
        }
    }
}
