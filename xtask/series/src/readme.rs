// SPDX-License-Identifier: GPL-2.0
//! The generated blocks of README.md and of the page of results. Each block is between two
//! comments; the first one says how to renew it. `results/page.rs` makes the contents. The text
//! around the blocks is written by hand.

use std::path::Path;

use anyhow::Result;
use fs_err as fs;

use crate::results::page::{self, Tips};
use toolbox::fault;

const START: &str = "<!-- generated: ";

fn first_line(name: &str) -> String {
    format!("{START}{name}; `cargo xtask gen-patches` renews it, do not edit -->")
}

fn last_line(name: &str) -> String {
    format!("<!-- end: {name} -->")
}

/// Renews the blocks of all pages. With `check`, writes nothing, and fails if a block is not what
/// would be written.
pub fn renew(root: &Path, tips: &Tips, check: bool) -> Result<()> {
    for (page, blocks) in [
        ("README.md", page::overview(root, tips)?),
        ("c-shim/results/README.md", page::figures(root, tips)?),
    ] {
        let path = root.join(page);
        let old = fs::read_to_string(&path)
            .map_err(|err| fault::usage(format!("{}: {err}", path.display())))?;
        let new =
            renewed(&old, &blocks).map_err(|reason| fault::usage(format!("{page}: {reason}")))?;
        if old == new {
            continue;
        }
        if check {
            let differs = old.lines().zip(new.lines()).find(|(old, new)| old != new);
            let (old, new) = differs.unwrap_or(("(only the number of lines differs)", ""));
            return Err(fault::test_failed(format!(
                "{page} is stale; `cargo xtask gen-patches` renews it:\n  - {old}\n  + {new}"
            )));
        }
        fs::write(&path, new)?;
    }
    Ok(())
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
        renew(&place.root, &gen_patches::tips(&place).unwrap(), true).unwrap();
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
