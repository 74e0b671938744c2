// SPDX-License-Identifier: GPL-2.0
//! The series as commits. They are made in an index alone, without a work
//! tree, in a scratch repository that borrows the kernel's objects.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use anyhow::{Context, Result};
use tempfile::TempDir;

use super::{Add, Patch, Spec, signoff};
use crate::fault;
use crate::fetch::Source;
use crate::git::Git;
use crate::run;

/// A repository and an empty work tree that go away with it.
pub struct Scratch {
    pub git: Git,
    pub dir: TempDir,
}

impl Scratch {
    pub fn new(source: &Source) -> Result<Scratch> {
        let dir = TempDir::with_prefix("poll-source-").context("creating a scratch folder")?;
        let work_tree = dir.path().join("tree");
        fs::create_dir(&work_tree)?;
        let git = Git::bare(dir.path().join("git"))?.with_work_tree(work_tree);
        git.borrow(&source.git)?;
        Ok(Scratch { git, dir })
    }
}

/// Who signs the series off; nobody does for drafts.
#[derive(Clone, Debug)]
pub struct Person {
    pub name: String,
    pub mail: String,
}

/// Commits the series on `source`; gives the last commit.
pub fn commit(git: &Git, source: &Source, spec: &Spec, signoff: Option<&Person>) -> Result<String> {
    git.read(["read-tree", &source.base])?;
    refuse_existing(git, source, spec)?;
    let mut parent = source.base.clone();
    let mut tree = git.tree_of(&parent)?;
    for (number, patch) in (0..).zip(&spec.patches) {
        let new = apply(git, source, patch)?;
        if new == tree {
            let slug = &patch.slug;
            return Err(fault::usage(format!(
                "patch {slug:?} of c-shim/series.toml changes nothing"
            )));
        }
        tree = new;
        let seconds = spec.date.as_second() + number;
        let signed = match signoff {
            Some(person) => signoff::adopt(git, &tree, person)?,
            None => tree.clone(),
        };
        parent = commit_tree(git, &signed, &parent, &patch.message, seconds, signoff)?;
    }
    Ok(parent)
}

/// A new file that the base has already would be lost without a word.
fn refuse_existing(git: &Git, source: &Source, spec: &Spec) -> Result<()> {
    let adds = spec.patches.iter().flat_map(|patch| &patch.adds);
    let mut args = vec!["ls-tree", "-r", "--name-only", &source.base, "--"];
    args.extend(adds.map(|add| add.to.as_str()));
    if args.last() == Some(&"--") {
        return Ok(());
    }
    let existing = git.read(args)?;
    if existing.is_empty() {
        return Ok(());
    }
    Err(fault::usage(format!(
        "Linux {} has a file that c-shim/series.toml adds; make it an edit: {existing}",
        source.version
    )))
}

/// Puts what the patch changes into the index; gives the tree.
fn apply(git: &Git, source: &Source, patch: &Patch) -> Result<String> {
    // A line's own edit may change what was added for all lines.
    add_files(git, &patch.adds)?;
    for edit in &patch.edits {
        apply_edit(git, source, &patch.slug, edit)?;
    }
    git.read(["write-tree"])
}

fn apply_edit(git: &Git, source: &Source, slug: &str, edit: &Path) -> Result<()> {
    let path = edit.as_os_str();
    let args = |more| [&["apply", "--cached", "--whitespace=error-all"][..], more].concat();
    let strict = run::read(git.cmd(args(&[])).arg(path));
    let Err(refused) = strict else {
        return Ok(());
    };
    // A base a little apart may still take it where the blobs are known.
    if run::read(git.cmd(args(&["--3way"])).arg(path)).is_ok() {
        return Ok(());
    }
    Err(fault::usage(format!(
        "patch {slug:?}: {} does not apply to Linux {}: fix the edit, or give this line its own as \
         c-shim/edits/{}/{}\n{refused}",
        edit.display(),
        source.version,
        source.line.name,
        edit.file_name().unwrap_or_default().display(),
    )))
}

fn add_files(git: &Git, adds: &[Add]) -> Result<()> {
    if adds.is_empty() {
        return Ok(());
    }
    let paths = adds.iter().map(|add| add.from.as_os_str());
    let blobs = run::read(
        git.cmd(["hash-object", "-w", "--no-filters", "--"])
            .args(paths),
    )?;
    let mut lines = String::new();
    for (add, blob) in adds.iter().zip(blobs.lines()) {
        let mode = fs::metadata(&add.from)?.permissions().mode();
        let mode = if mode & 0o100 == 0 {
            "100644"
        } else {
            "100755"
        };
        lines += &format!("{mode} {blob}\t{}\n", add.to);
    }
    run::read(
        git.cmd(["update-index", "--add", "--index-info"])
            .stdin(lines),
    )?;
    Ok(())
}

fn commit_tree(
    git: &Git,
    tree: &str,
    parent: &str,
    message: &str,
    seconds: i64,
    signoff: Option<&Person>,
) -> Result<String> {
    let date = format!("@{seconds} +0000");
    let mut message = message.to_owned();
    let mut cmd = git.cmd(["commit-tree", "-p", parent, tree]);
    if let Some(Person { name, mail }) = signoff {
        let trailer = format!("Signed-off-by: {name} <{mail}>");
        let add = git
            .cmd(["interpret-trailers", "--trailer", &trailer])
            .stdin(&message);
        message = run::read(add)? + "\n";
        cmd = cmd
            .env("GIT_AUTHOR_NAME", name)
            .env("GIT_AUTHOR_EMAIL", mail);
    }
    let cmd = cmd
        .env("GIT_AUTHOR_DATE", &date)
        .env("GIT_COMMITTER_DATE", &date);
    run::read(cmd.stdin(message))
}
