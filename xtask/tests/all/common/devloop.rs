// SPDX-License-Identifier: GPL-2.0
//! A small series that is opened as commits, and the changes that people make to it.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use super::series::{self, tidy};
use super::{Ran, World, git, ran};

pub const IDLE: &str = "drivers/cpuidle/idle.c";
pub const HEADER: &str = "include/linux/poll_source.h";

/// A world with the small series of `line` opened in `dir`.
pub fn opened(line: &str) -> (World, PathBuf) {
    let world = series::world();
    open(&world, line);
    let dir = world.path("dir");
    (world, dir)
}

pub fn open(world: &World, line: &str) {
    let args = format!("series open ../dir --offline --sparse --base {line}");
    tidy(world, &args).passes();
}

pub fn import(world: &World, more: &str) -> Ran {
    tidy(world, &format!("series import ../dir {more}"))
}

/// Returns what `series import` changed in the checkout.
pub fn changed(world: &World) -> String {
    git(&world.path("checkout"), &["status", "--porcelain", "-uall"])
}

pub fn source(world: &World, path: &str) -> String {
    fs::read_to_string(world.path("checkout").join(path)).unwrap()
}

/// Checks that the import is refused with these words, and that nothing changes.
#[track_caller]
pub fn refused(world: &World, parts: &[&str]) {
    let before = changed(world);
    import(world, "").fails(2, parts);
    assert_eq!(changed(world), before);
}

/// Replaces text in a file of the opened tree, and commits it with the subject "`mark` `of`". `of`
/// is the subject of another commit.
pub fn edited(world: &World, mark: &str, path: &str, from: &str, to: &str, of: &str) {
    let file = world.path("dir").join(path);
    let text = fs::read_to_string(&file).unwrap();
    assert!(text.contains(from), "no {from:?} in {text}");
    fs::write(&file, text.replace(from, to)).unwrap();
    let dir = world.path("dir");
    git(&dir, &["commit", "-qam", &format!("{mark} {of}")]);
}

/// Like [`edited`], then squashes the change into the commit `of`.
pub fn fixup(world: &World, line: &str, path: &str, from: &str, to: &str, of: &str) {
    edited(world, "fixup!", path, from, to, of);
    rebase(world, line, "", "");
}

/// The fixup that most tests use.
pub fn fixup_the_count(world: &World, line: &str) {
    fixup(
        world,
        line,
        IDLE,
        "zwei",
        "ZWEI",
        "cpuidle: count in German",
    );
}

/// Runs `git rebase -i --autosquash` in the opened tree. The sed script `list` edits the list of
/// commits. The sed script `message` edits the messages that the list rewords.
pub fn rebase(world: &World, line: &str, list: &str, message: &str) {
    let editor =
        |name: &str, sed: &str| world.script(name, &format!("exec sed -i -e '{sed}' \"$1\""));
    let mut cmd = Command::new("git");
    cmd.arg("-C").arg(world.path("dir"));
    cmd.args(["-c", "user.name=A", "-c", "user.email=a@b"]);
    let base = format!("poll-source-base/{line}");
    cmd.args(["rebase", "-q", "-i", "--autosquash", &base]);
    cmd.env("GIT_SEQUENCE_EDITOR", editor("list", list));
    ran(cmd.env("GIT_EDITOR", editor("message", message))).passes();
}

/// Checks that the source makes the same tree of the line as the opened branch.
#[track_caller]
pub fn same_tree(world: &World, line: &str) {
    let args = format!("gen-patches --offline --base {line} --out out");
    let tree = git(&world.path("dir"), &["rev-parse", "HEAD^{tree}"]);
    world.run(&args).says(&[&tree]);
}
