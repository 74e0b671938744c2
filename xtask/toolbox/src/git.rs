// SPDX-License-Identifier: GPL-2.0
//! Runs git without any setting of the user or the machine that could change what git writes: no
//! configuration, attributes, hooks, variables, locale, time zone or identity.

use std::env;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use fs_err as fs;
use xshell::{Cmd, Shell, cmd};

use crate::run;

/// Author and committer of the drafts. A person who sends the drafts puts their own name there.
pub const DRAFTS: (&str, &str) = ("poll_source drafts", "poll-source@localhost");

/// Options that no file of this project sets. If they were not fixed here, a file of the machine
/// could set them, or git would guess a value each time.
const PINNED: [(&str, &str); 4] = [
    ("core.attributesFile", "/dev/null"),
    ("core.excludesFile", "/dev/null"),
    ("core.quotePath", "true"),
    ("core.abbrev", "12"),
];

/// The names of the variables by which a user, or a git hook that started xtask, controls git.
pub fn steering() -> impl Iterator<Item = OsString> {
    let names = env::vars_os().map(|(name, _)| name);
    names.filter(|name| name.as_encoded_bytes().starts_with(b"GIT_"))
}

/// A git repository.
#[derive(Clone, Debug)]
pub struct Git {
    /// The repository itself: DIR.git or DIR/.git.
    pub dir: PathBuf,
    work_tree: Option<PathBuf>,
    shell: Shell,
}

impl Git {
    pub fn bare(dir: impl Into<PathBuf>) -> Result<Git> {
        Ok(Git {
            dir: dir.into(),
            work_tree: None,
            shell: Shell::new()?,
        })
    }

    pub fn with_work_tree(&self, work_tree: impl Into<PathBuf>) -> Git {
        let work_tree = work_tree.into();
        let git = self.clone();
        git.shell.change_dir(&work_tree);
        Git {
            work_tree: Some(work_tree),
            ..git
        }
    }

    /// Creates the repository.
    pub fn init(&self) -> Result<()> {
        let dir = &self.dir;
        let shell = &self.shell;
        run::read(clean(cmd!(shell, "git init -q --bare --template= {dir}")))?;
        self.read(["config", "gc.auto", "0"])?;
        // A caller that wants a work tree names it. core.bare would contradict that.
        self.read(["config", "core.bare", "false"])?;
        Ok(())
    }

    /// Lets this repository read the objects of `lender` without copying them. Creates this
    /// repository if it does not exist. `lender` is not changed.
    pub fn borrow(&self, lender: &Path) -> Result<()> {
        if !self.dir.join("HEAD").exists() {
            self.init()?;
        }
        let objects = lender.join("objects").canonicalize()?;
        let objects = objects
            .to_str()
            .context("the path of a git repository is not UTF-8")?;
        let path = self.dir.join("objects/info/alternates");
        let old = fs::read_to_string(&path).unwrap_or_default();
        let mut lenders: Vec<&str> = old.lines().filter(|dir| Path::new(dir).is_dir()).collect();
        if !lenders.contains(&objects) {
            lenders.push(objects);
        }
        Ok(fs::write(&path, lenders.join("\n") + "\n")?)
    }

    pub fn cmd<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Cmd<'_> {
        let mut cmd = self.shell.cmd("git").arg("--git-dir").arg(&self.dir);
        if let Some(dir) = &self.work_tree {
            cmd = cmd.arg("--work-tree").arg(dir);
        }
        clean(cmd.args(args))
    }

    /// Runs git and returns its stdout without the final newline.
    pub fn read<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Result<String> {
        run::read(self.cmd(args))
    }

    /// The contents of a file in a commit; None if the commit has no such file.
    pub fn file(&self, commit: &str, path: &str) -> Result<Option<String>> {
        let spec = format!("{commit}:{path}");
        if self.read(["cat-file", "-e", &spec]).is_err() {
            return Ok(None);
        }
        self.read(["cat-file", "blob", &spec]).map(Some)
    }

    pub fn tree_of(&self, commit: &str) -> Result<String> {
        self.read(["rev-parse", &format!("{commit}^{{tree}}")])
    }
}

/// Removes git's variables from `cmd`, but keeps the user's configuration: for queries about the
/// user's own tree.
pub fn unsteered(cmd: Cmd<'_>) -> Cmd<'_> {
    steering().fold(cmd, Cmd::env_remove)
}

/// Makes `cmd` independent of all settings of the user and the machine: only this file decides what
/// git does.
pub fn clean(cmd: Cmd<'_>) -> Cmd<'_> {
    let mut cmd = unsteered(cmd).env("GIT_CONFIG_COUNT", PINNED.len().to_string());
    for (index, (key, value)) in PINNED.into_iter().enumerate() {
        cmd = cmd
            .env(format!("GIT_CONFIG_KEY_{index}"), key)
            .env(format!("GIT_CONFIG_VALUE_{index}"), value);
    }
    let (name, mail) = DRAFTS;
    cmd.env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_ATTR_NOSYSTEM", "1")
        .env("GIT_TERMINAL_PROMPT", "0")
        .env("GIT_AUTHOR_NAME", name)
        .env("GIT_AUTHOR_EMAIL", mail)
        .env("GIT_COMMITTER_NAME", name)
        .env("GIT_COMMITTER_EMAIL", mail)
        .env("TZ", "UTC")
        .env("LC_ALL", "C")
}
