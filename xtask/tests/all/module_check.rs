// SPDX-License-Identifier: GPL-2.0
//! Kernels and machines for which the module cannot be built. The check that runs before the build
//! reports each of them in one message, with its own exit code.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::common::{Ran, World, ran};

const MODULE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../c-shim/module");
/// The configuration of a stock kernel, as in its headers.
const KERNEL: &str = "CONFIG_X86_64=y\nCONFIG_MODULES=y\nCONFIG_CPU_IDLE=y\nCONFIG_VIRTIO=m\n\
    CONFIG_CC_IS_GCC=y\nCONFIG_GCC_VERSION=140200\n";

/// A machine that lacks nothing.
fn machine() -> World {
    let world = World::new();
    world.write("headers/Makefile", "");
    world.write("headers/include/config/auto.conf", KERNEL);
    world.rustc("1.85.1");
    world.write("sysroot/lib/rustlib/src/rust/library/core/src/lib.rs", "");
    gcc(&world, "14.2.0");
    world
}

fn gcc(world: &World, version: &str) {
    let script = format!(
        "case $1 in --version) echo 'gcc (Debian) {version}';; -dumpversion) echo {version};; esac"
    );
    world.script("bin/gcc", &script);
}

fn kernel(world: &World, config: &str) {
    world.write("headers/include/config/auto.conf", config);
}

fn check(world: &World) -> Ran {
    check_headers(world, &world.path("headers"))
}

fn check_headers(world: &World, headers: &Path) -> Ran {
    let script = Path::new(MODULE).join("check.sh");
    // PATH has only those of the machine's programs that the script needs.
    for program in ["cat", "grep", "head", "sed", "tr", "uname"] {
        let link = world.path(&format!("bin/{program}"));
        if !link.exists() {
            std::os::unix::fs::symlink(which::which(program).unwrap(), link).unwrap();
        }
    }
    let sh = which::which("sh").unwrap();
    ran(Command::new(sh)
        .arg(script)
        .arg(headers)
        .env_clear()
        .env("PATH", world.path("bin")))
}

#[test]
fn a_machine_that_lacks_nothing_passes_in_silence() {
    let ran = check(&machine());
    ran.passes();
    assert_eq!((ran.out.as_str(), ran.err.as_str()), ("", ""));
}

#[test]
fn no_headers() {
    let world = machine();
    let parts = ["no kernel headers", "apt install linux-headers-9.9-amd64"];
    check_headers(&world, Path::new("/lib/modules/9.9-amd64/build")).fails(10, &parts);
    fs::remove_file(world.path("headers/include/config/auto.conf")).unwrap();
    check(&world).fails(10, &["make modules_prepare"]);
}

#[test]
fn no_rustc() {
    let world = machine();
    fs::remove_file(world.path("bin/rustc")).unwrap();
    check(&world).fails(11, &["there is no rustc", "apt install rustc rust-src"]);
    world.script("bin/rustc", "exit 1");
    check(&world).fails(11, &["reports no version"]);
}

#[test]
fn rustc_too_old() {
    let world = machine();
    for old in ["1.84.1", "1.63.0", "0.99.9"] {
        world.rustc(old);
        check(&world).fails(12, &[old, "at least 1.85.0"]);
    }
    for new in ["1.85.0", "1.100.0", "2.0.0"] {
        world.rustc(new);
        check(&world).passes();
    }
}

#[test]
fn no_source_of_core() {
    let world = machine();
    fs::remove_dir_all(world.path("sysroot/lib")).unwrap();
    check(&world).fails(13, &["apt install rust-src"]);
}

#[test]
fn no_compiler() {
    let world = machine();
    fs::remove_file(world.path("bin/gcc")).unwrap();
    check(&world).fails(14, &["there is no C compiler gcc", "apt install gcc-14"]);
    // Debian's headers ask for their own compiler by its name.
    gcc(&world, "14.2.0");
    let own = "CC = $(if $(X),$(CCACHE)) $(CROSS_COMPILE)gcc-14\n";
    world.write("headers/.kernelvariables", own);
    check(&world).fails(14, &["there is no C compiler gcc-14"]);
}

#[test]
fn kernels_of_another_age() {
    let world = machine();
    let of = |release: &str| {
        world.write("headers/include/config/kernel.release", release);
        check(&world)
    };
    for tried in ["6.12.117+deb13-amd64\n", "7.3.4+deb13-cloud-amd64\n"] {
        let ran = of(tried);
        ran.passes();
        assert_eq!(ran.err, "");
    }
    of("6.8.0-90-generic\n").fails(19, &["is Linux 6.8,", "for Linux 6.12 to 7.3"]);
    let newer = of("7.10.1\n");
    newer.passes();
    assert!(newer.err.contains("is Linux 7.10,"), "{}", newer.err);
}

/// DKMS skips the kernels that the check refuses or warns about.
#[test]
fn dkms_and_the_check_know_the_same_kernels() {
    let has = |file: &str, line: &str| {
        let text = fs::read_to_string(Path::new(MODULE).join(file)).unwrap();
        assert!(
            text.lines().any(|it| it == line),
            "{file} has no line {line}"
        );
    };
    has("check.sh", "min_linux=6.12");
    has("dkms.conf", "BUILD_EXCLUSIVE_KERNEL_MIN=\"6.12\"");
    has("check.sh", "max_linux=7.3");
    has("dkms.conf", "BUILD_EXCLUSIVE_KERNEL_MAX=\"7.3.999\"");
}

#[test]
fn kernels_of_another_kind() {
    let world = machine();
    let without = |option: &str| KERNEL.replace(&format!("CONFIG_{option}="), "CONFIG_OTHER=");
    let with = |option: &str| format!("{KERNEL}CONFIG_{option}=y\n");
    let cases = [
        (without("MODULES"), 15, "CONFIG_MODULES=y"),
        (without("X86_64"), 16, "not for x86_64"),
        (with("PREEMPT_RT"), 17, "PREEMPT_RT"),
        (with("CPU_IDLE_POLL_SOURCE"), 18, "poll sources built in"),
        (without("CPU_IDLE"), 19, "lacks CONFIG_CPU_IDLE"),
        (without("VIRTIO"), 19, "lacks CONFIG_VIRTIO"),
        (with("PREEMPTION"), 19, "lacks CONFIG_TASKS_RCU"),
    ];
    for (config, code, part) in cases {
        kernel(&world, &config);
        check(&world).fails(code, &[part]);
    }
    let header = world.write("headers/source/include/linux/poll_source.h", "");
    kernel(&world, KERNEL);
    check(&world).fails(18, &["series of patches"]);
    fs::remove_file(header).unwrap();
    kernel(&world, &(with("PREEMPTION") + "CONFIG_TASKS_RCU=y\n"));
    check(&world).passes();
    // Options whose names only begin alike are different options.
    kernel(&world, &with("PREEMPT_RT_NEEDED"));
    check(&world).passes();
}

#[test]
fn another_compiler_is_a_warning() {
    let world = machine();
    gcc(&world, "12.2.0");
    check(&world).says(&["warning: the kernel was built by gcc-14"]);
    kernel(&world, &KERNEL.replace("CC_IS_GCC", "CC_IS_CLANG"));
    check(&world).says(&["built by clang"]);
}

#[test]
fn wrong_use() {
    let world = machine();
    check_headers(&world, Path::new("")).fails(2, &["usage:"]);
}

/// A failed check is a fault of the machine (exit code 6), not of the build.
#[test]
fn xtask_checks_before_it_builds() {
    let world = machine();
    let check = Path::new(MODULE).join("check.sh");
    world.write("checkout/c-shim/module/Kbuild", "");
    let copy = world.path("checkout/c-shim/module/check.sh");
    fs::copy(check, copy).unwrap();
    kernel(&world, "CONFIG_X86_64=y\n");
    let headers = world.path("headers").display().to_string();
    let build = |headers: &str| {
        let mut cmd = world.xtask(&format!("module build --headers {headers}"));
        ran(cmd.env("RUSTC", world.path("bin/rustc")))
    };
    build(&headers).fails(6, &["check.sh", "status: 15", "CONFIG_MODULES=y"]);
    build("nowhere").fails(6, &["there are no kernel headers in", "checkout/nowhere"]);
    let ran = world.run("module build --stock 7.2");
    ran.fails(2, &["7.3, 7.3-cloud, 6.12, 6.12-cloud"]);
}

/// The check is part of the build: make runs it and passes on its variables.
#[test]
fn make_checks_first() {
    let world = machine();
    let ran = ran(Command::new("make")
        .args(["-C", MODULE])
        .arg("KDIR=/lib/modules/9.9-amd64/build")
        .env_remove("MAKEFLAGS")
        .env("RUSTC", world.path("bin/rustc")));
    ran.fails(2, &["apt install linux-headers-9.9-amd64"]);
}
