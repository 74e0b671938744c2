// SPDX-License-Identifier: GPL-2.0

//! Compiles the unchanged shim against the stubs, and makes Rust bindings of what the tests call.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

const KERNEL: &str = "../kernel/include";
const SHIM: &str = "../kernel/drivers/cpuidle/poll";
const STUBS: &str = "stubs/include";
const MODULE: &str = "../module";
/// Functions that both the shim and the module's test define.
const IN_BOTH: [&str; 3] = ["poll_core_hit", "poll_core_softirqs", "poll_source_ran"];
const CONFIG: &str = "-DCONFIG_CPU_IDLE_POLL_SOURCE=1";

fn main() {
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    let stand_ins = out.join("include");

    println!("cargo:rerun-if-changed=../kernel");
    println!("cargo:rerun-if-changed=stubs");
    println!("cargo:rerun-if-changed={MODULE}/bind_exit.c");
    let mut sources = files("stubs");
    for file in files(SHIM) {
        // KUnit tests of code that the stubs replace.
        if file.to_string_lossy().ends_with("_test.c") {
            continue;
        }
        stand_in(&file, &stand_ins);
        // The module's file includes it, and adds what ends the stub kernel.
        if file.ends_with("bind.c") {
            sources.push(Path::new(MODULE).join("bind_exit.c"));
            stand_in(&Path::new(MODULE).join("module.h"), &stand_ins);
        } else {
            sources.push(file);
        }
    }
    sources.retain(|file| file.extension().is_some_and(|extension| extension == "c"));
    stand_in(&Path::new(KERNEL).join("linux/poll_source.h"), &stand_ins);
    compiler(&[STUBS], &stand_ins)
        .files(sources)
        .compile("shim");
    module_hit(&stand_ins);

    bindgen::builder()
        .header("stubs/include/driven.h")
        .clang_arg(format!("-I{}", stand_ins.display()))
        .clang_args([&format!("-I{STUBS}"), &format!("-I{KERNEL}"), CONFIG])
        .layout_tests(false)
        .allowlist_item(
            "poll_.*|POLL_.*|irqreturn_t|irq_desc|IRQ_.*|device|harness.*|local_irq_.*|cpuidle_.*|CPUIDLE_.*|NR_.*|E[A-Z]+",
        )
        .generate()
        .unwrap_or_else(|err| panic!("bindgen for driven.rs: {err}"))
        .write_to_file(out.join("driven.rs"))
        .expect("writing the bindings");
}

/// Returns what is in a folder.
fn files(folder: &str) -> Vec<PathBuf> {
    fs::read_dir(folder)
        .and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect())
        .unwrap_or_else(|err| panic!("reading {folder}: {err}"))
}

/// Compiles the module's hit.c against its own stubs. Functions that the shim defines too get other
/// names. A test that does not call this code does not contain it.
fn module_hit(stand_ins: &Path) {
    let folder = Path::new(MODULE);
    for name in ["hit.c", "module.h"] {
        let file = folder.join(name);
        println!("cargo:rerun-if-changed={}", file.display());
        stand_in(&file, stand_ins);
    }
    let mut build = compiler(&["stubs/module", STUBS], stand_ins);
    for name in IN_BOTH {
        build.define(name, &*format!("module_{name}"));
    }
    build
        .file(folder.join("hit.c"))
        .file("stubs/module/drive.c")
        .compile("module_hit");
}

fn compiler(stubs: &[&str], stand_ins: &Path) -> cc::Build {
    let mut build = cc::Build::new();
    // The sanitizer that `cargo xtask check sanitize` passes to rustc.
    if let Ok(sanitizer) = env::var("CARGO_CFG_SANITIZE") {
        build
            .flag(format!("-fsanitize={sanitizer}"))
            // ThreadSanitizer does not check fences. loom and the litmus tests do.
            .flag_if_supported("-Wno-tsan")
            .flag("-fno-omit-frame-pointer");
    }
    build
        .includes(stubs)
        .include(stand_ins)
        .include(KERNEL)
        .flag(CONFIG)
        .std("gnu11")
        .warnings_into_errors(true)
        .extra_warnings(false);
    build
}

/// Makes a stand-in for each header that `file` includes and that only the kernel has. A stand-in
/// includes kernel.h. The tracepoints' header, which is all macros, gets a stand-in too.
fn stand_in(file: &Path, stand_ins: &Path) {
    let text = fs::read_to_string(file).expect("reading a file of the shim");

    for line in text.lines() {
        let Some(name) = line.strip_prefix("#include ") else {
            continue;
        };
        let name = name.trim_matches(['<', '>', '"']);
        let is_there = [KERNEL, STUBS, SHIM, MODULE]
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
