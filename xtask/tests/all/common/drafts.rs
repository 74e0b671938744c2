// SPDX-License-Identifier: GPL-2.0
//! A series of two patches on a kernel of a few lines.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::Path;

use super::{Ran, World, git};

/// The folder's files, names and contents.
pub fn texts(dir: &Path) -> BTreeMap<OsString, String> {
    let entries = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap());
    let file = |entry: fs::DirEntry| (entry.file_name(), fs::read_to_string(entry.path()).unwrap());
    entries.map(file).collect()
}

pub const SERIES: &str = r#"
title = "cpuidle: poll_source: a series for tests"
date = "2026-11-22T12:00:00Z"

[[patch]]
slug = "edit"
edits = ["idle"]

[[patch]]
slug = "core"
files = ["include/linux/poll_source.h"]
core = ["poll/mod.rs"]
core_root = true
"#;

pub const EDIT: &str = "--- a/drivers/cpuidle/idle.c\n+++ b/drivers/cpuidle/idle.c\n\
    @@ -2,6 +2,6 @@ a\n b\n c\n one\n-two\n+zwei\n three\n d\n";

pub fn world() -> World {
    let world = World::new();
    world.kernel("tree", "7.3");
    let files = [
        ("c-shim/series.toml", SERIES),
        (
            "c-shim/messages/cover.txt",
            "What it is for.\n\n{results}\n",
        ),
        (
            "c-shim/messages/edit.txt",
            "cpuidle: count in German\n\nWhy: für Tests.\n\nAssisted-by: A [b]\n",
        ),
        (
            "c-shim/messages/core.txt",
            "cpuidle: add the core\n\nWhy.\n\nAssisted-by: A [b]\n",
        ),
        ("c-shim/edits/idle.diff", EDIT),
    ];
    world.source(&files);
    world
}

/// Puts a file into the kernel.
pub fn commit(world: &World, path: &str, text: &str) {
    world.write(&format!("tree/{path}"), text);
    let dir = world.path("tree");
    git(&dir, &["add", "-f", path]);
    git(&dir, &["commit", "-q", "-m", path]);
}

pub fn generate(world: &World, more: &str) -> Ran {
    world.run(&format!("gen-patches --linux ../tree {more}"))
}

pub fn mail(world: &World, name: &str) -> String {
    fs::read_to_string(world.path("checkout/patches/7.3").join(name)).unwrap()
}
