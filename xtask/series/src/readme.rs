// SPDX-License-Identifier: GPL-2.0
//! The generated blocks of README.md and of the page of results. Each block is between two
//! comments; the first one says how to renew it. `results/page.rs` makes the contents. The text
//! around the blocks is written by hand.

use std::path::Path;

use anyhow::Result;
use fs_err as fs;

use crate::results::page::{self, Blocks, Tips};
use toolbox::fault;

/// A function that makes the blocks of a page.
type Source = fn(&Path, &Tips) -> Result<Blocks>;

/// The pages that have generated blocks.
const PAGES: [(&str, Source); 2] = [
    ("README.md", page::overview),
    ("c-shim/results/README.md", page::figures),
];
const START: &str = "<!-- generated: ";

fn first_line(name: &str) -> String {
    format!("{START}{name}; `cargo xtask gen-patches` renews it, do not edit -->")
}

fn last_line(name: &str) -> String {
    format!("<!-- end: {name} -->")
}

/// A page of which a block is not what would be written.
struct Stale {
    page: &'static str,
    old: String,
    new: String,
}

/// Renews the blocks of all pages.
pub fn write(root: &Path, tips: &Tips) -> Result<()> {
    for Stale { page, new, .. } in stale(root, tips)? {
        fs::write(root.join(page), new)?;
    }
    Ok(())
}

/// Fails if a block is not what would be written.
pub fn check(root: &Path, tips: &Tips) -> Result<()> {
    let Some(Stale { page, old, new }) = stale(root, tips)?.into_iter().next() else {
        return Ok(());
    };
    let differs = old.lines().zip(new.lines()).find(|(old, new)| old != new);
    let (old, new) = differs.unwrap_or(("(only the number of lines differs)", ""));
    Err(fault::test_failed(format!(
        "{page} is stale; `cargo xtask gen-patches` renews it:\n  - {old}\n  + {new}"
    )))
}

/// Returns the pages with only their blocks, for tests.
pub fn bare(root: &Path) -> Result<Vec<(&'static str, String)>> {
    let bare = |(page, source): (&'static str, Source)| {
        let blocks = source(root, &Tips::new())?;
        let frames = blocks
            .iter()
            .map(|(name, _)| format!("{}\n{}\n", first_line(name), last_line(name)));
        let text = renewed(&frames.collect::<String>(), &blocks).map_err(fault::usage)?;
        Ok((page, text))
    };
    PAGES.into_iter().map(bare).collect()
}

/// Returns the stale pages, as they are and as they should be.
fn stale(root: &Path, tips: &Tips) -> Result<Vec<Stale>> {
    let mut stale = Vec::new();
    for (page, source) in PAGES {
        let path = root.join(page);
        let old = fs::read_to_string(&path)
            .map_err(|err| fault::usage(format!("{}: {err}", path.display())))?;
        let new = renewed(&old, &source(root, tips)?)
            .map_err(|reason| fault::usage(format!("{page}: {reason}")))?;
        if old != new {
            stale.push(Stale { page, old, new });
        }
    }
    Ok(stale)
}

fn renewed(text: &str, blocks: &[(&str, String)]) -> Result<String, String> {
    let mut text = text.to_owned();
    for (name, content) in blocks {
        let (first, last) = (first_line(name), last_line(name));
        let before = once(&text, &first)? + first.len();
        let after = once(&text, &last)?;
        if after < before {
            return Err(format!("`{last}` comes before the start of its block"));
        }
        text.replace_range(before..after, &format!("\n\n{}\n\n", content.trim_end()));
    }
    match text.matches(START).count() == blocks.len() {
        true => Ok(text),
        false => Err(format!(
            "more blocks begin with `{START}` than are generated"
        )),
    }
}

/// Returns the position of `mark` in `text`. Fails unless `mark` occurs exactly once.
fn once(text: &str, mark: &str) -> Result<usize, String> {
    match text.match_indices(mark).collect::<Vec<_>>()[..] {
        [(at, _)] => Ok(at),
        [] => Err(format!("there is no line `{mark}`")),
        _ => Err(format!("the line `{mark}` occurs more than once")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gen_patches;
    use toolbox::place::Place;

    #[test]
    fn readme_shows_the_results_that_are_there() {
        let place = Place::find().unwrap();
        check(&place.root, &gen_patches::tips(&place).unwrap()).unwrap();
    }

    #[test]
    fn a_block_that_is_not_there_or_not_known_is_an_error() {
        let blocks = [("one", "1.0\n".to_owned())];
        let good = format!("a\n{}\nold\n{}\nb\n", first_line("one"), last_line("one"));
        let new = renewed(&good, &blocks).unwrap();
        assert!(
            new.contains("-->\n\n1.0\n\n<!--") && new.starts_with("a\n") && new.ends_with("b\n")
        );
        let cases = [
            ("nothing".to_owned(), "there is no line"),
            (first_line("one"), "there is no line `<!-- end: one -->`"),
            (good.clone() + &good, "occurs more than once"),
            (
                format!("{}\n{}", last_line("one"), first_line("one")),
                "comes before",
            ),
            (good + &first_line("two"), "more blocks begin"),
        ];
        for (text, reason) in cases {
            let refused = renewed(&text, &blocks).unwrap_err();
            assert!(refused.contains(reason), "{refused}");
        }
    }
}
