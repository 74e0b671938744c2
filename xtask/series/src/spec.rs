// SPDX-License-Identifier: GPL-2.0
//! Reads and validates the source of the series: c-shim/series.toml, the edits, the new files and
//! the messages of the patches. `commit` makes commits from it, and `mail` makes mails from the
//! commits.
//!
//! A file for one line replaces the common file: edits/6.12/x.diff is used before edits/x.diff, and
//! messages/6.12/ before messages/.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Result;
use fs_err as fs;
use jiff::Timestamp;
use serde::Deserialize;

use toolbox::fault;
use toolbox::line::Line;

use crate::message;

/// Kernel folder of the Rust core.
const CORE: &str = "drivers/cpuidle/";
/// Kernel path of the core's kernel root.
pub const CORE_ROOT: &str = "drivers/cpuidle/poll_core.rs";

/// Returns the path under rust-core/src of a kernel file. None if the file does not belong to the
/// core: C files may be in the same folder.
pub fn in_core(path: &str) -> Option<&str> {
    let path = path.strip_prefix(CORE)?;
    (path.starts_with("poll/") && path.ends_with(".rs")).then_some(path)
}

/// Returns where the checkout has, or will have, a file that a patch adds to the kernel.
pub fn home(path: &str) -> String {
    match in_core(path) {
        Some(path) => format!("rust-core/src/{path}"),
        None if path == CORE_ROOT => "rust-core/kernel/poll_core.rs".into(),
        None => format!("c-shim/kernel/{path}"),
    }
}

/// The content of series.toml, which says which files and edits make which patch.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Toml {
    title: String,
    date: Timestamp,
    /// Value of the Assisted-by tag of each patch, by kernel line: versions of checkpatch disagree
    /// about its form.
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
    /// Name of the patch, for people, and of its message file.
    slug: String,
    /// The tree that would take the patch; for the cover letter.
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
    /// Whether this patch adds the core's kernel root, poll_core.rs.
    #[serde(default)]
    core_root: bool,
}

/// The series for one line. All files that it names exist.
#[derive(Debug)]
pub struct Spec {
    pub title: String,
    /// The cover letter with its placeholders; `cover` fills them.
    pub cover: String,
    /// Text of the cover letter for this line only; usually empty.
    pub note: String,
    /// Author date of the first patch. Each later patch is one second later than the one before.
    pub date: Timestamp,
    /// The tag at the end of every message, or empty. It is generated: no message file has it.
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

/// A file that a patch adds to the kernel.
#[derive(Clone, Debug)]
pub struct Add {
    pub from: PathBuf,
    /// Path in the kernel.
    pub to: String,
}

impl Spec {
    /// Reads the series for `line` from the checkout `root`.
    pub fn load(root: &Path, line: &Line) -> Result<Spec> {
        let path = root.join("c-shim/series.toml");
        let toml = Toml::parse(&read(&path)?)
            .map_err(|err| fault::usage(format!("{}: {err}", path.display())))?;
        if toml.patch.is_empty() {
            return Err(fault::usage(format!("{} has no [[patch]]", path.display())));
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

    /// Returns a commit's message as c-shim/messages has it: without the trailer.
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
        let core = toml.core.iter().map(|path| format!("{CORE}{path}"));
        let core_root = toml.core_root.then(|| CORE_ROOT.to_owned());
        let adds = toml.files.iter().cloned().chain(core).chain(core_root);
        let adds = adds.map(|to| {
            let from = self.existing(self.root.join(home(&to)))?;
            Ok(Add { from, to })
        });
        Ok(Patch {
            slug: slug.clone(),
            taker: toml.taker.clone(),
            message_file: message,
            message: text,
            edits: edits.collect::<Result<_>>()?,
            adds: adds.collect::<Result<_>>()?,
        })
    }

    fn find(&self, folder: &str, name: &str) -> Result<PathBuf> {
        self.existing(self.place(folder, name))
    }

    /// Returns the path of the line's own file if it exists, else that of the common file.
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

/// Reads a text file of the series. Fails if it is not UTF-8.
fn read(path: &Path) -> Result<String> {
    let bytes = fs::read(path)?;
    String::from_utf8(bytes).map_err(|err| {
        let at = err.utf8_error().valid_up_to();
        fault::usage(format!("{}: byte {at} is not UTF-8", path.display()))
    })
}
