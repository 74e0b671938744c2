// SPDX-License-Identifier: GPL-2.0
//! Examines the virtual machine that is measured from inside, and reports what it lacks.

use std::path::{Path, PathBuf};

use anyhow::Result;
use fs_err as fs;
use guest_protocol::form::MODULE;

use crate::before::Sysfs;
use kernel::module::identity;
use kernel::module::package::SOURCE;
use pack::layout;
use toolbox::fault;
use vm::accel::Accelerator;

/// The suffixes of a module's file, as distributions compress it.
const SUFFIXES: [&str; 4] = [".ko", ".ko.xz", ".ko.zst", ".ko.gz"];

/// The hypervisor that runs this machine, as its kernel detects it. Fails on a machine that is not
/// virtual, or that neither KVM nor QEMU runs.
pub fn hypervisor(sysfs: &Sysfs) -> Result<Accelerator> {
    if !lab::bench::environment::is_virtual() {
        return Err(fault::usage(
            "this is not a virtual machine: --guest measures one from inside; leave it out on a \
             host",
        ));
    }
    hypervisor_of(sysfs)
}

fn hypervisor_of(sysfs: &Sysfs) -> Result<Accelerator> {
    let clocks = "devices/system/clocksource/clocksource0/available_clocksource";
    let clocks = fs::read_to_string(sysfs.0.join(clocks)).unwrap_or_default();
    if clocks.split_whitespace().any(|clock| clock == "kvm-clock") {
        return Ok(Accelerator::Kvm);
    }
    let vendor = sysfs.0.join("class/dmi/id/sys_vendor");
    let vendor = fs::read_to_string(vendor).unwrap_or_default();
    match vendor.trim() {
        "QEMU" => Ok(Accelerator::Tcg),
        other => Err(fault::environment(format!(
            "this virtual machine runs under neither KVM nor QEMU (its vendor: {other:?}): --guest \
             supports only these two"
        ))),
    }
}

/// The virtio disk that `named` names, or the only one.
pub fn disk(sysfs: &Sysfs, named: Option<&str>) -> Result<String> {
    let found = disks(sysfs)?;
    let list = found.join(", ");
    match (named, &found[..]) {
        (_, []) => Err(fault::environment(
            "this machine has no virtio disk: attach one (virtio-blk); a small one is enough",
        )),
        (Some(name), _) if found.iter().any(|disk| disk == name) => Ok(name.to_owned()),
        (Some(name), _) => Err(fault::usage(format!(
            "--disk {name}: not a virtio disk of this machine; its virtio disks: {list}"
        ))),
        (None, [only]) => Ok(only.clone()),
        (None, _) => Err(fault::usage(format!(
            "this machine has several virtio disks ({list}): name one with --disk"
        ))),
    }
}

fn disks(sysfs: &Sysfs) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(sysfs.0.join("block"))? {
        let entry = entry?;
        let driver = entry.path().join("device/driver");
        let is_virtio = fs::read_link(driver).is_ok_and(|to| to.ends_with("virtio_blk"));
        if is_virtio {
            found.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    found.sort();
    Ok(found)
}

/// Whether the block layer itself can poll the disk (io_poll).
pub fn disk_polls(sysfs: &Sysfs, disk: &str) -> bool {
    let queue = sysfs.0.join("block").join(disk).join("queue/io_poll");
    fs::read_to_string(queue).is_ok_and(|polls| polls.trim() == "1")
}

/// The module's file: `named`, or the one in `modules`, this kernel's folder of modules. None if
/// the kernel itself has the feature. `release` is the kernel's, for the message.
pub fn module(
    sysfs: &Sysfs,
    modules: &Path,
    release: &str,
    named: Option<&Path>,
) -> Result<Option<PathBuf>> {
    if let Some(file) = named {
        return match file.is_file() {
            true => Ok(Some(file.to_owned())),
            false => Err(fault::usage(format!(
                "--module: there is no file {}",
                file.display()
            ))),
        };
    }
    let is_loaded = sysfs.is_loaded();
    let of_series = sysfs.module("virtio").join("parameters/poll_source");
    if !is_loaded && of_series.exists() {
        return Ok(None);
    }
    if let Some(file) = module_file(modules) {
        return Ok(Some(file));
    }
    Err(fault::environment(match is_loaded {
        true => format!(
            "{MODULE} is loaded, but its file is not in {}: name the file with --module FILE, \
             because the module will be unloaded and loaded again",
            modules.display()
        ),
        false => format!(
            "this kernel ({release}) has neither the series nor the module {MODULE}\n  to install \
             the module on Debian: apt install ./module/poll-source-dkms_*_all.deb \
             linux-headers-{release}\n  elsewhere: build it from module/poll-source-*.tar.xz, and \
             name its file with --module FILE"
        ),
    }))
}

/// The git tree hash of the source of a module's file. It is in a file beside the module. For a
/// module that DKMS built, it is beside the module's source in `sources`, and only known if exactly
/// one version is there.
pub fn source_tree(file: &Path, sources: &Path) -> Option<String> {
    let dir = file.parent()?;
    if !dir.ends_with("dkms") {
        return identity::read(dir);
    }
    let entries = fs::read_dir(sources).into_iter().flatten().flatten();
    let is_own = |name: &str| name.starts_with(&format!("{SOURCE}-"));
    let mut own = entries.filter(|entry| is_own(&entry.file_name().to_string_lossy()));
    let (only, None) = (own.next()?, own.next()) else {
        return None;
    };
    identity::read(&only.path())
}

/// Searches a kernel's folder of modules for the module's file.
fn module_file(modules: &Path) -> Option<PathBuf> {
    let is_it = |path: &&String| {
        let name = path
            .rsplit('/')
            .next()
            .and_then(|it| it.strip_prefix(MODULE));
        name.is_some_and(|suffix| SUFFIXES.contains(&suffix))
    };
    let files = layout::files(modules).ok()?;
    files.iter().find(is_it).map(|path| modules.join(path))
}

/// Fails if io_uring, which the benchmark uses, is disabled.
pub fn need_io_uring() -> Result<()> {
    let path = "/proc/sys/kernel/io_uring_disabled";
    match fs::read_to_string(path).unwrap_or_default().trim() {
        "2" => Err(fault::environment(format!(
            "io_uring, which the benchmark uses, is disabled: enable it with `echo 0 > {path}`"
        ))),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;
    use tempfile::TempDir;
    use toolbox::fault::Kind;

    fn sysfs() -> (TempDir, Sysfs) {
        let dir = tempfile::tempdir().unwrap();
        let sysfs = Sysfs(dir.path().to_owned());
        fs::create_dir(dir.path().join("block")).unwrap();
        (dir, sysfs)
    }

    fn write(path: &Path, text: &str) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn add_disk(sysfs: &Sysfs, name: &str, driver: &str) {
        let device = sysfs.0.join("block").join(name).join("device");
        fs::create_dir_all(&device).unwrap();
        symlink(format!("../../drivers/{driver}"), device.join("driver")).unwrap();
    }

    #[test]
    fn the_only_virtio_disk_is_taken_and_of_several_one_must_be_named() {
        let (_dir, sysfs) = sysfs();
        let kind = |named| fault::kind_of(&disk(&sysfs, named).unwrap_err());
        add_disk(&sysfs, "sda", "sd");
        assert_eq!(kind(None), Kind::Environment);
        add_disk(&sysfs, "vda", "virtio_blk");
        assert_eq!(disk(&sysfs, None).unwrap(), "vda");
        assert_eq!(kind(Some("sda")), Kind::Usage);
        add_disk(&sysfs, "vdb", "virtio_blk");
        assert_eq!(kind(None), Kind::Usage);
        assert_eq!(disk(&sysfs, Some("vdb")).unwrap(), "vdb");
    }

    #[test]
    fn the_hypervisor_is_kvm_or_qemu_or_refused() {
        let (_dir, sysfs) = sysfs();
        let clocks = "devices/system/clocksource/clocksource0/available_clocksource";
        let vendor = sysfs.0.join("class/dmi/id/sys_vendor");
        write(&sysfs.0.join(clocks), "tsc hpet acpi_pm\n");
        write(&vendor, "Xen\n");
        let err = hypervisor_of(&sysfs).unwrap_err();
        assert_eq!(fault::kind_of(&err), Kind::Environment);
        write(&vendor, "QEMU\n");
        assert_eq!(hypervisor_of(&sysfs).unwrap(), Accelerator::Tcg);
        write(&sysfs.0.join(clocks), "kvm-clock tsc\n");
        assert_eq!(hypervisor_of(&sysfs).unwrap(), Accelerator::Kvm);
    }

    #[test]
    fn the_source_is_told_beside_the_module_or_by_dkms() {
        let dir = tempfile::tempdir().unwrap();
        let sources = dir.path().join("src");
        let built = dir.path().join("build/poll_source.ko");
        let installed = dir.path().join("updates/dkms/poll_source.ko.xz");
        let told = |file: &Path| source_tree(file, &sources);
        assert_eq!((told(&built), told(&installed)), (None, None));
        write(&built.with_file_name(identity::FILE), "1234\n");
        write(&sources.join("poll-source-1.0/source-tree"), "5678\n");
        write(&sources.join("linux-headers-6.12/source-tree"), "9\n");
        assert_eq!(told(&built).as_deref(), Some("1234"));
        assert_eq!(told(&installed).as_deref(), Some("5678"));
        // With two versions it is unknown which one DKMS built.
        write(&sources.join("poll-source-1.1/source-tree"), "9\n");
        assert_eq!(told(&installed), None);
    }

    #[test]
    fn the_feature_is_found_or_it_is_said_how_to_get_it() {
        let (dir, sysfs) = sysfs();
        let modules = dir.path().join("lib");
        let find = |named: Option<&Path>| module(&sysfs, &modules, "6.12", named);
        let kind = |named| fault::kind_of(&find(named).unwrap_err());
        assert!(
            find(None)
                .unwrap_err()
                .to_string()
                .contains("linux-headers-6.12")
        );
        assert_eq!(kind(None), Kind::Environment);
        assert_eq!(kind(Some(Path::new("/no/such.ko"))), Kind::Usage);

        write(
            &sysfs.module("virtio").join("parameters/poll_source"),
            "N\n",
        );
        assert_eq!(find(None).unwrap(), None);
        write(&sysfs.module(MODULE).join("initstate"), "live\n");
        assert!(find(None).unwrap_err().to_string().contains("--module"));

        let file = modules.join("updates/dkms/poll_source.ko.xz");
        write(&file, "");
        assert_eq!(find(None).unwrap(), Some(file.clone()));
        assert_eq!(find(Some(&file)).unwrap(), Some(file));
    }
}
