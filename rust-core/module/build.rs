// SPDX-License-Identifier: GPL-2.0

//! Generates Rust declarations of C's types, numbers and functions, which `crossing.rs` compares
//! with the core's own.

use std::env;
use std::path::PathBuf;

const HEADERS: [&str; 2] = [
    "../../c-shim/kernel/include/linux/poll_core.h",
    "../../c-shim/module/limit.h",
];
const STUBS: &str = "../../c-shim/harness/stubs/include";

fn main() {
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));

    for header in HEADERS {
        println!("cargo:rerun-if-changed={header}");
    }
    bindgen::builder()
        .headers(HEADERS)
        .clang_arg(format!("-I{STUBS}"))
        .use_core()
        .layout_tests(false)
        .allowlist_item("poll_.*|POLL_.*")
        .generate()
        .unwrap_or_else(|err| panic!("bindgen on {HEADERS:?}: {err}"))
        .write_to_file(out.join("bindings.rs"))
        .expect("writing the bindings");
}
