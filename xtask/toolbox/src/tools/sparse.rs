// SPDX-License-Identifier: GPL-2.0
//! Builds a sparse that is new enough for the kernel from the source package of a newer Debian.
//! Builds the program `sparse` alone, for this project only.

use std::process::Command;

use anyhow::{Context, Result};
use fs_err as fs;

use crate::apt::{self, Apt};
use crate::fault::Kind;
use crate::place::Place;
use crate::run::Stage;
use crate::scratch;

/// The first suite whose sparse has what 7.3 needs: the sparse of Debian's releases is 0.6.4.
const SUITE: &str = "forky";
const SPACE_NEEDED: u64 = 1 << 26;

/// Builds sparse into the cache. The caller holds the lock on the tools.
pub fn fetch(place: &Place) -> Result<()> {
    let stage =
        Stage::new(format!("building sparse from {SUITE}'s source")).fails_as(Kind::Environment);
    let log = place.logs().join("fetch.log");
    let tmp = scratch::dir(place, &place.tools(), SPACE_NEEDED)?;
    let (package, tree) = (tmp.path().join("package"), tmp.path().join("tree"));
    fs::create_dir(&package)?;
    fs::create_dir(&tree)?;
    Apt::new(place, &stage, "sparse", Some(SUITE), "deb-src")
        .and_then(|apt| apt.download_source("sparse", &package))
        .with_context(|| {
            format!(
                "cannot get sparse from {SUITE}; put one on PATH that supports __typeof_unqual__"
            )
        })?;
    let tarball = apt::list(&package, ".orig.tar.gz")?.remove(0);
    let mut tar = Command::new("tar");
    tar.args(["--strip-components=1", "-xzf"]).arg(tarball);
    stage.run(tar.arg("-C").arg(&tree), &log)?;
    let mut make = Command::new("make");
    make.arg("-C").arg(&tree).arg("sparse");
    // The parts that sparse's Makefile looks for are for its other programs, which are not built
    // here.
    make.env_remove("MAKEFLAGS").env("LC_ALL", "C");
    stage.run(&mut make, &log)?;
    let to = place.sparse();
    fs::create_dir_all(to.parent().expect("a joined path has a parent"))?;
    let new = to.with_extension("new");
    fs::copy(tree.join("sparse"), &new)?;
    Ok(fs::rename(&new, &to)?)
}
