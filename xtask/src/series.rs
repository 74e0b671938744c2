// SPDX-License-Identifier: GPL-2.0
//! The series' source of truth, c-shim/series.toml: which files and edits make
//! which patch, and what its message may hold. Reads and validates; `commit`
//! makes commits of it and `mail` makes mails of those.
//!
//! A file for one line alone beats the common one: edits/6.12/x.diff before
//! edits/x.diff, messages/6.12/ before messages/, kernel-6.12/ before kernel/.

pub mod commit;
pub mod conflict;
pub mod mail;
pub mod manifest;
pub mod opened;
pub mod port;
pub mod staging;
pub mod take;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use jiff::Timestamp;
use serde::Deserialize;

use crate::fault;
use crate::line::Line;

/// Where the Rust core goes in the kernel.
pub const CORE: &str = "drivers/cpuidle";

/// series.toml.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Toml {
    title: String,
    date: Timestamp,
    /// The value of each patch's Assisted-by, by kernel line: checkpatch
    /// disagrees with itself about the form.
    #[serde(default)]
    assisted_by: BTreeMap<String, String>,
    patch: Vec<PatchToml>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PatchToml {
    /// Names the message and, for people, the patch.
    slug: String,
    /// Names of diffs to existing kernel files.
    #[serde(default)]
    edits: Vec<String>,
    /// Kernel paths of new files.
    #[serde(default)]
    files: Vec<String>,
    /// Paths under rust-core/src.
    #[serde(default)]
    core: Vec<String>,
    /// Whether the core's kernel root comes with this patch.
    #[serde(default)]
    core_root: bool,
}

/// The series for one line, with every file found.
#[derive(Debug)]
pub struct Spec {
    pub title: String,
    pub cover: String,
    /// Author date of the first patch; each next is a second later.
    pub date: Timestamp,
    /// What every message ends with: nobody writes it by hand.
    trailer: String,
    pub patches: Vec<Patch>,
}

#[derive(Debug)]
pub struct Patch {
    pub slug: String,
    pub message: String,
    pub message_file: PathBuf,
    pub edits: Vec<PathBuf>,
    pub adds: Vec<Add>,
}

/// A new file of the kernel.
#[derive(Clone, Debug)]
pub struct Add {
    pub from: PathBuf,
    /// Path in the kernel.
    pub to: String,
}

impl Spec {
    /// Reads the series of the checkout `root` for `line`.
    pub fn load(root: &Path, line: &Line) -> Result<Spec> {
        let path = root.join("c-shim/series.toml");
        let toml: Toml = toml::from_str(&read(&path)?)
            .map_err(|err| fault::usage(format!("{}: {err}", path.display())))?;
        if toml.patch.is_empty() {
            return Err(fault::usage(format!(
                "{} names no [[patch]]",
                path.display()
            )));
        }
        let assisted_by = toml.assisted_by.get(line.name);
        let files = Files {
            root,
            line,
            trailer: assisted_by.map_or_else(String::new, |by| format!("Assisted-by: {by}")),
        };
        let patches = toml.patch.iter().map(|patch| files.patch(patch));
        Ok(Spec {
            title: toml.title,
            cover: read(&files.find("messages", "cover.txt")?)?,
            date: toml.date,
            patches: patches.collect::<Result<_>>()?,
            trailer: files.trailer,
        })
    }

    /// A commit's message as c-shim/messages has it.
    pub fn text_of(&self, message: &str) -> String {
        let lines = message.lines();
        let lines = lines.filter(|line| self.trailer.is_empty() || *line != self.trailer);
        let text: String = lines.map(|line| format!("{line}\n")).collect();
        format!("{}\n", text.trim_end())
    }
}

/// Finds the files that series.toml names.
struct Files<'a> {
    root: &'a Path,
    line: &'a Line,
    trailer: String,
}

impl Files<'_> {
    fn patch(&self, toml: &PatchToml) -> Result<Patch> {
        let slug = &toml.slug;
        let message = self.find("messages", &format!("{slug}.txt"))?;
        let text = read(&message)?;
        check_message(&text)
            .map_err(|reason| fault::usage(format!("{}: {reason}", message.display())))?;
        let trailer = match self.trailer.as_str() {
            "" => String::new(),
            trailer => format!("\n{trailer}\n"),
        };
        let edits = toml
            .edits
            .iter()
            .map(|name| self.find("edits", &format!("{name}.diff")));
        let mut adds = Vec::new();
        for to in &toml.files {
            let from = self.find_kernel(to)?;
            adds.push(Add {
                from,
                to: to.clone(),
            });
        }
        for path in &toml.core {
            let from = self.existing(self.root.join("rust-core/src").join(path))?;
            adds.push(Add {
                from,
                to: format!("{CORE}/{path}"),
            });
        }
        if toml.core_root {
            let from = self.existing(self.root.join("rust-core/kernel/poll_core.rs"))?;
            adds.push(Add {
                from,
                to: format!("{CORE}/poll_core.rs"),
            });
        }
        Ok(Patch {
            slug: slug.clone(),
            message_file: message,
            message: format!("{}\n{trailer}", text.trim_end()),
            edits: edits.collect::<Result<_>>()?,
            adds,
        })
    }

    fn find(&self, folder: &str, name: &str) -> Result<PathBuf> {
        let folder = self.root.join("c-shim").join(folder);
        let own = folder.join(self.line.name).join(name);
        if own.is_file() {
            Ok(own)
        } else {
            self.existing(folder.join(name))
        }
    }

    fn find_kernel(&self, path: &str) -> Result<PathBuf> {
        let shim = self.root.join("c-shim");
        let own = shim.join(format!("kernel-{}", self.line.name)).join(path);
        if own.is_file() {
            Ok(own)
        } else {
            self.existing(shim.join("kernel").join(path))
        }
    }

    fn existing(&self, path: PathBuf) -> Result<PathBuf> {
        if path.is_file() {
            return Ok(path);
        }
        Err(fault::usage(format!(
            "c-shim/series.toml names {}, which does not exist",
            path.display()
        )))
    }
}

/// Refuses what `git am` would cut or strip without a word.
pub fn check_message(text: &str) -> Result<(), String> {
    let mut lines = text.lines();
    let subject = lines.next().unwrap_or_default();
    if subject.trim().is_empty() {
        return Err("the first line, the subject, is empty".into());
    }
    if subject.starts_with('[') {
        return Err("the subject starts with `[`: git am strips what is in brackets".into());
    }
    if lines.next().is_some_and(|line| !line.trim().is_empty()) {
        return Err("the second line is not blank: git am would join it to the subject".into());
    }
    for (number, line) in text.lines().enumerate() {
        let number = number + 1;
        if line.trim_end() == "---" {
            return Err(format!(
                "line {number} is `---`: git am drops all that follows"
            ));
        }
        let cut = ["diff --git ", "diff -", "Index: ", "--- "];
        if let Some(start) = cut.iter().find(|start| line.starts_with(*start)) {
            return Err(format!(
                "line {number} starts with `{start}`: git am takes it for the diff"
            ));
        }
    }
    Ok(())
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_that_git_am_would_mangle_are_refused() {
        let cases = [
            ("", "empty"),
            ("[PATCH] x: y\n", "brackets"),
            ("x: y\nno blank line\n", "not blank"),
            ("x: y\n\nbody\n---\nlost\n", "line 4 is `---`"),
            ("x: y\n\n---  \n", "line 3 is `---`"),
            (
                "x: y\n\ndiff --git a/x b/x\n",
                "line 3 starts with `diff --git",
            ),
            ("x: y\n\n--- a/x\n", "`--- `"),
        ];
        for (text, reason) in cases {
            let refused = check_message(text).expect_err(text);
            assert!(refused.contains(reason), "{text:?}: {refused}");
        }
        check_message("x: y\n\nA body -- with dashes.\n\nAssisted-by: A [b]\n").unwrap();
    }
}
