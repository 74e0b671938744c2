// SPDX-License-Identifier: GPL-2.0
//! Fuzzes the text parsers of xtask. The first line of the input names a parser.

#![no_main]

use libfuzzer_sys::fuzz_target;
use xtask::parsers;

fuzz_target!(|text: &str| {
    let Some((name, text)) = text.split_once('\n') else {
        return;
    };
    if let Some((_, parser)) = parsers::ALL.iter().find(|(known, _)| *known == name) {
        parser(text);
    }
});
