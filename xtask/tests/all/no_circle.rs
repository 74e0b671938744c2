// SPDX-License-Identifier: GPL-2.0
//! The folders of a tool crate do not import each other in a circle. Between crates cargo ensures
//! that. Within a crate this test reads the paths that begin with `crate::` or `super::`.
//!
//! A folder here is a module's file together with the folder of its name. At each level the folders
//! are compared with each other and with the plain files beside them, which count as one. The file
//! above them puts them together, so it may use each of them and be used by each.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use crate::common::rust_files;

/// The folders that each folder imports, and a file that does so: by level, then by folder.
type Imports = BTreeMap<PathBuf, BTreeMap<String, BTreeMap<String, String>>>;

/// The name that stands for the plain files of a level.
const FILES: &str = ".";

#[test]
fn tool_crates_have_no_circle() {
    let xtask = Path::new(env!("CARGO_MANIFEST_DIR"));
    let crates = fs::read_dir(xtask)
        .unwrap()
        .map(|entry| entry.unwrap().path().join("src"));
    let crates: Vec<PathBuf> = crates.filter(|src| src.is_dir()).collect();
    assert!(crates.len() >= 8, "{crates:?}");
    for src in crates.into_iter().chain([xtask.join("src")]) {
        assert_eq!(circles(&src), [""; 0], "{}", src.display());
    }
}

#[test]
fn a_circle_is_found() {
    let dir = tempfile::tempdir().unwrap();
    let write = |path: &str, text: &str| {
        let path = dir.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    write("lib.rs", "mod a;\nmod b;\nmod c;\nuse a::x;\n");
    write("a.rs", "mod one;\nuse crate::c;\n");
    write(
        "a/one.rs",
        "use super::super::b::{\n    self,\n    two::Two,\n};\n",
    );
    write("b.rs", "mod two;\n");
    write(
        "b/two.rs",
        "// use crate::a::no;\nfn f() {}\n\nmod tests {\n    use crate::a::no;\n}\n",
    );
    write("c.rs", "use crate::Root;\n");
    assert_eq!(circles(dir.path()), [""; 0]);
    write("b/two.rs", "fn f() { crate::a::one::g() }\n");
    let found = circles(dir.path());
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(
        found[0].contains("a/one.rs") && found[0].contains("b/two.rs"),
        "{found:?}"
    );
    write("b/two.rs", "pub(crate) use crate::c::x;\n");
    assert_eq!(circles(dir.path()), [""; 0]);
    write("c.rs", "use crate::{Root, b::two};\n");
    assert_eq!(circles(dir.path()).len(), 1, "plain files count as one");
}

/// Returns the levels that have a circle. Folders that import none of the others are removed
/// repeatedly. The imports that remain are reported with the level.
fn circles(src: &Path) -> Vec<String> {
    let mut imports = Imports::new();
    for file in rust_files(src) {
        read(src, &file, &mut imports);
    }
    let mut found = Vec::new();
    for (level, mut folders) in imports {
        loop {
            let left: BTreeSet<String> = folders.keys().cloned().collect();
            folders.retain(|_, imported| {
                imported.retain(|name, _| left.contains(name));
                !imported.is_empty()
            });
            if folders.len() == left.len() {
                break;
            }
        }
        if !folders.is_empty() {
            found.push(format!("{}: {folders:#?}", level.display()));
        }
    }
    found
}

/// Adds the imports of one file to `imports`.
fn read(src: &Path, file: &Path, imports: &mut Imports) {
    let own = module(src, file);
    let text = fs::read_to_string(file).unwrap();
    // Tests may import anything.
    let code = text.split("\nmod tests {").next().unwrap_or_default();
    let lines = code
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"));
    let code: String = lines.map(|line| format!("{line}\n")).collect();
    for path in paths(&code, &own) {
        let level = own.iter().zip(&path).take_while(|(a, b)| a == b).count();
        let (Some(from), Some(to)) = (own.get(level), path.get(level)) else {
            continue;
        };
        let dir: PathBuf = own[..level].iter().collect();
        let node = |name: &String| {
            let path = src.join(&dir).join(name);
            match (path.is_dir(), path.with_extension("rs").is_file()) {
                (true, _) => Some(name.clone()),
                (false, true) => Some(FILES.to_owned()),
                // An item of the file above.
                (false, false) => None,
            }
        };
        let (Some(from), Some(to)) = (node(from), node(to)) else {
            continue;
        };
        if from != to {
            let place = file.strip_prefix(src).unwrap().display().to_string();
            let folder = imports.entry(dir).or_default().entry(from).or_default();
            folder.entry(to).or_insert(place);
        }
    }
}

/// Returns "a", "b" for a/b.rs, and nothing for lib.rs and main.rs.
fn module(src: &Path, file: &Path) -> Vec<String> {
    let path = file.strip_prefix(src).unwrap().with_extension("");
    let parts = path.iter().map(|part| part.to_string_lossy().into_owned());
    let mut parts: Vec<String> = parts.collect();
    if ["lib", "main"].contains(&parts[0].as_str()) {
        parts.clear();
    }
    parts
}

/// Returns every path that the code names from the root of the crate, or from the module above.
fn paths(code: &str, own: &[String]) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    for root in ["crate::", "super::"] {
        for (at, _) in code.match_indices(root) {
            let before = code[..at].chars().next_back();
            if before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':') {
                continue;
            }
            let base = match root {
                "crate::" => Vec::new(),
                _ => own[..own.len().saturating_sub(1)].to_vec(),
            };
            expand(&code[at + root.len()..], base, &mut found);
        }
    }
    found
}

/// Reads the rest of a path, which is a name or several in braces, and adds the whole paths to
/// `found`.
fn expand(rest: &str, mut base: Vec<String>, found: &mut Vec<Vec<String>>) {
    if let Some(inside) = rest.strip_prefix('{') {
        for part in parts(inside) {
            expand(part.trim(), base.clone(), found);
        }
        return;
    }
    let end = rest
        .find(|c: char| !(c.is_alphanumeric() || c == '_'))
        .unwrap_or(rest.len());
    match &rest[..end] {
        "" | "self" => {}
        "super" => drop(base.pop()),
        name => base.push(name.to_owned()),
    }
    match rest[end..].strip_prefix("::") {
        Some(more) => expand(more, base, found),
        None => found.push(base),
    }
}

/// Returns the parts between commas, up to the closing brace.
fn parts(inside: &str) -> Vec<&str> {
    let (mut depth, mut start) = (0, 0);
    let mut found = Vec::new();
    for (at, c) in inside.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => {
                found.push(&inside[start..at]);
                return found;
            }
            '}' => depth -= 1,
            ',' if depth == 0 => {
                found.push(&inside[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    found
}
