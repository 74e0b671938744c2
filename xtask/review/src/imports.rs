// SPDX-License-Identifier: GPL-2.0
//! Checks that Rust imports have one item a line, as 7.3's coding guidelines require. The same code
//! goes to all kernel lines, so this applies to all of them. rustfmt does not require it, and folds
//! a list unless its last item has an empty comment.

use anyhow::{Context, Result};

use super::Desk;
use super::finding::{Finding, Inspection};
use super::subject::Prefix;

pub fn look(desk: &Desk<'_>, commit: &Prefix) -> Result<Option<Inspection>> {
    let paths = commit.touched(&[".rs"]);
    if paths.is_empty() {
        return Ok(None);
    }
    let mut look = Inspection {
        tool: "own rules".into(),
        unit: "lines",
        ..Inspection::default()
    };
    for path in paths {
        let text = desk.file(commit, path)?;
        let text = text.with_context(|| format!("{path} does not exist"))?;
        look.done += text.lines().count();
        let finding = |line: &str| Finding::new(path, "IMPORTS", line);
        look.findings.extend(not_vertical(&text).map(finding));
    }
    Ok(Some(look))
}

/// Returns the lines of imports that do not have this form.
fn not_vertical(text: &str) -> impl Iterator<Item = &str> {
    let mut in_import = false;
    let next = text.lines().skip(1).chain([""]);
    text.lines().zip(next).filter_map(move |(line, next)| {
        let starts = ["use ", "pub use ", "pub(crate) use "];
        let starts = starts
            .iter()
            .any(|start| line.trim_start().starts_with(start));
        let is_import = in_import || starts;
        in_import = is_import && !line.ends_with(';');
        (is_import && !is_vertical(line, next)).then_some(line.trim())
    })
}

/// Returns true if an opening brace ends its line, and if the last item of a list has an empty
/// comment.
fn is_vertical(line: &str, next: &str) -> bool {
    let ends_list = next.trim_start().starts_with('}');
    match line.ends_with('{') {
        true => true,
        false if line.contains('{') => false,
        false => !ends_list || line.ends_with(", //") || line.trim_start().starts_with('}'),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_a_line_and_the_list_open() {
        let cases = [
            ("use a::b;\nlet c = A { d };\n", None),
            (
                "use a::{\n    b::{\n        c, //\n    },\n    d, //\n};\n",
                None,
            ),
            ("use a::{b, c};\n", Some("use a::{b, c};")),
            ("use a::{\n    b,\n    c,\n};\n", Some("c,")),
            (
                "use a::{\n    b::{c, d},\n    e, //\n};\n",
                Some("b::{c, d},"),
            ),
        ];
        for (text, found) in cases {
            assert!(not_vertical(text).eq(found), "{text}");
        }
    }
}
