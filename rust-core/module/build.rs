// SPDX-License-Identifier: GPL-2.0

//! C's view of the crossing, for `crossing.rs` to compare with.

use std::env;
use std::path::PathBuf;

const HEADER: &str = "../../c-shim/module/include/linux/poll_core.h";
const STUBS: &str = "../../c-shim/harness/stubs/include";

fn main() {
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));

    println!("cargo:rerun-if-changed={HEADER}");
    bindgen::builder()
        .header(HEADER)
        .clang_arg(format!("-I{STUBS}"))
        .use_core()
        .layout_tests(false)
        .allowlist_item("poll_.*|POLL_.*")
        .generate()
        .unwrap_or_else(|err| panic!("bindgen on {HEADER}: {err}"))
        .write_to_file(out.join("bindings.rs"))
        .expect("writing the bindings");
}
