// SPDX-License-Identifier: GPL-2.0
//! A QEMU that is newer than the distribution's, from its backports, for this
//! project alone. Its libraries are those of the distribution's own QEMU.

use std::fs;

use anyhow::{Context, Result};
use tempfile::TempDir;

use crate::apt;
use crate::distro;
use crate::fault;
use crate::lock;
use crate::place::Place;
use crate::run::Stage;

const PACKAGES: [&str; 4] = [
    "qemu-system-x86",
    "qemu-system-common",
    "qemu-system-data",
    "seabios",
];

pub fn fetch(place: &Place) -> Result<()> {
    let suite = distro::newer_qemu().ok_or_else(|| {
        fault::environment("no suite with a newer QEMU is known for this distribution")
    })?;
    let _lock = lock::take(place, "qemu")?;
    let stage = Stage::new(format!("fetching QEMU from {suite}"));
    fs::create_dir_all(place.tools())
        .with_context(|| format!("creating {}", place.tools().display()))?;
    let tmp =
        TempDir::with_prefix_in(".qemu-", place.tools()).context("making a scratch folder")?;
    let (packages, tree) = (tmp.path().join("packages"), tmp.path().join("tree"));
    fs::create_dir(&packages)?;
    fs::create_dir(&tree)?;
    apt::download(place, &stage, "qemu", Some(suite), &PACKAGES, &packages).with_context(|| {
        format!("getting QEMU from {suite}; or put one on PATH, or name it by $QEMU")
    })?;
    apt::unpack(place, &stage, &packages, &tree)?;
    let to = place.qemu();
    if to.exists() {
        fs::remove_dir_all(&to).with_context(|| format!("removing {}", to.display()))?;
    }
    fs::rename(&tree, &to).with_context(|| format!("moving QEMU to {}", to.display()))
}
