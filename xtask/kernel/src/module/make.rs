// SPDX-License-Identifier: GPL-2.0
//! One build of a module by its own Makefile, on this machine or in a root file system. It builds
//! the module itself, or a module that the tests load.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;
use fs_err as fs;
use guest_protocol::module_test::OTHER_IDLE;

use super::identity;
use super::root::Root;
use super::tree::{self, ModuleFiles};
use crate::build_kernel::kbuild::MISLEADING;
use plants::Plant;
use toolbox::fault::{self, Kind};
use toolbox::lock;
use toolbox::place::Place;
use toolbox::run::{self, Stage};
use toolbox::tools::Tools;

/// The module to build.
#[derive(Clone, Copy, Debug)]
pub enum Target<'a> {
    /// The module itself, with a planted bug if there is one.
    Module(Option<&'a Plant>),
    OtherIdle,
}

/// Where the module is built.
pub enum Site<'a> {
    Here {
        tools: Box<Tools>,
        clang: bool,
    },
    /// In a root file system, with the unpacked packages of a kernel mounted over it.
    Root {
        root: &'a Root,
        packages: &'a Path,
    },
}

pub struct Make<'a> {
    pub place: &'a Place,
    /// The name of this build in messages, logs and its lock.
    pub name: String,
    /// The path of the kernel's headers, as seen from the site.
    pub headers: PathBuf,
    pub out: PathBuf,
    pub site: Site<'a>,
    pub target: Target<'a>,
}

impl Target<'_> {
    fn ko(self) -> &'static str {
        match self {
            Target::Module(_) => "poll_source.ko",
            Target::OtherIdle => OTHER_IDLE,
        }
    }

    fn files(self, place: &Place) -> Result<ModuleFiles> {
        match self {
            Target::Module(None) => tree::files(place),
            Target::Module(Some(plant)) => tree::planted_files(place, plant),
            Target::OtherIdle => tree::test_files(place),
        }
    }
}

impl Make<'_> {
    /// Builds the module and returns its path in `out`. Compiles only what changed. Fails on any
    /// warning that is not about the choice of the compiler.
    pub fn run(&self) -> Result<PathBuf> {
        let _lock = lock::take(self.place, &format!("build-module-{}", self.name))?;
        let files = self.target.files(self.place)?;
        let (tree, log) = (self.out.join("tree"), self.log());
        self.forget_other_tools(&tree)?;
        tree::write(&files, &tree)?;
        let _ = fs::remove_file(&log);
        let name = &self.name;
        let headers = self.headers.display();
        if let Target::Module(_) = self.target {
            let stage = Stage::new(format!(
                "checking whether the module can be built for Linux {name}"
            ));
            let check = ["sh", "./check.sh", &headers.to_string()];
            stage.run(&mut self.command(&tree, &check), &log)?;
        }
        let stage = Stage::new(format!("building the module for Linux {name}"));
        let stage = stage.fails_as(Kind::Build);
        let jobs = run::jobs()?;
        let make = ["make", &jobs, &format!("KDIR={headers}")];
        let made = stage.run(&mut self.command(&tree, &make), &log);
        if let Err(err) = made.and_then(|()| is_silent(&log)) {
            // Remove the objects: make would not repeat the warnings about them.
            fs::remove_dir_all(&tree)?;
            return Err(err);
        }
        self.deliver(&tree, &files)
    }

    /// Removes objects that were made with other tools or for other headers.
    fn forget_other_tools(&self, tree: &Path) -> Result<()> {
        let made_with = self.out.join("made-with");
        let now = match &self.site {
            Site::Here { tools, .. } => tools.versions.join("\n"),
            Site::Root { root, packages } => {
                format!("{}\n{}", root.dir().display(), packages.display())
            }
        };
        let now = format!("{now}\n{}\n", self.headers.display());
        if fs::read_to_string(&made_with).is_ok_and(|before| before == now) {
            return Ok(());
        }
        if tree.exists() {
            fs::remove_dir_all(tree)?;
        }
        fs::write(&made_with, now)?;
        Ok(fs::create_dir(tree)?)
    }

    fn command(&self, tree: &Path, words: &[&str]) -> Command {
        let (tools, clang) = match &self.site {
            Site::Root { root, packages } => {
                let mut cmd = root.command(packages, tree);
                cmd.args(words);
                return cmd;
            }
            Site::Here { tools, clang } => (tools, *clang),
        };
        let mut cmd = Command::new(words[0]);
        cmd.args(&words[1..]).current_dir(tree).env("LC_ALL", "C");
        for name in MISLEADING {
            cmd.env_remove(name);
        }
        cmd.env("RUSTC", &tools.rustc);
        if clang {
            cmd.env("CC", &tools.clang);
            // kbuild ignores CC in the environment.
            cmd.env("MAKEFLAGS", format!("CC={}", tools.clang.display()));
        }
        cmd
    }

    /// Copies the module to `out`, and writes the identity beside it. A rename replaces the
    /// previous module, because a guest may still be reading that file.
    fn deliver(&self, tree: &Path, files: &ModuleFiles) -> Result<PathBuf> {
        let name = self.target.ko();
        let (ko, new) = (self.out.join(name), self.out.join(".new.ko"));
        fs::copy(tree.join(name), &new)?;
        fs::rename(&new, &ko)?;
        identity::write(files, &self.out)?;
        Ok(ko)
    }

    fn log(&self) -> PathBuf {
        let name = format!("module-{}.log", self.name);
        self.place.logs().join(name)
    }
}

/// Fails if the log has a warning: modpost, objtool and the compilers do not fail on one.
fn is_silent(log: &Path) -> Result<()> {
    let text = fs::read_to_string(log)?;
    let warnings: Vec<&str> = text.lines().filter(|line| is_warning(line)).collect();
    if warnings.is_empty() {
        return Ok(());
    }
    Err(fault::build(format!(
        "the build printed warnings:\n  {}\n  log: {}",
        warnings.join("\n  "),
        log.display()
    )))
}

fn is_warning(line: &str) -> bool {
    // kbuild and check.sh warn about the choice of the compiler, which is not the module's fault.
    const OTHER_COMPILER: [&str; 2] = ["the compiler differs", "the kernel was built by"];
    let line = line.to_ascii_lowercase();
    line.contains("warning:") && !OTHER_COMPILER.iter().any(|known| line.contains(known))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn warnings_of_each_tool_fail_the_build() {
        let warnings = [
            "WARNING: modpost: missing MODULE_LICENSE() in poll_source.o",
            "poll_source.o: warning: objtool: f+0x1: unreachable instruction",
            "main.c:1:1: warning: unused variable 'x' [-Wunused-variable]",
            "warning: unused import: `core::fmt`",
        ];
        let others = [
            "warning: the compiler differs from the one used to build the kernel",
            "poll_source: warning: the kernel was built by gcc-14 and the module will be by gcc-12:",
            "  CC [M]  warning.o",
            "Skipping BTF generation for poll_source.ko due to unavailability of vmlinux",
        ];
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join("log");
        fs::write(&log, others.join("\n")).unwrap();
        is_silent(&log).unwrap();
        for warning in warnings {
            fs::write(&log, format!("{}\n{warning}\n", others.join("\n"))).unwrap();
            let err = is_silent(&log).unwrap_err();
            assert_eq!(fault::kind_of(&err), Kind::Build);
            assert!(err.to_string().contains(warning), "{err}");
        }
    }
}
