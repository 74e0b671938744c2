// SPDX-License-Identifier: GPL-2.0
//! A bug that nobody finds by chance, for `cargo xtask check fuzz --self-test`: if the
//! fuzzer does not find it, it does not see what it runs.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let mut rest = b"poll_source".iter();
    let mut bytes = bytes.iter();
    let found = loop {
        match (rest.next(), bytes.next()) {
            (None, _) => break true,
            (Some(a), Some(b)) if a == b => {}
            _ => break false,
        }
    };
    assert!(!found, "the planted bug was found");
});
