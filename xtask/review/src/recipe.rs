// SPDX-License-Identifier: GPL-2.0
//! The configurations in which the series is compiled.

use std::path::Path;

use anyhow::Result;

use super::Desk;
use kernel::build_kernel::kbuild::Kbuild;
use kernel::build_kernel::kconfig;

#[derive(Clone, Copy, Debug)]
pub struct BuildRecipe {
    pub name: &'static str,
    start: &'static str,
    fragments: &'static [&'static str],
    pub feature: bool,
}

pub const VM: BuildRecipe = BuildRecipe {
    name: "vm",
    start: "tinyconfig",
    fragments: &["vm", "feature"],
    feature: true,
};
pub const VM_OFF: BuildRecipe = BuildRecipe {
    name: "vm-off",
    start: "tinyconfig",
    fragments: &["vm"],
    feature: false,
};
pub const LEAST: BuildRecipe = BuildRecipe {
    name: "least",
    start: "allnoconfig",
    fragments: &["least", "feature"],
    feature: true,
};
pub const LEAST_OFF: BuildRecipe = BuildRecipe {
    name: "least-off",
    start: "allnoconfig",
    fragments: &["least"],
    feature: false,
};

impl BuildRecipe {
    /// Returns the same configuration with the feature's option on or off.
    pub fn with(self, feature: bool) -> BuildRecipe {
        BuildRecipe { feature, ..self }
    }

    pub fn kbuild(&self, desk: &Desk<'_>, log: &Path) -> Kbuild {
        Kbuild {
            tools: desk.tools.clone(),
            src: desk.subject.src.clone(),
            out: desk.subject.folder.join(self.name),
            log: log.to_path_buf(),
            clang: false,
        }
    }

    pub fn configure(&self, desk: &Desk<'_>, kbuild: &Kbuild) -> Result<()> {
        let line = desk.subject.line;
        let paths = kconfig::named(desk.place, line, self.fragments)?;
        let request = kconfig::merge(&paths, !self.feature)?;
        kbuild.configure(desk.stage, self.start, &request)
    }

    /// Returns make with W=1, and with clippy in place of rustc. All reviewers that share a folder
    /// of objects use this: another command line compiles everything again.
    pub fn make(&self, desk: &Desk<'_>, kbuild: &Kbuild) -> std::process::Command {
        let mut make = kbuild.make();
        let clippy = desk.tools.clippy_driver.display();
        make.args(["W=1", "CLIPPY=1", "-k"])
            .arg(format!("CLIPPY_DRIVER={clippy}"));
        make
    }
}
