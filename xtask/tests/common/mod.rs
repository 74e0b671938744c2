// SPDX-License-Identifier: GPL-2.0
//! A checkout, a cache and kernel trees for the tests to play with: small
//! enough to make one per test, in a folder that goes away.

#![allow(dead_code, reason = "each test file uses its own part")]

pub mod devloop;
pub mod series;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

/// A file of the small kernels.
pub const IDLE: &str = "a\nb\nc\none\ntwo\nthree\nd\n";

pub struct World {
    pub dir: TempDir,
}

/// What a command did.
pub struct Ran {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl World {
    pub fn new() -> World {
        let world = World {
            dir: tempfile::tempdir().unwrap(),
        };
        // What makes a folder a checkout in xtask's eyes.
        world.write("checkout/xtask/Cargo.toml", "");
        world.write("checkout/kconfig/vm.config", "CONFIG_SMP=y\n");
        world.write("checkout/kconfig/feature.config", "CONFIG_RUST=y\n");
        world
    }

    pub fn path(&self, path: &str) -> PathBuf {
        self.dir.path().join(path)
    }

    pub fn write(&self, path: &str, text: &str) -> PathBuf {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }

    pub fn script(&self, path: &str, text: &str) -> PathBuf {
        let path = self.write(path, &format!("#!/bin/sh\n{text}\n"));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    /// The command, in the checkout and with a cache of its own.
    pub fn xtask(&self, args: &[&str]) -> Command {
        let mut cmd = Command::new(env!("CARGO_BIN_EXE_xtask"));
        cmd.args(args)
            .current_dir(self.path("checkout"))
            .env("XDG_CACHE_HOME", self.path("cache"))
            .env_remove("CI");
        for name in ["RUSTC", "BINDGEN", "LIBCLANG_PATH"] {
            cmd.env_remove(name);
        }
        cmd
    }

    pub fn run(&self, args: &[&str]) -> Ran {
        ran(&mut self.xtask(args))
    }

    /// A git tree with a kernel's top files; `version` is VERSION.PATCHLEVEL.
    pub fn kernel(&self, name: &str, version: &str) -> PathBuf {
        self.kernel_files(name, version);
        let dir = self.path(name);
        git(&dir, &["init", "-q"]);
        git(&dir, &["add", "-Af", "."]);
        git(&dir, &["commit", "-q", "-m", "base"]);
        dir
    }

    pub fn kernel_files(&self, name: &str, version: &str) {
        let (major, minor) = version.split_once('.').unwrap();
        let makefile = format!(
            "# SPDX\nVERSION = {major}\nPATCHLEVEL = {minor}\nSUBLEVEL = 4\nEXTRAVERSION =\n"
        );
        self.write(&format!("{name}/Makefile"), &makefile);
        self.write(&format!("{name}/Kconfig"), "mainmenu \"Linux\"\n");
        self.write(&format!("{name}/COPYING"), "GPL\n");
        self.write(&format!("{name}/.gitignore"), "/*\n");
        self.write(&format!("{name}/drivers/cpuidle/idle.c"), IDLE);
    }

    /// linux-7.3.tar.xz and the like.
    pub fn tarball(&self, version: &str) -> PathBuf {
        let name = format!("linux-{version}");
        self.kernel_files(&name, version);
        let tarball = self.path(&format!("{name}.tar.xz"));
        let mut tar = Command::new("tar");
        tar.arg("-C")
            .arg(self.dir.path())
            .arg("-cJf")
            .arg(&tarball)
            .arg(&name);
        assert!(tar.status().unwrap().success());
        tarball
    }
}

pub fn ran(cmd: &mut Command) -> Ran {
    cmd.output().unwrap().into()
}

impl From<Output> for Ran {
    fn from(output: Output) -> Ran {
        Ran {
            code: output.status.code(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl Ran {
    /// Checks the exit code, and that the message has each of `parts`.
    #[track_caller]
    pub fn fails(&self, code: i32, parts: &[&str]) {
        assert_eq!(self.code, Some(code), "{}", self.err);
        for part in parts {
            assert!(self.err.contains(part), "no {part:?} in {}", self.err);
        }
    }

    #[track_caller]
    pub fn passes(&self) {
        assert_eq!(self.code, Some(0), "{}", self.err);
    }
}

pub fn git(dir: &Path, args: &[&str]) -> String {
    let mut cmd = Command::new("git");
    cmd.arg("-C").arg(dir).args(args);
    for who in ["AUTHOR", "COMMITTER"] {
        cmd.env(format!("GIT_{who}_NAME"), "A Tester");
        cmd.env(format!("GIT_{who}_EMAIL"), "tester@localhost");
    }
    let ran = ran(cmd.env("GIT_CONFIG_GLOBAL", "/dev/null"));
    ran.passes();
    ran.out.trim_end().to_owned()
}
