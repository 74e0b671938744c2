// SPDX-License-Identifier: GPL-2.0
//! What an import means for the other lines. A line that has a file of its own
//! in the stead of one that changed gets the same change merged into it, by
//! git, if that works; else there is something to look at.

use std::path::{Path, PathBuf};

use anyhow::Result;

use super::{Import, generate};
use crate::conflict;
use crate::manifest::PatchEntry;
use crate::opened::Commit;
use crate::spec::{Patch, Spec};
use crate::staging::Staging;
use crate::take::{self, Taken};
use source::Source;
use toolbox::fault::{self, Kind};
use toolbox::line::{self, LINES, Line};

/// Gives a line of text for each other line, or more.
pub fn to_other_lines(import: &Import, staging: &Staging) -> Result<Vec<String>> {
    let mut told = Vec::new();
    if staging.changes()?.is_empty() {
        return Ok(told);
    }
    for line in LINES.iter().filter(|line| **line != *import.source.line) {
        let name = line.name;
        match source::cached(import.place, line)? {
            None => told.push(format!("{name}: not tried, its source is not in the cache")),
            Some(source) => told.extend(Other::new(import, staging, line, source)?.bring_up()?),
        }
    }
    Ok(told)
}

/// Another line than the imported one.
struct Other<'a> {
    import: &'a Import<'a>,
    staging: &'a Staging,
    line: &'static Line,
    source: Source,
    spec: Spec,
    before: Vec<Commit>,
}

impl<'a> Other<'a> {
    fn new(
        import: &'a Import,
        staging: &'a Staging,
        line: &'static Line,
        source: Source,
    ) -> Result<Other<'a>> {
        let git = &import.scratch.git;
        git.borrow(&source.git)?;
        let spec = Spec::load(&import.place.root, line)?;
        let before = generate(git, &source, &spec)?;
        Ok(Other {
            import,
            staging,
            line,
            source,
            spec,
            before,
        })
    }

    fn bring_up(&self) -> Result<Vec<String>> {
        let name = self.line.name;
        let (works, generated) = match self.generate() {
            Ok(_) => (true, format!("{name}: its series can still be generated")),
            Err(err) if fault::kind_of(&err) == Kind::Usage => {
                let told = format!("{name}: its series can no longer be generated: {err:#}");
                (false, told)
            }
            Err(err) => return Err(err),
        };
        // A message is for people to bring up.
        let (messages, files): (Vec<String>, Vec<String>) = self
            .stale()?
            .into_iter()
            .partition(|path| path.starts_with("c-shim/messages/"));
        let mut told = self.look_at(&messages);
        if works && files.is_empty() {
            told.push(generated);
            return Ok(told);
        }
        if self.can_carry() {
            match self.merge()? {
                Ok(trees) => {
                    told.extend(self.take(&trees)?);
                    return Ok(told);
                }
                Err(conflict) => told.push(format!(
                    "{name}: the change does not go into its own files:\n{}",
                    conflict.trim_end()
                )),
            }
        }
        told.extend(self.look_at(&files));
        told.push(generated);
        Ok(told)
    }

    fn generate(&self) -> Result<Vec<Commit>> {
        let spec = Spec::load(self.staging.root(), self.line)?;
        generate(&self.import.scratch.git, &self.source, &spec)
    }

    /// Files of the line's own beside a common one that changed.
    fn stale(&self) -> Result<Vec<String>> {
        let changes = self.staging.changes()?;
        let shim = Path::new("c-shim");
        let own = changes.iter().filter_map(|path| {
            let path = path.strip_prefix(shim).ok()?;
            let mut parts = path.components();
            let folder = parts.next()?.as_os_str().to_str()?;
            let rest = parts.as_path();
            Some(match folder {
                "kernel" => shim.join(format!("kernel-{}", self.line.name)).join(rest),
                folder => shim.join(folder).join(self.line.name).join(rest),
            })
        });
        let is_there = |path: &PathBuf| self.staging.root().join(path).is_file();
        Ok(own
            .filter(is_there)
            .map(|path| path.display().to_string())
            .collect())
    }

    fn look_at(&self, stale: &[String]) -> Vec<String> {
        let tell = |path: &String| {
            format!(
                "{}: look at {path}: what it stands in for has changed",
                self.line.name
            )
        };
        stale.iter().map(tell).collect()
    }

    /// Changes of the common files can be carried along if each patch still has
    /// its counterpart.
    fn can_carry(&self) -> bool {
        let slugs = |patches: &[Patch]| -> Vec<String> {
            patches
                .iter()
                .map(|patch| PatchEntry::of(patch).slug)
                .collect()
        };
        let taken: Vec<String> = self
            .import
            .taken
            .iter()
            .map(|taken| taken.slug.clone())
            .collect();
        self.import.source.line == line::DEFAULT
            && slugs(&self.spec.patches) == taken
            && slugs(&self.import.spec.patches) == taken
    }

    /// What the import did to each patch, merged into this line's; the trees.
    fn merge(&self) -> Result<std::result::Result<Vec<String>, String>> {
        let git = &self.import.scratch.git;
        let mut trees = Vec::new();
        for (index, taken) in self.import.taken.iter().enumerate() {
            let from = &self.import.before[index].id;
            let to = git.read(["commit-tree", "-p", from, "-m", "to", &taken.tree])?;
            let own = &self.before[index];
            let merged = conflict::merge(git, from, &to, &own.tree)?;
            if !merged.is_clean() {
                return Ok(Err(merged.describe(git, &own.id, from, &to)?));
            }
            trees.push(merged.tree);
        }
        Ok(Ok(trees))
    }

    /// Takes the merged trees as if they had been this line's commits.
    fn take(&self, trees: &[String]) -> Result<Vec<String>> {
        let git = &self.import.scratch.git;
        let staged = Spec::load(self.staging.root(), self.line)?;
        let taken = |(patch, tree): (&Patch, &String)| Taken {
            slug: patch.slug.clone(),
            is_new: false,
            tree: tree.clone(),
            text: staged.text_of(&patch.message),
        };
        let taken: Vec<Taken> = staged.patches.iter().zip(trees).map(taken).collect();
        let base_tree = git.tree_of(&self.source.base)?;
        let mut told = take::take(git, self.staging.root(), self.line, &base_tree, &taken)?;
        let after = self.generate()?;
        if !after.iter().map(|commit| &commit.tree).eq(trees) {
            return Err(fault::test_failed(format!(
                "the source would not give the series for {} that the change makes; nothing was changed",
                self.line.name
            )));
        }
        told.push(format!(
            "{}: its own files take the change too; read what came of it",
            self.line.name
        ));
        Ok(told)
    }
}
