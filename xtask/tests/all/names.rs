// SPDX-License-Identifier: GPL-2.0
//! The name of a public type means one thing in all tool crates.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::common::rust_files;

/// Names that each command, or each file of a format, has.
const EVERYWHERE: [&str; 3] = ["Args", "Command", "Toml"];

#[test]
fn a_type_name_means_one_thing() {
    let xtask = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
    for file in rust_files(xtask) {
        let text = fs::read_to_string(&file).unwrap();
        let file = file.strip_prefix(xtask).unwrap();
        if file.iter().any(|part| part == "tests") {
            continue;
        }
        for name in types(&text) {
            found.entry(name).or_default().push(file.to_owned());
        }
    }
    assert!(found.contains_key("Results") && found.contains_key("Rig"));
    found.retain(|name, files| files.len() > 1 && !EVERYWHERE.contains(&name.as_str()));
    assert!(found.is_empty(), "{found:#?}");
}

/// Returns the names of the public types. Private types are not checked.
fn types(text: &str) -> Vec<String> {
    let name = |line: &str| {
        let (kind, rest) = line.strip_prefix("pub ")?.split_once(' ')?;
        let end = rest.find(|c: char| !c.is_alphanumeric())?;
        ["struct", "enum", "trait", "type", "union"]
            .contains(&kind)
            .then(|| rest[..end].to_owned())
    };
    text.lines().filter_map(name).collect()
}
