// SPDX-License-Identifier: GPL-2.0
//! `module test --package`: tests the Debian package on a machine like its user's. `install.sh`
//! installs it in a root file system of Debian 13, where DKMS builds the module for the
//! distribution's kernel. A guest boots that file system; there `package-test.sh` uses the module
//! and removes the package. This file runs both scripts and gives the verdict.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use fs_err as fs;
use tempfile::TempDir;

use kernel::image::Image;
use kernel::module::package;
use kernel::module::packages;
use kernel::module::root::{self, Root};
use kernel::module::stock::Stock;
use toolbox::fault::{self, Kind};
use toolbox::lock;
use toolbox::options::{Accel, OutArgs};
use toolbox::place::Place;
use toolbox::run::Stage;
use toolbox::tools::{self, Need};
use vm::accel::{self, Accelerator};
use vm::console;
use vm::machine::{self, Disk, GuestFiles};
use vm::session::Rig;

/// Required disk space, in bytes: two copies of a root file system with compilers, and the
/// changes to it.
const SPACE_NEEDED: u64 = 8 << 30;
/// Time limit of the guest, which boots a distribution's initramfs and removes a package, under
/// TCG.
const LIMIT: Duration = Duration::from_secs(1800);
/// The exit code of `timeout` after a timeout.
const TIMED_OUT: i32 = 124;
const CPUS: u32 = 2;
/// Latency of the disk under test.
const LATENCY: Duration = Duration::from_micros(100);
/// The prefix of the lines that package-test.sh prints.
const MARK: &str = "package-test: ";

/// Tests the package on a machine with the stock kernel.
pub fn run(place: &Place, stock: Stock, accel: Accel) -> Result<()> {
    let needs = [Need::Package, Need::Root, Need::Guest];
    let rig = Rig::with_tools(place, tools::ensure(place, &needs)?)?;
    let bzimage = packages::get(place, stock, false)?.bzimage()?;
    let accel = accel::choose(&rig, &Image::file(&bzimage)?, accel)?;
    let deb = package::package(place, &OutArgs::default())?.deb;
    let root = Root::of_user(place, stock)?;
    let name = format!("module-package-{stock}");
    let _lock = lock::take(place, &name)?;
    place.need_space(SPACE_NEEDED)?;
    let log = place.logs().join(format!("{name}.log"));
    let _ = fs::remove_file(&log);
    let folder = place.cache.join("root");
    let scratch = TempDir::with_prefix_in(".machine-", &folder)
        .with_context(|| format!("making a folder in {}", folder.display()))?;

    let scripts = place.root.join("xtask/lab/src/module_test");
    let stage = Stage::new(format!("installing the package with Linux {stock}"));
    let mut cmd = root::private_mounts();
    cmd.arg("sh")
        .args([
            &scripts.join("install.sh"),
            root.dir(),
            scratch.path(),
            &deb,
        ])
        .arg(scripts.join("package-test.sh"));
    stage.fails_as(Kind::TestFailed).run(&mut cmd, &log)?;

    let stage = Stage::new(format!("testing the package with Linux {stock}"));
    let mut cmd = guest(&rig.tools.qemu, scratch.path(), accel);
    let (status, console) = stage.ask(&mut cmd, &log)?;
    drop(stage);
    let failed =
        |kind, what: String| fault::fault(kind, format!("{what}\n  log: {}", log.display()));
    if status.code() == Some(TIMED_OUT) {
        let what = format!("the guest did not finish within {} s", LIMIT.as_secs());
        return Err(failed(Kind::Hang, what));
    }
    if !status.success() {
        let last: Vec<&str> = console.lines().rev().take(3).collect();
        let last = last.into_iter().rev().collect::<Vec<_>>().join("; ");
        let what = format!("QEMU ended with {status}: {last}");
        return Err(failed(Kind::Environment, what));
    }
    judge(&console).map_err(|(kind, what)| {
        let again = format!("cargo xtask module test --package --stock {stock}");
        failed(
            kind,
            format!("the test of the package failed: {what}\n  again: {again}"),
        )
    })
}

fn guest(qemu: &Path, dir: &Path, accel: Accelerator) -> Command {
    let root = machine::value(&dir.join("disk.img"));
    let root = format!("driver=file,filename={root},node-name=root");
    let timed = Disk::Timed {
        latency: LATENCY,
        queues: CPUS,
    };
    let files = GuestFiles { dir: dir.into() };
    let append = "console=ttyS0 root=/dev/vda rw init=/sbin/package-test panic=-1 oops=panic \
        printk.time=1 tsc=reliable maxcpus=1";
    let mut cmd = Command::new("timeout");
    cmd.arg(LIMIT.as_secs().to_string())
        .arg(qemu)
        .args(machine::NOTHING_ELSE)
        .args(["-no-reboot", "-machine", "q35", "-m", "1024M"])
        .args(["-smp", &CPUS.to_string(), "-serial", "stdio"])
        .args(accel.qemu_args(false))
        .arg("-kernel")
        .arg(dir.join("vmlinuz"))
        .arg("-initrd")
        .arg(dir.join("initrd.img"))
        .args(["-append", append, "-object", "iothread,id=io0"])
        .args(["-blockdev", &root])
        .args(["-device", "virtio-blk-pci,drive=root,iothread=io0"])
        .args(timed.qemu_args(1, &files));
    cmd
}

/// Passes only if the kernel did not complain, no check failed, and the last line is a passing
/// verdict.
fn judge(text: &str) -> Result<(), (Kind, String)> {
    if let Some(splat) = console::scan(text) {
        let what = format!(
            "the guest's kernel complained: {}\n{}",
            splat.headline, splat.excerpt
        );
        return Err((Kind::Guest, what));
    }
    let said = || {
        text.lines()
            .filter_map(|line| line.trim().strip_prefix(MARK))
    };
    for line in said() {
        println!("{line}");
    }
    let failed: String = said()
        .filter(|line| line.starts_with("FAILED: "))
        .map(|line| format!("\n    {line}"))
        .collect();
    match said().next_back() {
        Some("verdict: pass") if failed.is_empty() => Ok(()),
        Some(last) if last.starts_with("verdict: ") => {
            Err((Kind::TestFailed, format!("{last}{failed}")))
        }
        Some(last) => Err((
            Kind::Guest,
            format!("the guest ended without a verdict, after \"{last}\""),
        )),
        None => Err((Kind::Guest, "the guest ended before its first check".into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "[    0.0] Linux version 6.12\r\npackage-test: Linux 6.12\r\n\
        package-test: ok: modprobe\r\npackage-test: verdict: pass\r\n[    9.0] reboot: Power down\r\n";

    #[test]
    fn anything_but_a_clean_pass_is_none() {
        judge(GOOD).unwrap();
        let kind = |text: String| judge(&text).unwrap_err().0;
        let failed = GOOD.replace("ok: modprobe", "FAILED: modprobe");
        assert_eq!(kind(failed), Kind::TestFailed);
        let ended = GOOD.replace("package-test: verdict: pass\r\n", "");
        assert_eq!(kind(ended), Kind::Guest);
        let splat = GOOD.replace(
            "package-test: ok",
            "[    1.0] WARNING: CPU: 0\r\npackage-test: ok",
        );
        assert_eq!(kind(splat), Kind::Guest);
        assert_eq!(kind(String::new()), Kind::Guest);
    }
}
