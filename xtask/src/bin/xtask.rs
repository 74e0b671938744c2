// SPDX-License-Identifier: GPL-2.0
//! The program `xtask`. Its code is in the library, where the fuzzer can call the parsers.

use std::process::ExitCode;

fn main() -> ExitCode {
    xtask::main()
}
