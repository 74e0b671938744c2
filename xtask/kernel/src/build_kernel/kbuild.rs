// SPDX-License-Identifier: GPL-2.0
//! Calls make for a kernel. Everything that could change the result is fixed here.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;
use fs_err as fs;

use super::kconfig::Request;
use super::objtool;
use toolbox::run::Stage;
use toolbox::tools::Tools;

/// Environment variables of cargo or the user that would make kbuild choose other tools.
pub const MISLEADING: [&str; 6] = [
    "LD_LIBRARY_PATH",
    "MAKEFLAGS",
    "MFLAGS",
    "ARCH",
    "CROSS_COMPILE",
    "LLVM",
];

/// A source tree, and a folder of objects that is built from it.
#[derive(Clone, Debug)]
pub struct Kbuild {
    pub tools: Tools,
    /// The source tree. kbuild rebuilds everything if this path changes.
    pub src: PathBuf,
    pub out: PathBuf,
    pub log: PathBuf,
    /// Compile C with clang: only then can Rust and KASAN be combined. All other tools stay GNU.
    pub clang: bool,
}

impl Kbuild {
    /// Makes .config from the make target `start`, such as tinyconfig, and from `request`. Fails if
    /// Kconfig does not grant an option of the request.
    pub fn configure(&self, stage: &Stage, start: &str, request: &Request) -> Result<()> {
        fs::create_dir_all(&self.out)?;
        let fragment = self.out.join("requested.config");
        fs::write(&fragment, request.text())?;
        stage.run(self.make().args(["-s", start]), &self.log)?;
        let mut merge = Command::new(self.src.join("scripts/kconfig/merge_config.sh"));
        merge
            .current_dir(&self.out)
            .args(["-m", ".config"])
            .arg(&fragment);
        stage.run(&mut merge, &self.log)?;
        stage.run(self.make().args(["-s", "olddefconfig"]), &self.log)?;
        request.check_survived(&self.out.join(".config"))
    }

    /// Runs make, and fails if objtool warned.
    pub fn run(&self, stage: &Stage, make: &mut Command) -> Result<()> {
        let made = stage.run(make, &self.log);
        // Check also if make failed: the next build does not repeat the warnings.
        let silent = objtool::is_silent(&self.log, &self.out);
        made.and(silent)
    }

    pub fn make(&self) -> Command {
        let tools = &self.tools;
        let mut cmd = Command::new(&tools.make);
        cmd.arg("-C").arg(&self.src);
        let variables = [
            ("O", self.out.clone()),
            ("RUSTC", tools.rustc.clone()),
            ("HOSTRUSTC", tools.rustc.clone()),
            ("RUSTDOC", tools.rustdoc.clone()),
            ("BINDGEN", tools.bindgen.clone()),
        ];
        cmd.args(variables.map(|(name, value)| format!("{name}={}", value.display())));
        cmd.arg("LOCALVERSION=");
        if self.clang {
            cmd.arg(format!("CC={}", tools.clang.display()));
        }
        cmd.env("LIBCLANG_PATH", &tools.libclang)
            .env("KBUILD_BUILD_TIMESTAMP", "Sun Nov 22 12:00:00 UTC 2026")
            .env("KBUILD_BUILD_VERSION", "1")
            .env("KBUILD_BUILD_USER", "poll-source")
            .env("KBUILD_BUILD_HOST", "localhost")
            .env("LC_ALL", "C")
            .env("TZ", "UTC");
        for name in MISLEADING {
            cmd.env_remove(name);
        }
        cmd
    }
}
