// SPDX-License-Identifier: GPL-2.0
//! Writes series.toml: patches in a new order or with other files, new patches, dropped patches.
//! The comments of patches that stay are kept.

use std::path::Path;

use anyhow::{Context, Result};
use fs_err as fs;
use toml_edit::{Array, ArrayOfTables, DocumentMut, Item, Table, value};

use crate::spec::{CORE_ROOT, Patch, in_core};

/// Maximum length of a list and its key on one line. A longer list has one item on each line.
const WIDTH: usize = 88;

/// One `[[patch]]` of series.toml.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PatchEntry {
    pub slug: String,
    /// Names of edits.
    pub edits: Vec<String>,
    /// Kernel paths of new files, including the core's.
    pub adds: Vec<String>,
}

impl PatchEntry {
    pub fn of(patch: &Patch) -> PatchEntry {
        PatchEntry {
            slug: patch.slug.clone(),
            edits: patch.edits.iter().map(|edit| edit_name(edit)).collect(),
            adds: patch.adds.iter().map(|add| add.to.clone()).collect(),
        }
    }

    /// Updates the patch's table. Entries that are up to date stay untouched.
    fn write(&self, table: &mut Table) {
        let is_file = |path: &&String| *path != CORE_ROOT && in_core(path).is_none();
        let files: Vec<String> = self.adds.iter().filter(is_file).cloned().collect();
        let core = self.adds.iter().filter_map(|path| in_core(path));
        let core: Vec<String> = core.map(str::to_owned).collect();
        set(table, "edits", &self.edits);
        set(table, "files", &files);
        set(table, "core", &core);
        let has_root = self.adds.iter().any(|path| path == CORE_ROOT);
        match (has_root, table.contains_key("core_root")) {
            (true, false) => table["core_root"] = value(true),
            (false, true) => drop(table.remove("core_root")),
            _ => {}
        }
    }
}

/// Returns the name by which series.toml knows an edit.
pub fn edit_name(edit: &Path) -> String {
    edit.file_stem().unwrap_or_default().display().to_string()
}

/// Makes `entries` the patches of the series.toml at `path`.
pub fn write(path: &Path, entries: &[PatchEntry]) -> Result<()> {
    let text = fs::read_to_string(path)?;
    let new = rewrite(&text, entries).with_context(|| format!("reading {}", path.display()))?;
    Ok(fs::write(path, new)?)
}

pub fn rewrite(text: &str, entries: &[PatchEntry]) -> Result<String> {
    let mut doc: DocumentMut = text.parse()?;
    let old = doc["patch"]
        .as_array_of_tables()
        .context("there is no [[patch]]")?
        .clone();
    let first = old.iter().find_map(Table::position).unwrap_or(0);
    let mut tables = ArrayOfTables::new();
    for (position, entry) in (first..).zip(entries) {
        let slug = |table: &&Table| table.get("slug").and_then(Item::as_str) == Some(&entry.slug);
        let mut table = old.iter().find(slug).cloned().unwrap_or_else(|| {
            let mut table = Table::new();
            table["slug"] = value(&entry.slug);
            table.decor_mut().set_prefix("\n");
            table
        });
        entry.write(&mut table);
        // toml_edit writes tables in the order of the positions where they were read.
        table.set_position(position);
        tables.push(table);
    }
    doc["patch"] = Item::ArrayOfTables(tables);
    Ok(doc.to_string())
}

fn set(table: &mut Table, key: &str, values: &[String]) {
    let is = table.get(key).and_then(Item::as_array);
    let is: Vec<&str> = is
        .into_iter()
        .flatten()
        .filter_map(|value| value.as_str())
        .collect();
    if is == values {
        return;
    }
    if values.is_empty() {
        table.remove(key);
        return;
    }
    let mut array: Array = values.iter().collect();
    if array.to_string().len() + key.len() > WIDTH {
        for value in array.iter_mut() {
            value.decor_mut().set_prefix("\n    ");
        }
        array.set_trailing("\n");
        array.set_trailing_comma(true);
    }
    table[key] = value(array);
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOML: &str = "# Top.\ntitle = \"t\"\n\n# Of trailers.\n[assisted_by]\n\"7.3\" = \"x\"\n\n\
        # Of a.\n[[patch]]\nslug = \"a\"\nedits = [\"a\"] # why\n\n\
        [[patch]]\nslug = \"b\"\nfiles = [\n    \"f\",\n]\ncore_root = true\n";

    fn entry(slug: &str, edits: &[&str], adds: &[&str]) -> PatchEntry {
        let owned = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect();
        PatchEntry {
            slug: slug.into(),
            edits: owned(edits),
            adds: owned(adds),
        }
    }

    #[test]
    fn what_stays_is_untouched() {
        let a = entry("a", &["a"], &[]);
        let b = entry("b", &[], &["f", "drivers/cpuidle/poll_core.rs"]);
        assert_eq!(rewrite(TOML, &[a, b]).unwrap(), TOML);
    }

    #[test]
    fn new_order_new_patch_new_files() {
        let a = entry(
            "a",
            &["a"],
            &["drivers/cpuidle/poll/g.c", "drivers/cpuidle/poll/x.rs"],
        );
        let c = entry("c", &["c"], &[]);
        let text = rewrite(TOML, &[c, a]).unwrap();
        let expected = "# Top.\ntitle = \"t\"\n\n# Of trailers.\n[assisted_by]\n\"7.3\" = \"x\"\n\n\
            [[patch]]\nslug = \"c\"\nedits = [\"c\"]\n\n\
            # Of a.\n[[patch]]\nslug = \"a\"\nedits = [\"a\"] # why\nfiles = [\"drivers/cpuidle/poll/g.c\"]\ncore = [\"poll/x.rs\"]\n";
        assert_eq!(text, expected);
    }
}
