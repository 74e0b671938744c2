// SPDX-License-Identifier: GPL-2.0
//! Every reader of text in xtask. The first line names one.

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
