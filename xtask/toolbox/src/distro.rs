// SPDX-License-Identifier: GPL-2.0
//! Detects the distribution and makes the commands that install packages on it. Kernel sources and
//! stock kernels come from Debian. So on a distribution that is not Debian or derived from it, the
//! user gets the names of the packages, but no commands.

use anyhow::Result;
use fs_err as fs;

use crate::fault;

/// The fields of /etc/os-release; all are empty if there is no such file.
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

    fn has_apt(&self) -> bool {
        let mut ids = self.like.split(' ').chain([self.id.as_str()]);
        ids.any(|id| ["debian", "ubuntu"].contains(&id))
    }

    fn is_debian_12(&self) -> bool {
        self.id == "debian" && self.version == "12"
    }
}

/// Packages of Debian 13, and the packages that Debian 12 has for them. Debian 12's own rustc,
/// libclang and clang are too old. It also has newer ones, and the tools that belong to the newer
/// rustc. Its QEMU is not used, see [`newer_qemu`]. Only QEMU's firmware and libraries are
/// installed, because the package qemu-system-x86 would remove a qemu-utils that the user has from
/// the backports.
const DEBIAN_12: [(&str, &str); 7] = [
    ("rustc", "rustc-web"),
    ("rust-src", "rust-web-src"),
    ("libclang-dev", "libclang-19-dev"),
    ("clang", "clang-19"),
    ("rustfmt", "rustfmt-web"),
    ("rust-clippy", "rust-web-clippy"),
    (
        "qemu-system-x86",
        "qemu-system-data seabios ipxe-qemu libaio1 libbpf1 libcapstone4 libfdt1 libglib2.0-0 \
         libgnutls30 libibverbs1 libjpeg62-turbo libnuma1 libpixman-1-0 libpmem1 libpng16-16 \
         librdmacm1 libsasl2-2 libseccomp2 libslirp0 libudev1 liburing2 libvdeplug2 libzstd1",
    ),
];

/// The suite from which `doctor --install` takes a newer QEMU; None if the distribution's own is
/// good enough. Debian 12's QEMU crashes guests that patch their code (see the guest's cpus.rs),
/// and does not support IN_ORDER.
pub fn newer_qemu() -> Option<&'static str> {
    OsRelease::read()
        .is_debian_12()
        .then_some("bookworm-backports")
}

/// The commands that install `packages`, which have their names in Debian 13; empty if there are no
/// packages.
pub fn install_commands(packages: &[&str]) -> Result<Vec<Vec<String>>> {
    commands(packages, &OsRelease::read())
}

fn commands(packages: &[&str], os: &OsRelease) -> Result<Vec<Vec<String>>> {
    if !os.has_apt() {
        return Err(fault::environment(format!(
            "the package names of this distribution ({:?}) are unknown: install by hand what these \
             packages of Debian contain: {}",
            os.id,
            packages.join(", ")
        )));
    }
    let named = |package: &str| {
        let special = DEBIAN_12.iter().find(|(name, _)| *name == package);
        let special = special.filter(|_| os.is_debian_12());
        let names = special.map_or(package, |(_, own)| own).split(' ');
        names.map(str::to_owned).collect::<Vec<_>>()
    };
    if packages.is_empty() {
        return Ok(Vec::new());
    }
    // A fresh image has no package lists. Old lists name files that no longer exist.
    let update = "apt-get update".split(' ').map(str::to_owned);
    let install = "apt-get install -y --no-install-recommends".split(' ');
    let install = install.map(str::to_owned);
    let install = install.chain(packages.iter().copied().flat_map(named));
    Ok(vec![update.collect(), install.collect()])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn install_line_per_distribution() {
        let packages = ["libelf-dev", "rustc", "rust-src", "qemu-system-x86"];
        let packages_of = |os_release: &str| {
            let commands = commands(&packages, &OsRelease::parse(os_release));
            commands.map(|commands| commands[1][4..].join(" "))
        };
        let debian = packages_of("ID=debian\nVERSION_ID=\"12\"").unwrap();
        let start = "libelf-dev rustc-web rust-web-src qemu-system-data seabios ";
        assert!(debian.starts_with(start), "{debian}");
        let mint = packages_of("ID=linuxmint\nID_LIKE=\"ubuntu debian\"\nVERSION_ID=\"22\"");
        assert_eq!(mint.unwrap(), "libelf-dev rustc rust-src qemu-system-x86");
        let fedora = packages_of("ID=fedora").unwrap_err();
        assert!(fedora.to_string().contains("libelf-dev"));
    }
}
