// SPDX-License-Identifier: GPL-2.0
//! The drivers that guests need from a distribution's kernel, which has nearly all of them as
//! modules. This file finds them in its tree of modules, unpacks them, and puts them in an order in
//! which they can be loaded.

use std::path::{Path, PathBuf};

use anyhow::Result;
use fs_err as fs;
use xshell::{Shell, cmd};

use toolbox::fault;

/// The modules for the guests' devices. If a kernel lacks one of them, the driver is built in, or
/// that kernel has no driver for the device.
const WANTED: &[&str] = &[
    "virtio_blk",
    "virtio_net",
    "virtio_scsi",
    "sd_mod",
    "virtio_rng",
    "virtio_console",
    "virtio_balloon",
    "9p",
    "9pnet_virtio",
    "virtio_input",
    "evdev",
    "vmw_vsock_virtio_transport",
    // virtio-crypto, and IPsec, which uses it.
    "virtio_crypto",
    "cbc",
    "hmac",
    "sha256_generic",
    "authenc",
    "echainiv",
    "xfrm_user",
    "esp4",
];

/// Unpacks the wanted modules of lib/modules/RELEASE, and the modules that they need, into `dir`.
/// Returns one file for each module, in an order in which they can be loaded. Fails if there is no
/// wanted module.
pub fn unpack(modules: &Path, dir: &Path) -> Result<Vec<PathBuf>> {
    let list = modules.join("modules.dep");
    let list = fs::read_to_string(&list)?;
    fs::create_dir_all(dir)?;
    let mut unpacked = Vec::new();
    for file in order(&list, WANTED) {
        let path = dir.join(name(file)).with_extension("ko");
        fs::write(&path, read(&modules.join(file))?)?;
        unpacked.push(path);
    }
    if unpacked.is_empty() {
        return Err(fault::environment(format!(
            "{} has none of the drivers that guests need",
            modules.display()
        )));
    }
    Ok(unpacked)
}

/// Returns the files of the wanted modules and of the modules that they need, each file after those
/// that it needs. `list` is depmod's: it has a line `FILE: FILE...` for each module, with all
/// modules that it needs, directly or not; the last one must be loaded first.
pub fn order<'a>(list: &'a str, wanted: &[&str]) -> Vec<&'a str> {
    let mut order: Vec<&str> = Vec::new();
    for &module in wanted {
        let mut lines = list.lines().filter_map(|line| line.split_once(':'));
        let Some((file, needed)) = lines.find(|(file, _)| name(file) == module) else {
            continue;
        };
        for file in needed.split_whitespace().rev().chain([file]) {
            if !order.contains(&file) {
                order.push(file);
            }
        }
    }
    order
}

/// The name of a file's module: "virtio_blk" for "kernel/drivers/block/virtio-blk.ko.xz".
fn name(file: &str) -> String {
    let file = file.rsplit('/').next().unwrap_or(file);
    let stem = file.split('.').next().unwrap_or(file);
    stem.replace('-', "_")
}

fn read(path: &Path) -> Result<Vec<u8>> {
    let program = match path.extension().and_then(|extension| extension.to_str()) {
        Some("xz") => "xz",
        Some("zst") => "zstd",
        Some("gz") => "gzip",
        _ => return Ok(fs::read(path)?),
    };
    let sh = Shell::new()?;
    let output = cmd!(sh, "{program} -d -c {path}").quiet().output()?;
    Ok(output.stdout)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &str = "kernel/net/core/failover.ko:\n\
        kernel/drivers/net/net-failover.ko: kernel/net/core/failover.ko\n\
        kernel/drivers/net/nobody-wants-this.ko:\n\
        kernel/drivers/net/virtio_net.ko: kernel/drivers/net/net-failover.ko kernel/net/core/failover.ko\n";

    #[test]
    fn modules_come_after_those_that_they_need_and_once() {
        let wanted = ["net_failover", "built_in", "virtio_net"];
        assert_eq!(
            order(LIST, &wanted),
            [
                "kernel/net/core/failover.ko",
                "kernel/drivers/net/net-failover.ko",
                "kernel/drivers/net/virtio_net.ko"
            ]
        );
    }

    #[test]
    fn files_are_named_as_the_kernel_names_the_modules() {
        let tree = tempfile::tempdir().unwrap();
        let folder = tree.path().join("kernel/drivers/char");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("virtio-rng.ko"), "text").unwrap();
        let list = "kernel/drivers/char/virtio-rng.ko:\n";
        fs::write(tree.path().join("modules.dep"), list).unwrap();
        let dir = tree.path().join("out");
        let unpacked = unpack(tree.path(), &dir).unwrap();
        assert_eq!(unpacked, [dir.join("virtio_rng.ko")]);
        assert_eq!(fs::read_to_string(&unpacked[0]).unwrap(), "text");
    }

    #[test]
    fn a_tree_without_drivers_is_an_error() {
        let tree = tempfile::tempdir().unwrap();
        let dir = tree.path().join("out");
        assert!(unpack(tree.path(), &dir).is_err());
        fs::write(tree.path().join("modules.dep"), "").unwrap();
        let err = unpack(tree.path(), &dir).unwrap_err();
        assert_eq!(fault::kind_of(&err), fault::Kind::Environment);
    }
}
