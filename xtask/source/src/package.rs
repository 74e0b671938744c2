// SPDX-License-Identifier: GPL-2.0
//! Gets the source of a line from the distribution's linux-source package.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use toolbox::apt::{self, Apt};
use toolbox::distro::OsRelease;
use toolbox::fault;
use toolbox::line::Line;
use toolbox::place::Place;
use toolbox::run::Stage;

/// Downloads linux-source-LINE into `dir`.
pub fn download(place: &Place, stage: &Stage, line: &Line, dir: &Path) -> Result<PathBuf> {
    let os = OsRelease::read();
    if os.id != "debian" {
        return Err(fault::environment(format!(
            "only Debian has the package linux-source-{0}, but this is {1}: give --linux DIR, \
             or run `cargo xtask build-kernel --fetch --base {0} --tarball FILE`",
            line.name, os.id
        )));
    }
    let package = format!("linux-source-{}", line.name);
    Apt::new(place, stage, line.name, line.suite, "deb")
        .and_then(|apt| apt.download(&[&package], dir))
        .with_context(|| {
            format!(
                "getting {package} from the distribution; without a network give --linux DIR, \
                 or run `cargo xtask build-kernel --fetch --base {} --tarball FILE`",
                line.name
            )
        })?;
    Ok(apt::list(dir, ".deb")?.remove(0))
}

/// Unpacks the package, which is alone in `dir`. Returns the path of the tarball in it.
pub fn unpack(place: &Place, stage: &Stage, line: &Line, dir: &Path) -> Result<PathBuf> {
    apt::unpack(place, stage, dir, dir)?;
    let suffix = format!("linux-source-{}.tar.xz", line.name);
    Ok(apt::list(&dir.join("usr/src"), &suffix)?.remove(0))
}
