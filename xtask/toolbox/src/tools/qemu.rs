// SPDX-License-Identifier: GPL-2.0
//! Gets a QEMU that is newer than the distribution's from the distribution's backports, for this
//! project only. Its firmware and libraries are the distribution's: see distro.rs.

use anyhow::{Context, Result};
use fs_err as fs;

use crate::apt::Apt;
use crate::distro;
use crate::fault;
use crate::place::Place;
use crate::run::Stage;
use crate::scratch;

const SPACE_NEEDED: u64 = 1 << 28;
const PACKAGES: [&str; 4] = [
    "qemu-system-x86",
    "qemu-system-common",
    "qemu-system-data",
    "seabios",
];

/// Fetches QEMU into the cache. The caller holds the lock on the tools.
pub fn fetch(place: &Place) -> Result<()> {
    let suite = distro::newer_qemu().ok_or_else(|| {
        fault::environment("no suite with a newer QEMU is known for this distribution")
    })?;
    let stage = Stage::new(format!("fetching QEMU from {suite}"));
    let tmp = scratch::dir(place, &place.tools(), SPACE_NEEDED)?;
    let tree = Apt::new(place, &stage, "qemu", Some(suite), "deb")
        .and_then(|apt| apt.fetch(&PACKAGES, tmp.path()))
        .with_context(|| {
            format!("cannot get QEMU from {suite}; put one on PATH, or set $QEMU to its path")
        })?;
    let to = place.qemu();
    if to.exists() {
        fs::remove_dir_all(&to)?;
    }
    Ok(fs::rename(&tree, &to)?)
}
