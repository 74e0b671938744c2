// SPDX-License-Identifier: GPL-2.0

//! Compiles the shim as it ships against the stubs, and makes Rust's view of
//! what the tests drive it by.

use std::env;
use std::path::PathBuf;

const KERNEL: &str = "../kernel/include";
const STUBS: &str = "stubs/include";
const CONFIG: &str = "-DCONFIG_CPU_IDLE_POLL_SOURCE=1";

fn main() {
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));

    println!("cargo:rerun-if-changed=../kernel");
    println!("cargo:rerun-if-changed=stubs");
    cc::Build::new()
        .files(["../kernel/drivers/cpuidle/poll_source.c", "stubs/harness.c"])
        .includes([STUBS, KERNEL])
        .flag(CONFIG)
        .std("gnu11")
        .warnings_into_errors(true)
        .extra_warnings(false)
        .compile("shim");

    bindgen::builder()
        .header("stubs/include/driven.h")
        .clang_args([&format!("-I{STUBS}"), &format!("-I{KERNEL}"), CONFIG])
        .layout_tests(false)
        .allowlist_item("poll_source.*|harness.*|cpuidle_.*|NR_.*|E[A-Z]+")
        .blocklist_item("poll_gate.*")
        .raw_line("use kernel::bindings::poll_gate;")
        .generate()
        .unwrap_or_else(|err| panic!("bindgen on what the tests drive: {err}"))
        .write_to_file(out.join("driven.rs"))
        .expect("writing the bindings");
}
