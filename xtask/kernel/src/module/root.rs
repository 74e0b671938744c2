// SPDX-License-Identifier: GPL-2.0
//! Root file systems of Debian 13 in the cache. The module is built in one of them, because Debian
//! 12's gcc lacks a flag of these kernels, and their modpost and objtool need Debian 13's libc. The
//! others are like the machines of users of the package or the kit.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;
use fs_err as fs;
use sha2::{Digest, Sha256};

use super::stock::Stock;
use toolbox::apt;
use toolbox::fault;
use toolbox::lock;
use toolbox::place::Place;
use toolbox::run::Stage;
use toolbox::scratch;
use toolbox::tools::{self, Need};

pub const SUITE: &str = "trixie";

/// The packages of the root that builds the module. A user of the package has them, too: they are
/// the dependencies of the package and of the headers.
const BUILD: &[&str] = &[
    "gcc",
    "kmod",
    "libc6-dev",
    "libelf1t64",
    "libssl3t64",
    "make",
    "pahole",
    "rust-src",
    "rustc",
    "xz-utils",
    "zlib1g",
];

/// The packages of the root of a user: the dependencies of the module's package, what booting
/// needs, and openssl, with which DKMS makes its key. [`Root::of_user`] adds the kernel and its
/// headers, from their suite.
const USER: &[&str] = &[
    "apt",
    "dkms",
    "e2fsprogs",
    "initramfs-tools",
    "openssl",
    "rust-src",
    "rustc",
    "udev",
    "zstd",
];

/// Where a [`Root::command`] has its folder `work`.
pub const WORK: &str = "/mnt";

#[derive(Clone, Debug)]
pub struct Root {
    dir: PathBuf,
    /// enter.sh
    enter: PathBuf,
}

impl Root {
    /// The root that builds modules, from the cache or newly made.
    pub fn build(place: &Place) -> Result<Root> {
        Root::with(place, "build", SUITE, BUILD)
    }

    /// The root of a machine with that kernel, its headers, and all dependencies of the package.
    pub fn of_user(place: &Place, stock: Stock) -> Result<Root> {
        let suite = stock.line.stock_suite;
        let kernel = stock.meta_packages().map(|name| format!("{name}/{suite}"));
        let kernel = kernel.iter().map(String::as_str);
        let packages: Vec<&str> = USER.iter().copied().chain(kernel).collect();
        let suites = match suite {
            SUITE => SUITE.to_owned(),
            newer => format!("{SUITE} {newer}"),
        };
        Root::with(place, &format!("user-{stock}"), &suites, &packages)
    }

    /// Fails unless xtask runs as root, which mounting a root file system needs.
    pub fn check() -> Result<()> {
        match nix::unistd::geteuid().is_root() {
            true => Ok(()),
            false => Err(fault::environment(
                "mounting a root file system of Debian 13 needs root: run the command as root, \
                 with `sudo env PATH=\"$PATH\" cargo xtask ...`; `module build --headers DIR` \
                 builds for installed headers, without root",
            )),
        }
    }

    /// The root of a machine with QEMU, and with nothing else that a kit might need.
    pub fn with_qemu(place: &Place) -> Result<Root> {
        Root::with(place, "qemu", SUITE, &["qemu-system-x86"])
    }

    fn with(place: &Place, name: &str, suites: &str, packages: &[&str]) -> Result<Root> {
        const SPACE_NEEDED: u64 = 3 << 30;
        Root::check()?;
        tools::ensure(place, &[Need::Root])?;
        let folder = place.cache.join("root");
        let key = format!("{:x}", Sha256::digest(packages.join(" ")));
        let suite = suites.replace(' ', "+");
        let dir = folder.join(format!("{suite}-{name}-{}", &key[..8]));
        let _lock = lock::take(place, "root")?;
        if !dir.is_dir() {
            let tmp = scratch::dir(place, &folder, SPACE_NEEDED)?;
            let made = tmp.path().join("root");
            make(place, suites, packages, &made)?;
            fs::rename(&made, &dir)?;
        }
        Ok(Root {
            dir,
            enter: place.root.join("xtask/kernel/src/module/enter.sh"),
        })
    }

    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// A command that runs in the root, with the unpacked `packages` mounted over it and `work` at
    /// [`WORK`]. The root and the packages are read-only, `work` is not.
    pub fn command(&self, packages: &Path, work: &Path) -> Command {
        let mut cmd = private_mounts();
        cmd.arg("sh").args([&self.enter, &self.dir, packages, work]);
        cmd
    }
}

fn make(place: &Place, suites: &str, packages: &[&str], dir: &Path) -> Result<()> {
    let stage = Stage::new(format!("making a root file system of Debian {SUITE}"));
    let sources = dir.with_file_name("debian.sources");
    fs::write(&sources, apt::sources(place, &stage, "deb", suites)?)?;
    // Without private mounts, mmdebstrap's mounts would outlive it if it is killed.
    let mut cmd = private_mounts();
    cmd.args(["mmdebstrap", "--mode=root", "--variant=essential"])
        .arg(format!("--include={}", packages.join(",")))
        .arg(SUITE)
        .args([dir, &sources]);
    stage.run(&mut cmd, &place.logs().join("root.log"))
}

pub fn private_mounts() -> Command {
    let mut cmd = Command::new("unshare");
    cmd.args(["--mount", "--propagation", "private", "--"]);
    cmd
}
