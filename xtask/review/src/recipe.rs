// SPDX-License-Identifier: GPL-2.0
//! The configurations in which the series is compiled.

use std::path::Path;

use anyhow::{Result, ensure};

use super::Desk;
use kernel::build_kernel::kbuild::Kbuild;
use kernel::build_kernel::kconfig;
use toolbox::fault;
use toolbox::run;

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
    /// Returns the same configuration with another name, so with its own folder of objects, and
    /// with the feature's option on or off.
    pub fn with(self, name: &'static str, feature: bool) -> BuildRecipe {
        BuildRecipe {
            name,
            feature,
            ..self
        }
    }

    /// Configures the kernel in the recipe's folder of objects. What make prints goes to `log`.
    pub fn configure(&self, desk: &Desk<'_>, log: &Path) -> Result<Kbuild> {
        let kbuild = Kbuild {
            tools: desk.tools.clone(),
            src: desk.subject.src.clone(),
            out: desk.subject.folder.join(self.name),
            log: log.to_path_buf(),
            clang: false,
        };
        let request = kconfig::merged(desk.place, desk.subject.line, self.fragments)?;
        let request = match self.feature {
            true => request,
            false => request.without_feature(),
        };
        kbuild.configure(desk.stage, self.start, &request)?;
        Ok(kbuild)
    }

    /// Runs make with W=1, and with clippy in place of rustc. Returns its output. All reviewers
    /// that share a folder of objects use this: another command line compiles everything again.
    pub fn make(&self, desk: &Desk<'_>, kbuild: &Kbuild, args: &[String]) -> Result<String> {
        let clippy = desk.tools.clippy_driver.display();
        let mut make = kbuild.make();
        make.args(["W=1", "CLIPPY=1", "-k", &run::jobs()?])
            .arg(format!("CLIPPY_DRIVER={clippy}"))
            .args(args);
        let (status, said) = desk.stage.ask(&mut make, &kbuild.log)?;
        let errors = said.lines().filter(|line| line.contains("error"));
        let errors = errors.take(5).map(|line| format!("\n    {line}"));
        ensure!(
            status.success(),
            fault::build(format!(
                "{}: make: {status}{}\n  log: {}",
                self.name,
                errors.collect::<String>(),
                kbuild.log.display()
            ))
        );
        Ok(said)
    }
}
