// SPDX-License-Identifier: GPL-2.0
//! Distributions: which one this is, how its package manager is called, and
//! what it calls each thing that the project needs.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::Result;

use crate::fault;

/// What /etc/os-release says; all empty if there is none.
#[derive(Debug, Default)]
pub struct OsRelease {
    pub id: String,
    pub like: String,
    pub version: String,
    pub codename: String,
}

impl OsRelease {
    pub fn read() -> OsRelease {
        OsRelease::parse(&fs::read_to_string("/etc/os-release").unwrap_or_default())
    }

    pub fn parse(text: &str) -> OsRelease {
        let value = |name: &str| {
            let line = text
                .lines()
                .find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
            line.unwrap_or_default().trim_matches('"').to_owned()
        };
        OsRelease {
            id: value("ID"),
            like: value("ID_LIKE"),
            version: value("VERSION_ID"),
            codename: value("VERSION_CODENAME"),
        }
    }

    fn manager(&self) -> Option<Manager> {
        let ids = [self.id.as_str()]
            .into_iter()
            .chain(self.like.split_whitespace());
        ids.into_iter().find_map(|id| match id {
            "debian" | "ubuntu" => Some(Manager::Apt),
            "fedora" | "rhel" | "centos" => Some(Manager::Dnf),
            "arch" => Some(Manager::Pacman),
            "suse" | "opensuse" => Some(Manager::Zypper),
            _ => None,
        })
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Manager {
    Apt,
    Dnf,
    Pacman,
    Zypper,
}

impl Manager {
    fn install(self) -> &'static [&'static str] {
        match self {
            Manager::Apt => &["apt-get", "install", "-y", "--no-install-recommends"],
            Manager::Dnf => &["dnf", "install", "-y"],
            Manager::Pacman => &["pacman", "-S", "--needed", "--noconfirm"],
            Manager::Zypper => &["zypper", "--non-interactive", "install"],
        }
    }
}

/// Item, then its packages by apt, dnf, pacman and zypper.
#[rustfmt::skip]
const PACKAGES: [(&str, [&str; 4]); 35] = [
    ("git",      ["git", "git", "git", "git"]),
    ("xz",       ["xz-utils", "xz", "xz", "xz"]),
    ("make",     ["make", "make", "make", "make"]),
    ("gcc",      ["gcc libc6-dev", "gcc glibc-devel", "gcc", "gcc glibc-devel"]),
    ("g++",      ["g++", "gcc-c++", "gcc", "gcc-c++"]),
    ("ld",       ["binutils", "binutils", "binutils", "binutils"]),
    ("flex",     ["flex", "flex", "flex", "flex"]),
    ("bison",    ["bison", "bison", "bison", "bison"]),
    ("bc",       ["bc", "bc", "bc", "bc"]),
    ("libelf.h", ["libelf-dev", "elfutils-libelf-devel", "libelf", "libelf-devel"]),
    ("openssl/ssl.h", ["libssl-dev", "openssl-devel", "openssl", "libopenssl-devel"]),
    ("rustc",    ["rustc rust-src", "rust rust-src", "rust rust-src", "rust rust-src"]),
    ("libclang", ["libclang-dev", "clang-devel", "clang", "clang-devel"]),
    ("clang",    ["clang", "clang", "clang", "clang"]),
    ("qemu-system-x86_64", ["qemu-system-x86", "qemu-system-x86-core", "qemu-system-x86", "qemu-x86"]),
    ("fio",      ["fio", "fio", "fio", "fio"]),
    ("sockperf", ["sockperf", "sockperf", "sockperf", "sockperf"]),
    ("iperf3",   ["iperf3", "iperf3", "iperf3", "iperf"]),
    ("cyclictest", ["rt-tests", "realtime-tests", "rt-tests", "rt-tests"]),
    ("ip",       ["iproute2", "iproute", "iproute2", "iproute2"]),
    ("unshare",  ["util-linux", "util-linux", "util-linux", "util-linux"]),
    ("nsenter",  ["util-linux", "util-linux", "util-linux", "util-linux"]),
    ("valgrind", ["valgrind", "valgrind", "valgrind", "valgrind"]),
    ("python3",  ["python3 python3-venv", "python3", "python", "python3"]),
    ("dpkg-deb", ["dpkg", "dpkg", "dpkg", "dpkg"]),
    ("mmdebstrap", ["mmdebstrap", "mmdebstrap", "mmdebstrap", "mmdebstrap"]),
    ("busybox",  ["busybox-static", "busybox", "busybox", "busybox-static"]),
    ("perl",     ["perl", "perl", "perl", "perl"]),
    ("codespell", ["codespell", "codespell", "codespell", "codespell"]),
    ("spatch",   ["coccinelle", "coccinelle", "coccinelle", "coccinelle"]),
    ("ocamlopt", ["ocaml-nox", "ocaml", "ocaml", "ocaml"]),
    ("python3-ply", ["python3-ply", "python3-ply", "python-ply", "python3-ply"]),
    ("python3-git", ["python3-git", "python3-GitPython", "python-gitpython", "python3-GitPython"]),
    ("rustfmt",  ["rustfmt", "rustfmt", "rust", "rustfmt"]),
    ("clippy-driver", ["rust-clippy", "clippy", "rust", "clippy"]),
];

/// Debian 12's own rustc, libclang and clang are too old; it has newer ones beside them,
/// and what goes with that rustc.
const DEBIAN_12: [(&str, &str); 5] = [
    ("rustc", "rustc-web rust-web-src"),
    ("libclang", "libclang-19-dev"),
    ("clang", "clang-19"),
    ("rustfmt", "rustfmt-web"),
    ("clippy-driver", "rust-web-clippy"),
];

/// Suites with a newer QEMU, for distributions whose own will not do: that of
/// Debian 12 crashes guests that patch their code (see the guest's cpus.rs), and
/// it does not know IN_ORDER.
const NEWER_QEMU: [(&str, &str, &str); 1] = [("debian", "12", "bookworm-backports")];

/// The suite from which `doctor --install` takes one, if there is any.
pub fn newer_qemu() -> Option<&'static str> {
    let os = OsRelease::read();
    let found = NEWER_QEMU
        .iter()
        .find(|(id, version, _)| os.id == *id && os.version == *version);
    found.map(|(.., suite)| *suite)
}

fn packages(item: &str, os: &OsRelease, manager: Manager) -> Option<&'static str> {
    let special = DEBIAN_12.iter().find(|(name, _)| *name == item);
    if let Some((_, packages)) = special.filter(|_| os.id == "debian" && os.version == "12") {
        return Some(packages);
    }
    let (_, packages) = PACKAGES.iter().find(|(name, _)| *name == item)?;
    Some(packages[manager as usize])
}

/// The commands that install the packages of `items`; none if no item is one.
pub fn install_commands(items: &[&str]) -> Result<Vec<Vec<String>>> {
    commands(items, &OsRelease::read(), lists_are_stale())
}

fn commands(items: &[&str], os: &OsRelease, stale: bool) -> Result<Vec<Vec<String>>> {
    let manager = os.manager().ok_or_else(|| {
        fault::environment(format!(
            "no package names are known for this distribution ({:?}): install {} by hand",
            os.id,
            items.join(", ")
        ))
    })?;
    let words = |words: &[&str]| words.iter().map(ToString::to_string).collect::<Vec<_>>();
    let packages: Vec<String> = items
        .iter()
        .filter_map(|item| packages(item, os, manager))
        .flat_map(|packages| packages.split(' ').map(str::to_owned))
        .collect();
    let mut commands = Vec::new();
    if packages.is_empty() {
        return Ok(commands);
    }
    if manager == Manager::Apt && stale {
        commands.push(words(&["apt-get", "update"]));
    }
    let mut install = words(manager.install());
    install.extend(packages);
    commands.push(install);
    Ok(commands)
}

/// A fresh image has no package lists at all; old ones name files that are gone.
fn lists_are_stale() -> bool {
    const DAY: Duration = Duration::from_secs(24 * 60 * 60);
    let lists = Path::new("/var/lib/apt/lists")
        .read_dir()
        .into_iter()
        .flatten()
        .flatten();
    let is_fresh = |entry: &fs::DirEntry| {
        let modified = entry.metadata().and_then(|meta| meta.modified());
        modified.is_ok_and(|time| time.elapsed().is_ok_and(|age| age < DAY))
    };
    let is_list = |entry: &fs::DirEntry| entry.file_name().to_string_lossy().contains("_Packages");
    !lists
        .into_iter()
        .any(|entry| is_list(&entry) && is_fresh(&entry))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(items: &[&str], os_release: &str, stale: bool) -> String {
        let commands = commands(items, &OsRelease::parse(os_release), stale).unwrap();
        let lines: Vec<String> = commands.iter().map(|words| words.join(" ")).collect();
        lines.join(" && ")
    }

    #[test]
    fn install_line_per_distribution() {
        let items = ["libelf.h", "rustc"];
        let cases = [
            (
                "ID=debian\nVERSION_ID=\"12\"",
                "apt-get install -y --no-install-recommends libelf-dev rustc-web rust-web-src",
            ),
            (
                "ID=linuxmint\nID_LIKE=\"ubuntu debian\"\nVERSION_ID=\"22\"",
                "apt-get install -y --no-install-recommends libelf-dev rustc rust-src",
            ),
            (
                "ID=fedora",
                "dnf install -y elfutils-libelf-devel rust rust-src",
            ),
            (
                "ID=arch",
                "pacman -S --needed --noconfirm libelf rust rust-src",
            ),
            (
                "ID=\"opensuse-leap\"\nID_LIKE=\"suse opensuse\"",
                "zypper --non-interactive install libelf-devel rust rust-src",
            ),
        ];
        for (os_release, expected) in cases {
            assert_eq!(line(&items, os_release, false), expected, "{os_release}");
        }
    }

    #[test]
    fn stale_lists_are_renewed_only_to_install() {
        let debian = "ID=debian\nVERSION_ID=\"12\"";
        assert!(line(&["bc"], debian, true).starts_with("apt-get update && apt-get install"));
        assert_eq!(line(&["bindgen"], debian, true), "");
    }
}
