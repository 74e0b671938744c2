// SPDX-License-Identifier: GPL-2.0

//! Compiles the shim as it ships against the stubs, and makes Rust's view of
//! what the tests drive it by.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

const KERNEL: &str = "../kernel/include";
const SHIM: &str = "../kernel/drivers/cpuidle/poll";
const STUBS: &str = "stubs/include";
const CONFIG: &str = "-DCONFIG_CPU_IDLE_POLL_SOURCE=1";

fn main() {
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    let stand_ins = out.join("include");

    println!("cargo:rerun-if-changed=../kernel");
    println!("cargo:rerun-if-changed=stubs");
    let mut sources = vec![PathBuf::from("stubs/harness.c")];
    for file in fs::read_dir(SHIM).expect("reading the shim's folder") {
        let file = file.expect("reading the shim's folder").path();
        // KUnit's, of what the stubs stand in for.
        if file.to_string_lossy().ends_with("_test.c") {
            continue;
        }
        stand_in(&file, &stand_ins);
        if file.extension().is_some_and(|extension| extension == "c") {
            sources.push(file);
        }
    }
    stand_in(&Path::new(KERNEL).join("linux/poll_source.h"), &stand_ins);

    let mut build = cc::Build::new();
    // What rustc was told by `cargo xtask check sanitize`.
    if let Ok(sanitizer) = env::var("CARGO_CFG_SANITIZE") {
        build
            .flag(format!("-fsanitize={sanitizer}"))
            // Fences are left to loom and to the litmus tests.
            .flag_if_supported("-Wno-tsan")
            .flag("-fno-omit-frame-pointer");
    }
    build
        .files(sources)
        .include(&stand_ins)
        .includes([STUBS, KERNEL])
        .flag(CONFIG)
        .std("gnu11")
        .warnings_into_errors(true)
        .extra_warnings(false)
        .compile("shim");

    bindgen::builder()
        .header("stubs/include/driven.h")
        .clang_arg(format!("-I{}", stand_ins.display()))
        .clang_args([&format!("-I{STUBS}"), &format!("-I{KERNEL}"), CONFIG])
        .layout_tests(false)
        .allowlist_item(
            "poll_.*|POLL_.*|irqreturn_t|irq_desc|IRQ_.*|device|harness.*|local_irq_.*|cpuidle_.*|CPUIDLE_.*|NR_.*|E[A-Z]+",
        )
        .generate()
        .unwrap_or_else(|err| panic!("bindgen on what the tests drive: {err}"))
        .write_to_file(out.join("driven.rs"))
        .expect("writing the bindings");
}

/// Makes a stand-in for each header that `file` includes and the series does not have:
/// it includes kernel.h. So does the tracepoints' header, which is all macros.
fn stand_in(file: &Path, stand_ins: &Path) {
    let text = fs::read_to_string(file).expect("reading a file of the shim");

    for line in text.lines() {
        let Some(name) = line.strip_prefix("#include ") else {
            continue;
        };
        let name = name.trim_matches(['<', '>', '"']);
        let is_there = [KERNEL, STUBS, SHIM]
            .iter()
            .any(|dir| Path::new(dir).join(name).exists());
        if is_there && !name.starts_with("trace/") {
            continue;
        }
        let header = stand_ins.join(name);
        fs::create_dir_all(stand_ins.join("linux")).expect("making the folder of stand-ins");
        fs::create_dir_all(header.parent().expect("it has a folder")).expect("making its folder");
        fs::write(header, "#include <kernel.h>\n").expect("writing a stand-in");
    }
}
