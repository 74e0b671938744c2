// SPDX-License-Identifier: GPL-2.0
//! What `series open` and `series import` refuse: unfinished work, and changes that would be lost
//! on the way. The source stays unchanged.

use std::fs;

use crate::common::devloop::{
    IDLE, edited, fixup_the_count, import, opened, refused, same_tree, source,
};
use crate::common::git;
use crate::common::series::{self, tidy};

#[test]
fn what_is_no_line_is_not_opened() {
    let world = series::world();
    series::tree(&world, "7.4", IDLE, crate::common::IDLE);
    let args = "series open ../dir --offline --linux ../tree";
    tidy(&world, args).fails(2, &["Linux 7.4.4 belongs to no line"]);
    assert!(!world.path("dir").exists());
}

#[test]
fn tree_that_is_in_the_middle_of_something() {
    let (world, dir) = opened("7.3");
    world.write("dir/Kconfig", "dirty\n");
    refused(&world, &["uncommitted changes", "Kconfig"]);
    git(&dir, &["checkout", "-q", "Kconfig"]);
    fs::create_dir(dir.join(".git/rebase-apply")).unwrap();
    refused(&world, &["`git am` or `git rebase --apply` is in progress"]);
    fs::remove_dir(dir.join(".git/rebase-apply")).unwrap();
    git(&dir, &["checkout", "-q", "--detach"]);
    refused(&world, &["a commit without a branch is checked out"]);
    git(&dir, &["checkout", "-q", "-b", "mine"]);
    refused(&world, &["mine is checked out", "poll-source/7.3"]);
    git(&dir, &["checkout", "-q", "poll-source/7.3"]);

    let tree = git(&dir, &["rev-parse", "HEAD^{tree}"]);
    let base = "poll-source-base/7.3";
    let side = git(&dir, &["commit-tree", "-m", "side", "-p", base, &tree]);
    git(&dir, &["merge", "-q", "--no-edit", "-s", "ours", &side]);
    refused(&world, &["no longer a straight line"]);
    let moved = git(&dir, &["commit-tree", "-m", "another base", &tree]);
    git(&dir, &["reset", "-q", "--hard", &moved]);
    refused(&world, &["no longer a straight line", base]);
}

#[test]
fn folder_that_was_not_opened() {
    let world = series::world();
    series::tree(&world, "7.3", IDLE, crate::common::IDLE);
    let ran = world.run("series import ../tree");
    ran.fails(2, &["`cargo xtask series open` did not make this tree"]);
    let ran = world.run("series import ../nowhere");
    ran.fails(2, &["not the top folder of a git tree"]);
}

#[test]
fn messages_that_would_not_come_back() {
    let (world, dir) = opened("7.3");
    let cases = [
        ("cpuidle: name\n\nbody\n---\nlost\n", "line 4 is `---`"),
        ("[x] cpuidle: name\n", "-    [x] cpuidle: name"),
        ("cpuidle: name\n\nSigned-off-by: A <a@b>\n", "signed off"),
    ];
    for (text, reason) in cases {
        git(&dir, &["commit", "-q", "--amend", "-m", text]);
        refused(&world, &[reason]);
    }
}

#[test]
fn fixups_that_are_not_squashed() {
    let (world, _) = opened("7.3");
    let first = "cpuidle: count in German";
    edited(&world, "fixup!", IDLE, "zwei", "ZWEI", first);
    refused(
        &world,
        &["fixup! cpuidle: count", "git rebase -i --autosquash"],
    );
}

#[test]
fn source_that_is_not_what_was_opened() {
    let (world, _) = opened("7.3");
    fixup_the_count(&world, "7.3");
    world.write("checkout/rust-core/src/poll/mod.rs", "// newer\n");
    refused(
        &world,
        &["uncommitted changes", "rust-core/src/poll/mod.rs"],
    );
    series::commit(&world.path("checkout"), "newer");
    refused(&world, &["another series than", "--force"]);
    import(&world, "--force").passes();
    same_tree(&world, "7.3");
    assert_eq!(source(&world, "rust-core/src/poll/mod.rs"), "// core\n");
}
