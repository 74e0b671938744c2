// SPDX-License-Identifier: GPL-2.0
//! Machines that lack a tool, or have one that is too old.

use crate::common::{Ran, World, ran};

fn with(world: &World, args: &str, variable: &str, value: &str) -> Ran {
    ran(world.xtask(args).env(variable, value))
}

#[test]
fn rustc_without_library_source() {
    let world = World::new();
    let rustc = world.rustc("1.95.0");
    std::fs::create_dir_all(world.path("sysroot/lib")).unwrap();
    for command in ["build-kernel", "doctor", "doctor --install"] {
        let ran = with(&world, command, "RUSTC", rustc.to_str().unwrap());
        ran.fails(6, &["rustc", "1.95.0", "rust-src", "RUSTC"]);
    }
}

#[test]
fn old_bindgen() {
    let world = World::new();
    let bindgen = world.script("bin/bindgen", "echo bindgen 0.65.1");
    let bindgen = bindgen.to_str().unwrap();
    let parts = ["bindgen", "0.65.1", "at least 0.71.1"];
    with(&world, "build-kernel", "BINDGEN", bindgen).fails(6, &parts);
    // 6.12 accepts this bindgen, so the doctor does not complain about it.
    let ran = with(&world, "doctor --base 6.12", "BINDGEN", bindgen);
    let line = ran.out.lines().find(|line| line.starts_with("bindgen "));
    assert!(line.unwrap().contains(" found "), "{}", ran.out);
}

#[test]
fn everything_missing_is_told_in_one_pass() {
    let ran = with(&World::new(), "doctor", "PATH", "/nowhere");
    ran.fails(6, &["git", "make", "flex", "qemu-system-x86_64", "fio"]);
    let line = ran.err.lines().find(|line| line.starts_with("to install:"));
    let line = line.unwrap();
    assert!(line.contains("flex") && line.contains("fio"), "{line}");
}

#[test]
fn install_that_fails_is_an_environment_fault_with_its_log() {
    let ran = with(&World::new(), "doctor --install", "PATH", "/nowhere");
    ran.fails(6, &["cannot run the program", "command:"]);
}
