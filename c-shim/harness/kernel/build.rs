// SPDX-License-Identifier: GPL-2.0

//! Makes Rust bindings of the header that C and Rust share, as kbuild does.

use std::env;
use std::path::PathBuf;

const HEADER: &str = "../../kernel/include/linux/poll_core.h";

fn main() {
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));

    println!("cargo:rerun-if-changed={HEADER}");
    println!("cargo:rerun-if-changed=../stubs/include");
    bindgen::builder()
        .header(HEADER)
        .clang_args(["-I../stubs/include", "-I../../kernel/include"])
        .use_core()
        .ctypes_prefix("crate::ffi")
        .layout_tests(false)
        .allowlist_item("poll_.*|POLL_.*")
        .generate()
        .unwrap_or_else(|err| panic!("bindgen on {HEADER}: {err}"))
        .write_to_file(out.join("bindings.rs"))
        .expect("writing the bindings");
}
