// SPDX-License-Identifier: GPL-2.0
//! `--linux DIR`: uses the user's own git tree as the source. The tree is read, and its objects are
//! borrowed. Nothing writes to it.

use std::path::{Path, PathBuf};

use anyhow::Result;
use xshell::{Shell, cmd};

use super::Source;
use toolbox::fault;
use toolbox::git::{self, Git};
use toolbox::line::Line;
use toolbox::run;

pub fn source(line: Option<&'static Line>, dir: &Path, base_ref: Option<&str>) -> Result<Source> {
    if !dir.is_dir() {
        return Err(fault::usage(format!(
            "--linux {}: no such folder",
            dir.display()
        )));
    }
    let git = Git::bare(repository(dir)?)?;
    let base = commit(dir, base_ref.unwrap_or("HEAD"))?;
    check_whole(dir, &base)?;
    let source = Source::find(&git, &base, dir, line)?;
    if base_ref.is_none() {
        check_clean(dir)?;
    }
    Ok(Source {
        public: is_public(&git, &base),
        ..source
    })
}

/// Runs a git query on the user's tree. The owner of the tree does not matter, because none of the
/// tree's hooks or filters runs.
fn ask(dir: &Path, args: &[&str]) -> Result<String> {
    let sh = Shell::new()?;
    run::read(git::unsteered(cmd!(
        sh,
        "git --no-optional-locks -c safe.directory=* -C {dir} {args...}"
    )))
}

/// The repository of the work tree whose top folder is `dir`. A linked work tree shares its
/// repository with others.
fn repository(dir: &Path) -> Result<PathBuf> {
    let args = [
        "rev-parse",
        "--path-format=absolute",
        "--show-prefix",
        "--git-common-dir",
    ];
    let found = ask(dir, &args).ok();
    match found.as_deref().and_then(|text| text.split_once('\n')) {
        Some(("", git_dir)) => Ok(git_dir.into()),
        _ => Err(fault::usage(format!(
            "--linux {}: not the top folder of a git tree",
            dir.display()
        ))),
    }
}

fn commit(dir: &Path, name: &str) -> Result<String> {
    let spec = format!("{name}^{{commit}}");
    ask(dir, &["rev-parse", "--verify", "--end-of-options", &spec]).map_err(|_| {
        fault::usage(format!(
            "--linux {}: {name} is not a commit of this tree",
            dir.display()
        ))
    })
}

/// Whether a release's tag contains the commit: "v7.3" or "v7.4-rc1", not "v7.3-mine". A tree does
/// not show which of its other commits are public.
fn is_public(git: &Git, base: &str) -> bool {
    let releases = ["--match", "v[0-9]*", "--exclude", "*-[!r]*"];
    let args = [&["describe", "--contains"], &releases[..], &[base]].concat();
    git.read(args).is_ok()
}

/// Fails if the tree is a partial clone that lacks files of `base`. A partial clone fetches a
/// missing file when it is asked for it, but not for a repository that borrows its objects.
fn check_whole(dir: &Path, base: &str) -> Result<()> {
    let promises = r"^(extensions\.partialclone|remote\..*\.promisor)$";
    if ask(dir, &["config", "--get-regexp", promises]).is_err() {
        return Ok(());
    }
    let args = [
        "rev-list",
        "--objects",
        "--no-walk",
        "--missing=print",
        base,
    ];
    let missing = ask(dir, &args)?
        .lines()
        .filter(|line| line.starts_with('?'))
        .count();
    if missing == 0 {
        return Ok(());
    }
    Err(fault::usage(format!(
        "--linux {}: this partial clone lacks {missing} files of {base}: check out the whole \
         commit, so that git fetches them",
        dir.display()
    )))
}

/// Fails if the tree has changes that are not committed: they would silently be missing in the
/// kernel.
fn check_clean(dir: &Path) -> Result<()> {
    let changes = ask(dir, &["status", "--porcelain"])?;
    if changes.is_empty() {
        return Ok(());
    }
    let some = changes.lines().take(5).map(|line| format!("\n    {line}"));
    Err(fault::usage(format!(
        "--linux {}: the tree has uncommitted changes (commit or remove them, or give --base-ref):\
         {}",
        dir.display(),
        some.collect::<String>()
    )))
}
