// SPDX-License-Identifier: GPL-2.0

//! Compiles the shim as it ships against the stubs, and makes Rust's view of
//! what the tests drive it by.

use std::env;
use std::fs;
use std::path::PathBuf;

const KERNEL: &str = "../kernel/include";
const STUBS: &str = "stubs/include";
const RING_GATE: &str = "../edits/ring-gate.diff";
const CONFIG: &str = "-DCONFIG_CPU_IDLE_POLL_SOURCE=1";

fn main() {
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));

    println!("cargo:rerun-if-changed=../kernel");
    println!("cargo:rerun-if-changed=stubs");
    println!("cargo:rerun-if-changed={RING_GATE}");
    let diff = fs::read_to_string(RING_GATE).expect("reading the ring's edit");
    fs::write(out.join("ring-gate.c"), added_blocks(&diff)).expect("writing the ring's gate");
    let mut build = cc::Build::new();
    // What rustc was told by `cargo xtask sanitize`.
    if let Ok(sanitizer) = env::var("CARGO_CFG_SANITIZE") {
        build
            .flag(format!("-fsanitize={sanitizer}"))
            // Fences are left to loom and to the litmus tests.
            .flag_if_supported("-Wno-tsan")
            .flag("-fno-omit-frame-pointer");
    }
    build
        .files([
            "../kernel/drivers/cpuidle/poll_source.c",
            "stubs/harness.c",
            "stubs/ring.c",
        ])
        .includes([STUBS, KERNEL])
        .include(&out)
        .flag(CONFIG)
        .std("gnu11")
        .warnings_into_errors(true)
        .extra_warnings(false)
        .compile("shim");

    bindgen::builder()
        .header("stubs/include/driven.h")
        .clang_args([&format!("-I{STUBS}"), &format!("-I{KERNEL}"), CONFIG])
        .layout_tests(false)
        .allowlist_item(
            "poll_source.*|irqreturn_t|IRQ_.*|device|harness.*|ring_.*|virt.*|vring_.*|VRING_.*|cpuidle_.*|CPUIDLE_.*|NR_.*|E[A-Z]+",
        )
        .blocklist_item("poll_gate.*")
        .raw_line("use kernel::bindings::poll_gate;")
        .generate()
        .unwrap_or_else(|err| panic!("bindgen on what the tests drive: {err}"))
        .write_to_file(out.join("driven.rs"))
        .expect("writing the bindings");
}

/// What the diff adds up to the end of each block for our option: whole
/// functions, and nothing that is woven into the driver's own.
fn added_blocks(diff: &str) -> String {
    const END: &str = "#endif /* CONFIG_CPU_IDLE_POLL_SOURCE */";
    let mut blocks = String::new();
    let mut run = String::new();

    for line in diff.lines() {
        match line.strip_prefix('+') {
            Some(added) => run.extend([added, "\n"]),
            None => run.clear(),
        }
        if run.ends_with(&format!("{END}\n")) {
            blocks.push_str(&std::mem::take(&mut run));
        }
    }
    assert!(
        !blocks.is_empty(),
        "{RING_GATE} has no block that ends in {END:?}"
    );
    blocks
}
