// SPDX-License-Identifier: GPL-2.0
//! Every parser of text that others wrote, by name: the fuzzer runs them. A parser may refuse any
//! input, but must not panic. The syntax of JSON and TOML is left to their crates; the use of the
//! parsed values is checked here.

use guest_protocol::{Report, Scenario, selftest};

use crate::check::by_hand::recipe;
use crate::check::idle_loop::disassembly;
use kernel::build_kernel::kconfig;
use kernel::drivers;
use lab::bench::blk::count;
use lab::matrix::qemu;
use measure::judge;
use review::waivers::Waivers;
use series::manifest::{self, PatchEntry};
use series::message;
use series::spec::Toml;
use toolbox::distro::OsRelease;
use toolbox::line;
use vm::{console, initramfs};

/// Name of a parser, and the function that runs it.
pub type Parser = (&'static str, fn(&str));

pub const ALL: &[Parser] = &[
    ("bench-results", |text| drop(judge::check(text))),
    ("console", |text| {
        if let Some(splat) = console::scan(text) {
            assert!(text.contains(&splat.headline));
        }
        console::tail(text, 5);
    }),
    ("counts", |text| drop(count::parse(text))),
    ("disassembly", |text| {
        let _ = disassembly::parse(text, "poll_idle");
        disassembly::parse_jump_table(text);
    }),
    ("kconfig", |text| drop(kconfig::options(text))),
    ("ktap", |text| drop(selftest::judge(text))),
    ("ldd", |text| drop(initramfs::parse_ldd(text))),
    ("message", |text| {
        if message::check(text).is_ok() {
            let tagged = message::with_tag(text, "Assisted-by: nobody");
            assert!(tagged.contains("Assisted-by: nobody"));
        }
    }),
    ("modules-dep", |text| {
        for file in drivers::order(text, &["virtio_blk", "virtio_net"]) {
            assert!(text.contains(file));
        }
    }),
    ("os-release", |text| drop(OsRelease::parse(text))),
    ("qemu-devices", |text| drop(qemu::parse(text))),
    ("recipe", |text| drop(recipe::parse(text))),
    ("report", |text| {
        let _ = serde_json::from_str::<Report>(text);
        let _ = serde_json::from_str::<Scenario>(text);
    }),
    ("series.toml", manifest_of),
    ("versions", |text| {
        line::of(text);
        line::min_version(text, "rustc");
    }),
    ("waivers", |text| drop(Waivers::parse(text, "7.3"))),
];

/// A manifest that can be read can be rewritten, and then has the new entry.
fn manifest_of(text: &str) {
    let entry = PatchEntry {
        slug: "ring-poll".into(),
        edits: vec!["ring-poll".into()],
        adds: Vec::new(),
    };
    if Toml::parse(text).is_ok() {
        let after = manifest::rewrite(text, &[entry]).expect("it is a manifest");
        assert!(after.contains("ring-poll"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    /// A seed must start with the name of a parser: otherwise no parser gets it.
    #[test]
    fn every_parser_has_a_seed_that_is_named_like_it() {
        let seeds = concat!(env!("CARGO_MANIFEST_DIR"), "/../fuzz/seeds/host");
        let mut seen = HashSet::new();
        for seed in std::fs::read_dir(seeds).unwrap() {
            let text = std::fs::read_to_string(seed.unwrap().path()).unwrap();
            let (name, rest) = text.split_once('\n').unwrap();
            let (name, parser) = ALL.iter().find(|(known, _)| *known == name).unwrap();
            parser(rest);
            seen.insert(*name);
        }
        assert_eq!(seen.len(), ALL.len());
    }
}
