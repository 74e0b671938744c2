// SPDX-License-Identifier: GPL-2.0
//! What reviewers of Rust ask for and checkpatch does not see. Line by line:
//! the code is rustfmt's already, by another reviewer.

use anyhow::{Context, Result};

use super::finding::{Finding, Inspection};
use super::subject::Prefix;
use super::{Desk, Reviewer};

/// Calls that end in a panic.
const PANICS: [&str; 8] = [
    ".unwrap()",
    ".expect(",
    "panic!(",
    "todo!(",
    "unimplemented!(",
    "unreachable!(",
    "dbg!(",
    "println!(",
];
const GUIDELINES: &str = "Documentation/rust/coding-guidelines.rst";

pub struct RustLint;

impl Reviewer for RustLint {
    fn look(&mut self, desk: &Desk<'_>, commit: &Prefix) -> Result<Option<Inspection>> {
        let paths = commit.touched(&[".rs"]);
        if paths.is_empty() {
            return Ok(None);
        }
        // Not all lines ask for it, and what is written for one is for all.
        let guidelines = desk.subject.file(commit, GUIDELINES)?;
        let vertical = guidelines.is_some_and(|text| text.contains("vertical layout"));
        let mut look = Inspection {
            tool: match vertical {
                true => "own rules, vertical imports".into(),
                false => "own rules".into(),
            },
            unit: "lines",
            ..Inspection::default()
        };
        for path in paths {
            let text = desk.subject.file(commit, path)?;
            let text = text.with_context(|| format!("{path} is not there"))?;
            look.done += text.lines().count();
            look.findings
                .extend(lint(&text, vertical).into_iter().map(|(line, kind, text)| {
                    Finding::new(path, kind, format!("line {line}: {text}"))
                }));
        }
        Ok(Some(look))
    }
}

/// Number of the line, rule, what is there.
pub type LintFault = (usize, &'static str, String);

pub fn lint(text: &str, vertical: bool) -> Vec<LintFault> {
    let lines: Vec<&str> = text.lines().collect();
    let mut faults = Vec::new();
    let mut tell =
        |at: usize, kind, line: &str| faults.push((at + 1, kind, line.trim().to_owned()));
    if !lines
        .first()
        .is_some_and(|line| line.starts_with("// SPDX-License-Identifier: "))
    {
        tell(0, "SPDX", lines.first().unwrap_or(&""));
    }
    // Tests may panic; they are last in a file.
    let tests = lines
        .iter()
        .position(|line| is_tests(line))
        .unwrap_or(lines.len());
    let mut import = None;
    for (at, line) in lines.iter().enumerate() {
        if line.contains('\t') {
            tell(at, "TAB", line);
        }
        if line.trim_end() != *line {
            tell(at, "TRAILING_SPACE", line);
        }
        let code = code(line);
        let code = code.trim();
        if (code.contains("unsafe {") || code.starts_with("unsafe impl"))
            && !comment_above(&lines, at).contains("SAFETY:")
        {
            tell(at, "SAFETY", line);
        }
        if is_unsafe_fn(code) && !comment_above(&lines, at).contains("# Safety") {
            tell(at, "SAFETY_DOC", line);
        }
        if at < tests && PANICS.iter().any(|call| code.contains(call)) {
            tell(at, "PANIC", line);
        }
        if at < tests && indexes(code) {
            tell(at, "INDEX", line);
        }
        if vertical {
            let starts = ["use ", "pub use ", "pub(crate) use "];
            if starts.iter().any(|start| code.starts_with(start)) {
                import = Some(at);
            }
            if import.is_some() && !is_vertical(line, lines.get(at + 1).unwrap_or(&"")) {
                tell(at, "IMPORTS", line);
            }
            if code.ends_with(';') {
                import = None;
            }
        }
    }
    faults
}

fn is_tests(line: &str) -> bool {
    let line = line.trim();
    line.starts_with("#[cfg(test)]") || line.starts_with("#[kunit_tests(")
}

/// The line without its comment and without what is in its strings.
fn code(line: &str) -> String {
    let mut code = String::new();
    let mut in_string = false;
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\\' if in_string => {
                chars.next();
            }
            '"' => {
                in_string = !in_string;
                code.push('"');
            }
            '/' if !in_string && chars.peek() == Some(&'/') => break,
            _ if in_string => {}
            c => code.push(c),
        }
    }
    code
}

/// The comment over the statement or item that line `at` is part of.
fn comment_above(lines: &[&str], at: usize) -> String {
    let is_comment = |line: &str| line.trim_start().starts_with("//");
    let is_attribute = |line: &str| line.trim_start().starts_with("#[");
    let mut first = at;
    // The statement's earlier lines.
    while first > 0 {
        let above = lines[first - 1];
        let ends = code(above);
        let ends = ends.trim_end();
        if is_comment(above) || ends.is_empty() || ends.ends_with([';', '{', '}', ',']) {
            break;
        }
        first -= 1;
    }
    let above = lines[..first].iter().rev();
    above
        .take_while(|line| is_comment(line) || is_attribute(line))
        .copied()
        .collect()
}

/// Its definition, not a type: `unsafe fn name(`, `unsafe extern "C" fn name(`.
fn is_unsafe_fn(code: &str) -> bool {
    let Some((_, rest)) = code.split_once("unsafe ") else {
        return false;
    };
    let rest = rest.strip_prefix("extern \"\" ").unwrap_or(rest);
    rest.strip_prefix("fn ")
        .is_some_and(|name| name.starts_with(|c: char| c.is_alphabetic() || c == '_'))
}

/// `a[i]`: a name or a closing bracket, then an index that is no number.
fn indexes(code: &str) -> bool {
    if code.starts_with("#[") || code.starts_with("#![") {
        return false;
    }
    code.match_indices('[').any(|(at, _)| {
        let before = code[..at].chars().next_back();
        let index = code[at + 1..].split(']').next().unwrap_or_default();
        let is_number = !index.is_empty() && index.chars().all(|c| c.is_ascii_digit());
        before.is_some_and(|c| c.is_alphanumeric() || "_)]".contains(c)) && !is_number
    })
}

/// A brace ends its line, and the last of a list has an empty comment.
fn is_vertical(line: &str, next: &str) -> bool {
    let code = code(line);
    let code = code.trim_end();
    if code.contains('{') && !code.ends_with('{') {
        return false;
    }
    let closes = next.trim_start().starts_with('}');
    !closes
        || code.ends_with('{')
        || line.trim_end().ends_with(", //")
        || code.trim_start().starts_with('}')
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPDX: &str = "// SPDX-License-Identifier: GPL-2.0\n";

    fn kinds(body: &str) -> Vec<&'static str> {
        let faults = lint(&format!("{SPDX}{body}"), true);
        faults.into_iter().map(|(_, kind, _)| kind).collect()
    }

    #[test]
    fn each_rule_finds_its_own() {
        let cases = [
            ("\tlet a = 1;\n", "TAB"),
            ("let a = 1; \n", "TRAILING_SPACE"),
            ("let a = unsafe { f() };\n", "SAFETY"),
            ("// A comment that is none.\nunsafe { f() }\n", "SAFETY"),
            (
                "// SAFETY: for another.\ng();\nlet a =\n    unsafe { f() };\n",
                "SAFETY",
            ),
            ("unsafe impl Send for A {}\n", "SAFETY"),
            ("/// Docs.\npub unsafe fn f() {}\n", "SAFETY_DOC"),
            ("unsafe extern \"C\" fn f() {}\n", "SAFETY_DOC"),
            ("a.unwrap();\n", "PANIC"),
            ("a.expect(\"x\");\n", "PANIC"),
            ("todo!()\n", "PANIC"),
            ("let b = a[i];\n", "INDEX"),
            ("let b = f(x)[i + 1];\n", "INDEX"),
            ("use a::{b, c};\n", "IMPORTS"),
            ("use a::{\n    b,\n    c,\n};\n", "IMPORTS"),
            ("use a::{\n    b::{c, d},\n    e, //\n};\n", "IMPORTS"),
        ];
        for (body, kind) in cases {
            assert_eq!(kinds(body), [kind], "{body}");
        }
        assert_eq!(lint("fn f() {}\n", true)[0].1, "SPDX");
    }

    #[test]
    fn what_is_right_passes() {
        let good = [
            "// SAFETY: it is.\nunsafe { f() }\n",
            "// SAFETY: it is,\n// in two lines.\n#[allow(x)]\nlet a =\n    unsafe { f() };\n",
            "/// # Safety\n///\n/// Once.\n#[export]\npub unsafe extern \"C\" fn f() {}\n",
            "type F = unsafe fn(u8);\n",
            "// a.unwrap() is what not to do\nlet s = \"panic!(\";\n",
            "#[cfg(test)]\nmod tests {\n    a.unwrap();\n}\n",
            "let a: [u8; N] = [0; N];\nlet b = a[0];\n#[derive(A)]\nlet c: &[u8] = &d;\n",
            "use a::b;\nuse a::{\n    b,\n    c, //\n};\nuse a::{\n    b::{\n        c, //\n    },\n    d, //\n};\n",
        ];
        for body in good {
            assert_eq!(kinds(body), [""; 0], "{body}");
        }
    }

    #[test]
    fn vertical_imports_only_where_the_tree_asks() {
        assert!(lint(&format!("{SPDX}use a::{{b, c}};\n"), false).is_empty());
    }
}
