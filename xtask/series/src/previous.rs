// SPDX-License-Identifier: GPL-2.0
//! The series as it was sent the last time, as commits to compare with:
//! `--previous DIR|MBOX|A..B`.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::mail;
use kit::fault;
use kit::git::Git;
use kit::run;
use source::Source;

/// Commits, from after `base` to `tip`.
#[derive(Clone, Debug)]
pub struct Range {
    pub base: String,
    pub tip: String,
}

/// Finds what came before `version`. Mails are applied in `git`.
pub fn find(git: &Git, source: &Source, from: &str, version: u32) -> Result<Range> {
    // git runs in another folder.
    let path = Path::new(from).canonicalize().unwrap_or_default();
    let mails = if path.is_dir() {
        of_version(&path, version - 1)?
    } else if path.is_file() {
        split(git, &path)?
    } else if let Some((base, tip)) = from.split_once("..") {
        return range(source, base, tip);
    } else {
        return Err(fault::usage(format!(
            "--previous {from}: neither a folder of mails, nor an mbox, nor commits A..B"
        )));
    };
    let mut base = source.base.clone();
    let mut patches = Vec::new();
    for mail in mails {
        let text = fs::read(&mail).with_context(|| format!("reading {}", mail.display()))?;
        let text = String::from_utf8_lossy(&text);
        base = named_base(git, &text).unwrap_or(base);
        // A cover letter has no diff, and git am would stop at it.
        if text.contains("\ndiff --git ") {
            patches.push(mail);
        }
    }
    if patches.is_empty() {
        return Err(fault::usage(format!(
            "--previous {from}: there are no patches of v{} in it",
            version - 1
        )));
    }
    let tip = mail::apply_mails(git, &base, &patches).map_err(|err| {
        fault::usage(format!(
            "--previous {from} does not apply to {}: give the tree it was made on with --linux, or \
             the commits themselves as A..B\n{err:#}",
            match base == source.base {
                true => format!("Linux {}", source.version),
                false => format!("its base-commit {base}"),
            }
        ))
    })?;
    Ok(Range { base, tip })
}

/// The mails that `gen-patches --out` or git format-patch left for a version.
fn of_version(dir: &Path, version: u32) -> Result<Vec<PathBuf>> {
    let prefix = format!("v{version}-");
    let mut mails = mail::all(dir)?;
    mails.retain(|path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with(&prefix)
            || (version == 1 && name.starts_with(|c: char| c.is_ascii_digit()))
    });
    Ok(mails)
}

fn split(git: &Git, mbox: &Path) -> Result<Vec<PathBuf>> {
    let dir = git.dir.join("previous");
    fs::create_dir_all(&dir)?;
    run::read(
        git.cmd(["mailsplit"])
            .arg(format!("-o{}", dir.display()))
            .arg(mbox),
    )
    .map_err(|err| fault::usage(format!("--previous is no mbox: {err:#}")))?;
    let entries = fs::read_dir(&dir)?.filter_map(|entry| Some(entry.ok()?.path()));
    let mut mails: Vec<PathBuf> = entries.collect();
    mails.sort();
    Ok(mails)
}

/// The base that a mail names, if it is here.
fn named_base(git: &Git, mail: &str) -> Option<String> {
    let named = mail
        .lines()
        .find_map(|line| line.strip_prefix("base-commit: "))?;
    let commit = format!("{}^{{commit}}", named.trim());
    git.read(["rev-parse", "-q", "--verify", &commit]).ok()
}

fn range(source: &Source, base: &str, tip: &str) -> Result<Range> {
    let git = Git::bare(&source.git)?;
    let commit = |name: &str| {
        let spec = format!("{name}^{{commit}}");
        git.read(["rev-parse", "-q", "--verify", "--end-of-options", &spec])
            .map_err(|_| {
                fault::usage(format!(
                    "--previous: {name:?} is no commit of {}",
                    source.git.display()
                ))
            })
    };
    Ok(Range {
        base: commit(base)?,
        tip: commit(tip)?,
    })
}
