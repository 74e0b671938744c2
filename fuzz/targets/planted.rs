// SPDX-License-Identifier: GPL-2.0
//! A planted bug that random input does not hit, for `cargo xtask check fuzz --self-test`. A fuzzer
//! that does not find it gets no feedback from the code that it runs.

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
