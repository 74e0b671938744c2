// SPDX-License-Identifier: GPL-2.0
//! A series of three patches for the small kernels, in a checkout that git
//! knows, with both lines' sources in the cache.

use std::fs;
use std::path::{Path, PathBuf};

use super::{Ran, World, git, ran};

const SERIES: &str = r#"# Of the series.
title = "cpuidle: poll_source: a series for tests"
date = "2026-11-22T12:00:00Z"

[assisted_by]
"7.3" = "A"
"6.12" = "A:b"

# Of the first.
[[patch]]
slug = "edit"
edits = ["idle"]

[[patch]]
slug = "core"
files = ["include/linux/poll_source.h"]
core = ["poll/mod.rs"]
core_root = true

[[patch]]
slug = "top"
edits = ["top"]
"#;

/// Files that the lines ask of a tree of another version.
const NEEDS: [&str; 4] = [
    "drivers/cpuidle/governors/haltpoll.c",
    "rust/macros/export.rs",
    "rust/kernel/sync/atomic.rs",
    "rust/helpers/helpers.c",
];

/// MAINTAINERS.
pub const LIST: &str = "ABC\nM:\ta\n\nFGH\nM:\tf\n\nKLM\nM:\tk\n\nXYZ\nM:\tx\n";

/// Of the 7.3 kernel; 6.12's last line is another.
pub const IDLE: &str = "a\nb\nc\none\ntwo\nthree\nd\ne\nf\ng\nh\n";

pub fn edit(path: &str, hunk: &str) -> String {
    format!("diff --git a/{path} b/{path}\n--- a/{path}\n+++ b/{path}\n{hunk}")
}

/// The first patch's: line 5.
fn idle_edit(line_8: &str) -> String {
    let hunk = format!("@@ -2,7 +2,7 @@ a\n b\n c\n one\n-two\n+zwei\n three\n d\n {line_8}\n");
    edit("drivers/cpuidle/idle.c", &hunk)
}

pub fn world() -> World {
    let world = World::new();
    let messages = [
        ("edit", "cpuidle: count in German\n\nWhy: für Tests.\n"),
        ("core", "cpuidle: add the core\n\nWhy.\n"),
        ("top", "cpuidle: name the top\n\nWhy.\n"),
        ("cover", "What it is for.\n"),
    ];
    for (slug, text) in messages {
        world.write(&format!("checkout/c-shim/messages/{slug}.txt"), text);
    }
    let files = [
        ("c-shim/series.toml", SERIES),
        ("c-shim/edits/idle.diff", &idle_edit("e")),
        ("c-shim/edits/6.12/idle.diff", &idle_edit("E")),
        (
            "c-shim/edits/top.diff",
            &edit(
                "Kconfig",
                "@@ -1 +1 @@\n-mainmenu \"Linux\"\n+mainmenu \"Top\"\n",
            ),
        ),
    ];
    world.source(&files);
    let checkout = world.path("checkout");
    git(&checkout, &["init", "-q"]);
    world.write("checkout/.gitignore", "/out\n/target\n");
    commit(&checkout, "the source");
    for (version, idle) in [
        ("7.3", IDLE.to_owned()),
        ("6.12", IDLE.replace("\ne\n", "\nE\n")),
    ] {
        let name = format!("linux-{version}");
        world.kernel_files(&name, version);
        world.write(&format!("{name}/drivers/cpuidle/idle.c"), &idle);
        world.write(&format!("{name}/MAINTAINERS"), LIST);
        let tarball = world.pack(&name, "tar.gz");
        ran(&mut world.fetch(version, &tarball)).passes();
    }
    world
}

/// A tree of a version that is of no line, with this idle.c at `path`.
pub fn tree(world: &World, version: &str, path: &str, idle: &str) -> PathBuf {
    world.kernel_files("tree", version);
    fs::remove_file(world.path("tree/drivers/cpuidle/idle.c")).unwrap();
    world.write(&format!("tree/{path}"), idle);
    world.write("tree/MAINTAINERS", LIST);
    for path in NEEDS {
        world.write(&format!("tree/{path}"), "");
    }
    let dir = world.path("tree");
    git(&dir, &["init", "-q"]);
    commit(&dir, "base");
    dir
}

pub fn commit(dir: &Path, message: &str) {
    git(dir, &["add", "-Af", "."]);
    git(dir, &["commit", "-q", "-m", message]);
}

/// A command whose temporary files must all be gone at its end.
#[track_caller]
pub fn tidy(world: &World, args: &str) -> Ran {
    let tmp = world.path("tmp");
    fs::create_dir_all(&tmp).unwrap();
    let ran = ran(world.xtask(args).env("TMPDIR", &tmp));
    let left: Vec<_> = tmp.read_dir().unwrap().collect();
    assert!(left.is_empty(), "left behind: {left:?}");
    ran
}
