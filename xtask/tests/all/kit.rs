// SPDX-License-Identifier: GPL-2.0
//! The kit as its users get it: packed twice, unpacked, and run. The tests need a kernel and boot
//! guests. `cargo xtask test` runs those that need neither a root file system of Debian nor a stock
//! kernel.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use guest_protocol::Scenario;
use kernel::image::Image;
use kernel::module::root::Root;
use kernel::module::stock::Stock;
use kernel::module::{self, identity};
use serde_json::Value;
use tempfile::TempDir;
use toolbox::place::Place;
use toolbox::tools::{self, Need};
use vm::initramfs::{self, GuestBase, Orders};
use vm::machine::{Disk, GuestFiles, NOTHING_ELSE};

use crate::common::{printed, ran};

fn packed(out: &Path) -> PathBuf {
    let mut cmd = Command::new(env!("CARGO_BIN_EXE_xtask"));
    cmd.args(["kit", "--base", "7.3", "--out"]).arg(out);
    ran(&mut cmd).passes();
    let mut found = fs::read_dir(out)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let archive = found.next().unwrap();
    assert!(
        found.next().is_none(),
        "other files than the archive were left"
    );
    archive
}

/// Unpacks the archive, and returns the folder that was in it.
fn unpack(archive: &Path, to: &Path) -> PathBuf {
    printed(
        Command::new("tar")
            .arg("-xf")
            .arg(archive)
            .arg("-C")
            .arg(to),
    );
    fs::read_dir(to).unwrap().next().unwrap().unwrap().path()
}

#[test]
#[ignore = "packs a kernel"]
fn an_archive_is_the_same_twice_and_has_what_its_sums_say() {
    let dir = TempDir::new().unwrap();
    let archives = ["one", "two"].map(|name| packed(&dir.path().join(name)));
    let [one, two] = archives.each_ref().map(|path| fs::read(path).unwrap());
    assert!(one == two, "the two archives differ");

    let list = printed(Command::new("tar").arg("-tvf").arg(&archives[0]));
    for line in list.lines() {
        let is_program = line.ends_with("/poll-source-kit");
        let mode = match () {
            () if line.starts_with('d') => "drwxr-xr-x",
            () if is_program => "-rwxr-xr-x",
            () => "-rw-r--r--",
        };
        assert!(line.starts_with(&format!("{mode} 0/0 ")), "{line}");
    }
    let kit = unpack(&archives[0], &made(dir.path(), "unpacked"));
    let mut sums = Command::new("sha256sum");
    sums.args(["--check", "--strict", "SHA256SUMS"]);
    let checked = printed(sums.current_dir(&kit));
    for name in [
        "bzImage",
        "initramfs.cpio",
        "kernel.config",
        "kit.json",
        "poll-source-kit",
        "README.md",
        "COPYING",
        "licences/fio",
        "licences/libc6",
        "licences/crates.txt",
        "module/poll-source-dkms_",
        "module/poll-source-",
        "patches/0001-",
    ] {
        assert!(
            checked.lines().any(|line| line.starts_with(name)),
            "SHA256SUMS has no {name}"
        );
    }
    let page = fs::read_to_string(kit.join("README.md")).unwrap();
    assert!(
        !page.contains('{'),
        "README.md has a place that was not filled in"
    );
    needs_nothing(&kit.join("poll-source-kit"));
}

/// Checks that a program needs no interpreter and no shared library, and contains no path of the
/// machine that built it.
fn needs_nothing(program: &Path) {
    let headers = printed(Command::new("readelf").arg("-lW").arg(program));
    assert!(
        headers.contains("LOAD") && !headers.contains("INTERP"),
        "{headers}"
    );
    let dynamic = printed(Command::new("readelf").arg("-dW").arg(program));
    assert!(!dynamic.contains("NEEDED"), "{dynamic}");
    let bytes = fs::read(program).unwrap();
    let place = Place::find().unwrap();
    for path in [&place.root, &std::env::home_dir().unwrap().join(".cargo")] {
        let path = path.display().to_string();
        let is_there = bytes
            .windows(path.len())
            .any(|part| part == path.as_bytes());
        assert!(!is_there, "the program contains {path}");
    }
}

/// Reads the results of a short run.
fn results(dir: &Path) -> Value {
    let text = fs::read_to_string(dir.join("results.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn is_whole(results: &Value) {
    assert_eq!(results["schema"], 1);
    assert_eq!(results["accel"], "tcg");
    let record = Place::find().unwrap().kernel_out("7.3").join("kernel.json");
    let record: Value = serde_json::from_slice(&fs::read(record).unwrap()).unwrap();
    assert_eq!(results["tree"], record["tree"]);
    assert_eq!(results["base"], record["version"]);
    assert!(results["env"]["qemu"].as_str().unwrap().starts_with("qemu"));
    let cases = results["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 3);
    for case in cases {
        assert!(case["name"].as_str().unwrap().ends_with("@100us"));
        for variant in ["before", "poll_source"] {
            let samples = case["variants"][variant]["samples"].as_array().unwrap();
            assert_eq!(samples.len(), 2, "{case}");
        }
    }
}

const SHORT: [&str; 7] = ["run", "--accel", "tcg", "--rounds", "2", "--seconds", "0.3"];

#[test]
#[ignore = "boots a guest"]
fn an_unpacked_kit_measures_with_nothing_but_qemu_on_path() {
    let dir = TempDir::new().unwrap();
    let [to, here, bin] = ["unpacked", "here", "bin"].map(|name| made(dir.path(), name));
    let kit = unpack(&packed(&dir.path().join("out")), &to);
    let place = Place::find().unwrap();
    let qemu = tools::ensure(&place, &[Need::Guest]).unwrap().qemu;
    symlink(qemu, bin.join("qemu-system-x86_64")).unwrap();
    let mut cmd = Command::new(kit.join("poll-source-kit"));
    cmd.args(SHORT)
        .current_dir(&here)
        .env_clear()
        .env("PATH", &bin);
    ran(&mut cmd).says(&["| randread@100us, iops "]);
    let out = here.join("poll-source-results");
    is_whole(&results(&out));
    for name in [
        "gain.svg",
        "table.md",
        "run.json",
        "logs/bench-100us/console.log",
    ] {
        assert!(out.join(name).is_file(), "no {name}");
    }
    assert!(!out.join("lock").exists());
    assert!(!out.join("logs/bench-100us/initramfs.cpio").exists());
    assert_eq!(fs::read_dir(&here).unwrap().count(), 1);
}

/// Needs root, like all tests that use a root file system of Debian.
#[test]
#[ignore = "makes a root file system, and boots a guest in it"]
fn it_measures_in_a_debian_that_has_qemu_and_nothing_else() {
    let place = Place::find().unwrap();
    let dir = TempDir::new().unwrap();
    let [work, none] = ["work", "none"].map(|name| made(dir.path(), name));
    let kit = unpack(&packed(&dir.path().join("out")), &work);
    let root = Root::with_qemu(&place).unwrap();
    let program = Path::new("/mnt")
        .join(kit.file_name().unwrap())
        .join("poll-source-kit");
    let mut cmd = root.command(&none, &work);
    ran(cmd.arg(program).args(SHORT)).passes();
    is_whole(&results(&work.join("poll-source-results")));
}

/// The init of a user's own machine: a shell script instead of this project's init, busybox instead
/// of a distribution, and the kit.
const OWN_INIT: &str = r#"#!/usr/bin/busybox sh
/usr/bin/busybox mkdir -p /proc /sys /dev /tmp
/usr/bin/busybox --install -s /usr/bin
export PATH=/usr/bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
exec >/dev/ttyS1 2>&1
for name in {drivers}; do insmod /modules/$name.ko; done
kit/poll-source-kit run --guest
echo "lacking: $?"
kit/poll-source-kit run --guest --module /modules/poll_source.ko --rounds 2 --seconds 0.3
echo "measured: $?"
echo "loaded: <$(ls -d /sys/module/poll_source)>"
ls -A poll-source-results
echo "results:"
cat poll-source-results/results.json
poweroff -f
"#;

#[test]
#[ignore = "boots a guest of a stock kernel"]
fn a_virtual_machine_is_measured_from_inside_and_left_as_it_was() {
    let dir = TempDir::new().unwrap();
    let place = Place::find().unwrap();
    let kit = unpack(&packed(&dir.path().join("out")), &made(dir.path(), "kit"));
    let stock: Stock = "6.12".parse().unwrap();
    let image = Image::stock(&place, stock, None).unwrap();
    let initrd = dir.path().join("initrd");
    own_machine(&place, &image, &kit, &initrd);
    let said = boot(&place, &image, &initrd, dir.path());
    let line = |start: &str| {
        said.lines()
            .find_map(|line| line.trim().strip_prefix(start))
    };
    assert_eq!(line("lacking: "), Some("6"), "{said}");
    assert!(said.contains("neither the series nor the module"), "{said}");
    assert_eq!(line("measured: "), Some("0"), "{said}");
    assert_eq!(
        line("loaded: "),
        Some("<>"),
        "the module is still loaded: {said}"
    );
    let (_, results) = said.split_once("results:").unwrap();
    let results: Value = serde_json::from_str(results).unwrap();
    assert_eq!(results["base"], image.version.as_str());
    let source = module::tree::files(&place).unwrap();
    assert_eq!(results["module"], identity::of(&source).unwrap());
    let [case] = &results["cases"].as_array().unwrap()[..] else {
        panic!("there are other cases than reads: {results}");
    };
    for variant in ["before", "poll_source", "as_it_comes"] {
        let samples = case["variants"][variant]["samples"].as_array().unwrap();
        assert_eq!(samples.len(), 2, "{case}");
    }
    let irqs = |variant: &str| case["variants"][variant]["irqs_per_op"].as_f64().unwrap();
    assert!(irqs("poll_source") < 0.5 * irqs("before"), "{case}");
}

fn made(dir: &Path, name: &str) -> PathBuf {
    let path = dir.join(name);
    fs::create_dir(&path).unwrap();
    path
}

/// Writes the initramfs: busybox and the drivers, followed by a second archive with the kit.
fn own_machine(place: &Place, image: &Image, kit: &Path, initrd: &Path) {
    let name = |path: &PathBuf| path.file_stem().unwrap().to_string_lossy().into_owned();
    let names: Vec<String> = image.modules.iter().map(name).collect();
    let drivers = names.iter().filter(|name| *name != "poll_source").cloned();
    let drivers = drivers.collect::<Vec<_>>().join(" ");
    let scratch = TempDir::new().unwrap();
    let (init, archive) = (scratch.path().join("init"), scratch.path().join("base"));
    fs::write(&init, OWN_INIT.replace("{drivers}", &drivers)).unwrap();
    let busybox = tools::ensure(place, &[Need::ByHand]).unwrap().busybox;
    initramfs::pack(&archive, &init, &[&busybox]).unwrap();
    let base = GuestBase::Packed(archive);
    let orders = Orders {
        scenario: &Scenario::Probe,
        proofs: &[],
        modules: &image.modules,
    };
    initramfs::write(initrd, &base, &[], &orders).unwrap();
    // The file that identifies the module's source lies beside the module.
    let script = "mv \"$1\" kit && mkdir modules && cp \"$4\" modules && \
        find kit modules | \"$2\" cpio -o -H newc >>\"$3\"";
    let module = image.modules.last().unwrap();
    let source = module.with_file_name(identity::FILE);
    let mut cmd = Command::new("sh");
    cmd.args(["-ec", script, "sh"])
        .args([kit, &busybox, initrd, &source]);
    printed(cmd.current_dir(kit.parent().unwrap()));
}

/// The kernel's command line. The module waits for longer than the disk takes, even if a busy host
/// slows both.
const APPEND: &str = "console=ttyS0 panic=-1 oops=panic tsc=reliable no_timer_check \
    poll_source.guest_halt_poll_ns=40000000 poll_source.guest_halt_poll_grow_start=40000000 \
    poll_source.guest_halt_poll_allow_shrink=N";

/// Boots the guest, and returns its output on the second serial port.
fn boot(place: &Place, image: &Image, initrd: &Path, dir: &Path) -> String {
    let qemu = tools::ensure(place, &[Need::Guest]).unwrap().qemu;
    let files = GuestFiles { dir: dir.into() };
    let disk = Disk::Timed {
        latency: Duration::from_millis(2),
        queues: 2,
    };
    let mut cmd = Command::new("timeout");
    cmd.arg("1200")
        .arg(qemu)
        .args(NOTHING_ELSE)
        .arg("-no-reboot")
        .args(["-machine", "q35", "-m", "1536M", "-smp", "2", "-cpu", "max"])
        .args(["-accel", "tcg,thread=multi", "-kernel"])
        .arg(&image.bzimage)
        .arg("-initrd")
        .arg(initrd)
        .args(["-append", APPEND])
        .arg("-serial")
        .arg(format!("file:{}", files.console().display()))
        .arg("-serial")
        .arg(format!("file:{}", files.reports().display()))
        .args(["-object", "iothread,id=io0"])
        .args(disk.qemu_args(0, &files));
    let ended = ran(&mut cmd);
    let kernel = fs::read_to_string(files.console()).unwrap_or_default();
    assert_eq!(ended.code, Some(0), "{}\n{kernel}", ended.err);
    assert_eq!(vm::console::scan(&kernel), None);
    fs::read_to_string(files.reports())
        .unwrap()
        .replace('\r', "")
}
