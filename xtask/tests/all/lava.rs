// SPDX-License-Identifier: GPL-2.0
//! LAVA's own schema code accepts the examples in ci/lava and refuses wrong ones. The examples'
//! monitors judge consoles as they should.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::common::{finds_planted, judged_by};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../ci/lava");

/// Returns whether LAVA accepts a file, and what it printed. None if LAVA's code is not available.
/// In CI that fails the test.
fn lava_says(file: &Path) -> Option<(bool, String)> {
    let cache = env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let cache = cache.or_else(|| Some(env::home_dir()?.join(".cache")));
    let tools = cache
        .expect("there is a cache folder")
        .join("poll-source/tools/lava-schema");
    let output = Command::new("sh")
        .arg(Path::new(FOLDER).join("check-job.sh"))
        .arg(tools)
        .arg(file)
        .output()
        .expect("sh runs");
    judged_by("LAVA's schema code", output)
}

/// The files are checked one after the other, because all checks use one folder of tools.
#[test]
fn lava_takes_the_examples_and_nothing_that_is_wrong() {
    for name in ["smoke-kvm.yaml", "smoke-tcg.yaml"] {
        let Some((valid, said)) = lava_says(&Path::new(FOLDER).join(name)) else {
            return;
        };
        assert!(valid, "{said}");
    }
    let planted = [
        ("monitors:", "monitor:", "invalid action"),
        ("fixupdict:", "fixup:", "extra keys"),
        ("no_kvm:", "nokvm:", "context"),
        ("minutes: 12", "minutes: 30", "larger than job timeout"),
        // Wrong monitors: a complaint of the kernel counts as a pass, or the verdict is not found.
        ("\"\": fail", "\"\": pass", "('bug_', 'pass')"),
        ("verdict(?=", "verdikt(?=", "wanted"),
    ];
    let good = Path::new(FOLDER).join("smoke-kvm.yaml");
    finds_planted(|bad| lava_says(&bad), &good, &planted);
}
