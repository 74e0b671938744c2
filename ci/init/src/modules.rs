// SPDX-License-Identifier: GPL-2.0
//! Drivers as modules, where the kernel has them so. None needs another.

use std::ffi::CString;
use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use guest_init::scenario::MODULES;
use nix::errno::Errno;
use nix::kmod::{DeleteModuleFlags, ModuleInitFlags, delete_module, finit_module};

pub fn load_all() -> Result<()> {
    let entries = match fs::read_dir(MODULES) {
        Err(err) if err.kind() == ErrorKind::NotFound => return Ok(()),
        entries => entries.with_context(|| format!("listing {MODULES}"))?,
    };
    for entry in entries {
        load_file(&entry?.path())?;
    }
    Ok(())
}

pub fn load(name: &str) -> Result<()> {
    load_file(&PathBuf::from(format!("{MODULES}/{name}.ko")))
}

fn load_file(path: &Path) -> Result<()> {
    let loading = || format!("loading {}", path.display());
    let file = File::open(path).with_context(loading)?;
    finit_module(&file, c"", ModuleInitFlags::empty()).with_context(loading)
}

/// False: somebody uses it.
pub fn unload(name: &str) -> Result<bool> {
    let name = CString::new(name).context("a module's name")?;
    match delete_module(&name, DeleteModuleFlags::O_NONBLOCK) {
        Ok(()) => Ok(true),
        Err(Errno::EAGAIN | Errno::EBUSY) => Ok(false),
        Err(err) => Err(err).with_context(|| format!("unloading {name:?}")),
    }
}
