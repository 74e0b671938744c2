// SPDX-License-Identifier: GPL-2.0
//! The program; all of it is in the library, where the fuzzer reaches the parsers.

use std::process::ExitCode;

fn main() -> ExitCode {
    xtask::main()
}
