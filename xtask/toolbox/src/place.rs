// SPDX-License-Identifier: GPL-2.0
//! The paths of the checkout, of the cache outside it, and of the fixed folders in both. Creates
//! nothing.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::fault;

#[derive(Clone, Debug)]
pub struct Place {
    /// The checkout.
    pub root: PathBuf,
    /// `$XDG_CACHE_HOME/poll-source`: kernel sources, worktrees, tools.
    pub cache: PathBuf,
    /// Logs, locks, and the output of commands that are given no other folder.
    pub target: PathBuf,
}

impl Place {
    pub fn find() -> Result<Place> {
        let cache = env::var_os("XDG_CACHE_HOME")
            .map(PathBuf::from)
            .filter(|dir| dir.is_absolute())
            .or_else(|| env::home_dir().map(|home| home.join(".cache")))
            .ok_or_else(|| fault::environment("neither XDG_CACHE_HOME nor HOME is set"))?;
        Ok(Place::of(checkout()?, cache.join("poll-source")))
    }

    /// The paths for a given checkout and cache.
    pub fn of(root: PathBuf, cache: PathBuf) -> Place {
        Place {
            target: root.join("target"),
            root,
            cache,
        }
    }

    /// The paths for a run without a checkout: `dir` stands for all of them. It gets logs and
    /// locks.
    pub fn of_results(dir: &Path) -> Place {
        Place {
            root: dir.to_owned(),
            cache: dir.to_owned(),
            target: dir.to_owned(),
        }
    }

    /// The folder of tools that the distribution lacks. They are installed for this project only.
    pub fn tools(&self) -> PathBuf {
        self.cache.join("tools")
    }

    /// The folder of a QEMU that is newer than the distribution's, if `doctor --install` fetched
    /// one.
    pub fn qemu(&self) -> PathBuf {
        self.tools().join("qemu")
    }

    /// A sparse that is newer than the distribution's, if `doctor --install` built one.
    pub fn sparse(&self) -> PathBuf {
        self.tools().join("sparse/sparse")
    }

    /// The output folder of `build-kernel` for a line, or for a variant `LINE-NAME`.
    pub fn kernel_out(&self, line: &str) -> PathBuf {
        self.target().join("kernel").join(line)
    }

    pub fn logs(&self) -> PathBuf {
        self.target().join("logs")
    }

    /// A cargo command in the checkout: the cargo that runs this program, otherwise `cargo` on
    /// PATH.
    pub fn cargo(&self) -> Command {
        let mut cmd = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cmd.current_dir(&self.root);
        cmd
    }

    pub fn target(&self) -> PathBuf {
        self.target.clone()
    }

    /// Fails if the disk of the cache has less than `bytes` free.
    pub fn need_space(&self, bytes: u64) -> Result<()> {
        const MIB: u64 = 1 << 20;
        let existing = self.cache.ancestors().find(|dir| dir.is_dir());
        let existing = existing.unwrap_or(Path::new("/"));
        let stat = nix::sys::statvfs::statvfs(existing)
            .with_context(|| format!("querying the free disk space of {}", existing.display()))?;
        let free = stat.blocks_available() * stat.fragment_size();
        if free < bytes {
            return Err(fault::environment(format!(
                "the disk of {} has {} MiB free, but {} MiB are needed: delete files, or set \
                 XDG_CACHE_HOME to a folder on another disk",
                self.cache.display(),
                free / MIB,
                bytes / MIB
            )));
        }
        Ok(())
    }

    /// The path for messages: relative to the checkout, if it is in there.
    pub fn short<'a>(&self, path: &'a Path) -> &'a Path {
        path.strip_prefix(&self.root).unwrap_or(path)
    }
}

/// The checkout that contains the current folder, otherwise the one that xtask was built from.
fn checkout() -> Result<PathBuf> {
    let is_checkout = |dir: &&Path| dir.join("xtask/Cargo.toml").is_file();
    let here = env::current_dir()?;
    let built_from = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors()
        .chain(built_from.ancestors())
        .find(is_checkout)
        .map(Path::to_path_buf)
        .ok_or_else(|| {
            fault::usage(format!(
                "{} is not in a checkout of poll_source",
                here.display()
            ))
        })
}
