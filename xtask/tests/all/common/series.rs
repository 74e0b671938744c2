// SPDX-License-Identifier: GPL-2.0
//! A series of three patches for the small kernels.

use std::fs;
use std::path::{Path, PathBuf};

use super::{IDLE, Ran, World, git, ran};

pub const SERIES: &str = r#"# Of the series.
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

/// Files that the series needs in a tree of another version.
const NEEDS: [&str; 4] = [
    "drivers/cpuidle/governors/haltpoll.c",
    "rust/macros/export.rs",
    "rust/kernel/sync/atomic.rs",
    "rust/helpers/helpers.c",
];

/// The content of MAINTAINERS in the small kernels.
pub const LIST: &str = "ABC\nM:\ta\n\nFGH\nM:\tf\n\nKLM\nM:\tk\n\nXYZ\nM:\tx\n";

pub fn edit(path: &str, hunk: &str) -> String {
    format!("diff --git a/{path} b/{path}\n--- a/{path}\n+++ b/{path}\n{hunk}")
}

/// The edit of the first patch, which changes line 5 of idle.c. `line_8` is part of its context.
pub fn idle_edit(line_8: &str) -> String {
    let hunk = format!("@@ -2,7 +2,7 @@ a\n b\n c\n one\n-two\n+zwei\n three\n d\n {line_8}\n");
    edit("drivers/cpuidle/idle.c", &hunk)
}

/// A checkout with the series as its source.
fn source() -> World {
    let world = World::new();
    let top = "@@ -1 +1 @@\n-mainmenu \"Linux\"\n+mainmenu \"Top\"\n";
    let files = [
        ("c-shim/series.toml", SERIES),
        (
            "c-shim/messages/edit.txt",
            "cpuidle: count in German\n\nWhy: für Tests.\n",
        ),
        (
            "c-shim/messages/core.txt",
            "cpuidle: add the core\n\nWhy.\n",
        ),
        ("c-shim/messages/top.txt", "cpuidle: name the top\n\nWhy.\n"),
        (
            "c-shim/messages/cover.txt",
            "What it is for.\n\n{results}\n",
        ),
        ("c-shim/module/main.c", "/* module */\n"),
        ("c-shim/edits/idle.diff", &idle_edit("e")),
        ("c-shim/edits/6.12/idle.diff", &idle_edit("E")),
        ("c-shim/edits/top.diff", &edit("Kconfig", top)),
        (
            "c-shim/kernel/include/linux/poll_source.h",
            "/* header */\n",
        ),
        ("rust-core/src/poll/mod.rs", "// core\n"),
        ("rust-core/kernel/poll_core.rs", "// root\n"),
    ];
    for (path, text) in files {
        world.write(&format!("checkout/{path}"), text);
    }
    world
}

/// A checkout with the series and a tree of 7.3 beside it, for [`generate`].
pub fn with_tree() -> World {
    let world = source();
    world.kernel("tree", "7.3");
    world
}

pub fn generate(world: &World, more: &str) -> Ran {
    world.run(&format!("gen-patches --linux ../tree {more}"))
}

pub fn mail(world: &World, name: &str) -> String {
    fs::read_to_string(world.path("checkout/patches/7.3").join(name)).unwrap()
}

/// A checkout that is a git repository, with the sources of both lines in the cache.
pub fn world() -> World {
    let world = source();
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

/// Makes a git tree of `version`, which may belong to no line, with `idle` as the content of
/// `path`.
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

/// Applies the series in the checkout's `out` to a tree.
pub fn apply(world: &World, dir: &Path) {
    for mail in ::series::mail::patches(&world.path("checkout/out")).unwrap() {
        git(dir, &["am", "-q", mail.to_str().unwrap()]);
    }
}

pub fn commit(dir: &Path, message: &str) {
    git(dir, &["add", "-Af", "."]);
    git(dir, &["commit", "-q", "-m", message]);
}

/// Runs a command, and checks that it leaves no temporary files.
#[track_caller]
pub fn tidy(world: &World, args: &str) -> Ran {
    let tmp = world.path("tmp");
    fs::create_dir_all(&tmp).unwrap();
    let ran = ran(world.xtask(args).env("TMPDIR", &tmp));
    let left: Vec<_> = tmp.read_dir().unwrap().collect();
    assert!(left.is_empty(), "temporary files were left: {left:?}");
    ran
}
