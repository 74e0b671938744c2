// SPDX-License-Identifier: GPL-2.0
//! The series' source of truth, c-shim/series.toml: which files and edits make
//! which patch, and what its message may hold. Reads and validates; `commit`
//! makes commits of it and `mail` makes mails of those.
//!
//! A file for one line alone beats the common one: edits/6.12/x.diff before
//! edits/x.diff, messages/6.12/ before messages/.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Result;
use fs_err as fs;
use jiff::Timestamp;
use serde::Deserialize;

use toolbox::fault;
use toolbox::line::Line;

use crate::message;

/// Where the Rust core goes in the kernel.
pub const CORE: &str = "drivers/cpuidle";

/// series.toml.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Toml {
    title: String,
    date: Timestamp,
    /// The value of each patch's Assisted-by, by kernel line: checkpatch
    /// disagrees with itself about the form.
    #[serde(default)]
    assisted_by: BTreeMap<String, String>,
    patch: Vec<PatchToml>,
}

impl Toml {
    pub fn parse(text: &str) -> Result<Toml, toml::de::Error> {
        toml::from_str(text)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PatchToml {
    /// Names the message and, for people, the patch.
    slug: String,
    /// Whose tree it would go through; for the cover letter.
    taker: Option<String>,
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
    /// The cover letter with its placeholders; `cover` fills them.
    pub cover: String,
    /// What the cover letter says of this line alone; mostly empty.
    pub note: String,
    /// Author date of the first patch; each next is a second later.
    pub date: Timestamp,
    /// What every message ends with: nobody writes it by hand.
    pub trailer: String,
    pub patches: Vec<Patch>,
}

#[derive(Debug)]
pub struct Patch {
    pub slug: String,
    pub taker: Option<String>,
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
        let toml = Toml::parse(&read(&path)?)
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
            note: match files.place("messages", "note.txt") {
                path if path.is_file() => read(&path)?,
                _ => String::new(),
            },
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
        message::check(&text)
            .map_err(|reason| fault::usage(format!("{}: {reason}", message.display())))?;
        let text = match self.trailer.as_str() {
            "" => format!("{}\n", text.trim_end()),
            trailer => message::with_tag(&text, trailer),
        };
        let edits = toml
            .edits
            .iter()
            .map(|name| self.find("edits", &format!("{name}.diff")));
        let mut adds = Vec::new();
        for to in &toml.files {
            let from = self.existing(self.root.join("c-shim/kernel").join(to))?;
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
            taker: toml.taker.clone(),
            message_file: message,
            message: text,
            edits: edits.collect::<Result<_>>()?,
            adds,
        })
    }

    fn find(&self, folder: &str, name: &str) -> Result<PathBuf> {
        self.existing(self.place(folder, name))
    }

    /// The line's own, if there is one.
    fn place(&self, folder: &str, name: &str) -> PathBuf {
        let folder = self.root.join("c-shim").join(folder);
        let own = folder.join(self.line.name).join(name);
        match own.is_file() {
            true => own,
            false => folder.join(name),
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

/// A text of the series.
fn read(path: &Path) -> Result<String> {
    let bytes = fs::read(path)?;
    String::from_utf8(bytes).map_err(|err| {
        let at = err.utf8_error().valid_up_to();
        fault::usage(format!("{}: byte {at} is not UTF-8", path.display()))
    })
}
