// SPDX-License-Identifier: GPL-2.0
//! Locks on parts of the cache and on folders of logs: two xtasks that need the same one wait for
//! each other. The kernel releases a lock when its holder dies, for whatever reason.

use std::fs::TryLockError;
use std::path::Path;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use fs_err::{self as fs, File};

use crate::place::Place;
use crate::run;

/// A lock, held until it is dropped. A process must not take the same lock twice: it would wait for
/// itself. Order: `build-*` before `source` before `tools`.
pub struct Lock {
    _file: File,
}

/// Locks a part of the cache, which all checkouts share.
pub fn take(place: &Place, name: &str) -> Result<Lock> {
    take_in(&place.cache, name)
}

/// Locks a part of this checkout.
pub fn take_here(place: &Place, name: &str) -> Result<Lock> {
    take_in(&place.target(), name)
}

fn take_in(folder: &Path, name: &str) -> Result<Lock> {
    let folder = folder.join("lock");
    let path = folder.join(name);
    fs::create_dir_all(&folder)
        .and_then(|()| File::options().create(true).append(true).open(&path))
        .and_then(|file| wait(file, name))
        .with_context(|| format!("locking {}", path.display()))
        .and_then(|lock| run::check_interrupt().map(|()| lock))
}

fn wait(file: File, name: &str) -> std::io::Result<Lock> {
    let mut told = false;
    while !run::interrupted() {
        match file.try_lock() {
            Ok(()) => break,
            Err(TryLockError::WouldBlock) if !told => {
                eprintln!("waiting for another xtask that holds the lock {name:?}");
                told = true;
            }
            Err(TryLockError::WouldBlock) => thread::sleep(Duration::from_millis(100)),
            Err(TryLockError::Error(err)) => return Err(err),
        }
    }
    Ok(Lock { _file: file })
}
