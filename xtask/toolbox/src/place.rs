// SPDX-License-Identifier: GPL-2.0
//! Where things are: the checkout, the cache outside it, and the folders of
//! each under fixed names. Creates nothing.

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
    /// Logs, locks, and whatever commands leave unless they are told where.
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

    /// A checkout and a cache.
    pub fn of(root: PathBuf, cache: PathBuf) -> Place {
        Place {
            target: root.join("target"),
            root,
            cache,
        }
    }

    /// Without a checkout: a folder that gets logs and locks, and nothing else is known of.
    pub fn of_results(dir: &Path) -> Place {
        Place {
            root: dir.to_owned(),
            cache: dir.to_owned(),
            target: dir.to_owned(),
        }
    }

    /// Tools that the distribution lacks, installed for this project alone.
    pub fn tools(&self) -> PathBuf {
        self.cache.join("tools")
    }

    /// A QEMU newer than the distribution's, if `doctor --install` got one.
    pub fn qemu(&self) -> PathBuf {
        self.tools().join("qemu")
    }

    /// A sparse newer than the distribution's, if `doctor --install` made one.
    pub fn sparse(&self) -> PathBuf {
        self.tools().join("sparse/sparse")
    }

    /// What `build-kernel` leaves for a line, or for a variant `LINE-NAME`.
    pub fn kernel_out(&self, line: &str) -> PathBuf {
        self.target().join("kernel").join(line)
    }

    pub fn logs(&self) -> PathBuf {
        self.target().join("logs")
    }

    /// The cargo that runs this program, if one does, at work in the checkout.
    pub fn cargo(&self) -> Command {
        let mut cmd = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cmd.current_dir(&self.root);
        cmd
    }

    pub fn target(&self) -> PathBuf {
        self.target.clone()
    }

    /// Fails if the cache's disk has less than `bytes` free.
    pub fn need_space(&self, bytes: u64) -> Result<()> {
        const MIB: u64 = 1 << 20;
        let existing = self.cache.ancestors().find(|dir| dir.is_dir());
        let existing = existing.unwrap_or(Path::new("/"));
        let stat = nix::sys::statvfs::statvfs(existing)
            .with_context(|| format!("asking for the free space of {}", existing.display()))?;
        let free = stat.blocks_available() * stat.fragment_size();
        if free < bytes {
            return Err(fault::environment(format!(
                "the disk of {} has {} MiB free, {} MiB are needed: make room, or point XDG_CACHE_HOME elsewhere",
                self.cache.display(),
                free / MIB,
                bytes / MIB
            )));
        }
        Ok(())
    }

    /// The path as a reader of messages wants it: relative to the checkout.
    pub fn short<'a>(&self, path: &'a Path) -> &'a Path {
        path.strip_prefix(&self.root).unwrap_or(path)
    }
}

/// The checkout that the user stands in, else the one xtask was built from.
fn checkout() -> Result<PathBuf> {
    let is_checkout = |dir: &&Path| dir.join("xtask/Cargo.toml").is_file();
    let here = env::current_dir()?;
    let built_from = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors()
        .chain(built_from.ancestors())
        .find(is_checkout)
        .map(Path::to_path_buf)
        .ok_or_else(|| fault::usage(format!("{} is not in a checkout", here.display())))
}
