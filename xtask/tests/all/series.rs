// SPDX-License-Identifier: GPL-2.0
//! gen-patches on a very small kernel: what it writes and what it refuses. `drafts.rs` tests it in
//! other environments and with results.

use std::fs;
use std::path::Path;

use crate::common::series::{SERIES, generate, idle_edit, mail, with_tree};
use crate::common::{IDLE, git, ran};

#[test]
fn mails_are_drafts_that_git_am_takes() {
    let world = with_tree();
    generate(&world, "").passes();
    let cover = mail(&world, "0000-cover-letter.patch");
    assert!(cover.contains("Subject: [PATCH 0/3] cpuidle: poll_source: a series for tests"));
    assert!(cover.contains("What it is for."));
    let second = mail(&world, "0002-cpuidle-add-the-core.patch");
    assert!(second.contains("Date: Sun, 22 Nov 2026 12:00:01 +0000"));
    assert!(second.contains("From: poll_source drafts <poll-source@localhost>"));
    assert!(!second.contains("Signed-off-by"));
    assert!(!cover.contains("base-commit"), "the base is nobody else's");

    let dir = world.path("tree");
    let patches = world.path("checkout/patches/7.3");
    for name in [
        "0001-cpuidle-count-in-German.patch",
        "0002-cpuidle-add-the-core.patch",
    ] {
        git(&dir, &["am", "-q", patches.join(name).to_str().unwrap()]);
    }
    let read = |path: &str| fs::read_to_string(dir.join(path)).unwrap();
    assert_eq!(read("drivers/cpuidle/idle.c"), IDLE.replace("two", "zwei"));
    assert_eq!(read("drivers/cpuidle/poll/mod.rs"), "// core\n");
    assert_eq!(read("drivers/cpuidle/poll_core.rs"), "// root\n");
    assert_eq!(read("include/linux/poll_source.h"), "/* header */\n");
}

#[test]
fn shallow_clone_is_base_enough() {
    let world = with_tree();
    let dir = world.path("tree");
    git(&dir, &["commit", "-q", "--allow-empty", "-m", "second"]);
    let url = format!("file://{}", dir.display());
    git(&dir, &["clone", "-q", "--depth=1", &url, "../shallow"]);
    world.run("gen-patches --linux ../shallow").passes();
    // A linked worktree is accepted as well. Its repository is in another place.
    git(&dir, &["worktree", "add", "-q", "--detach", "../linked"]);
    let check = "gen-patches --check --linux ../linked";
    world.run(check).passes();
}

#[test]
fn check_names_what_is_stale_and_what_renews_it() {
    let world = with_tree();
    let renew = "cargo xtask gen-patches --base 7.3";
    generate(&world, "--check").fails(1, &["is missing", renew]);
    generate(&world, "").passes();
    generate(&world, "--check").passes();
    world.write("checkout/rust-core/src/poll/mod.rs", "// changed\n");
    let parts = ["0002-cpuidle-add-the-core.patch differs", renew];
    generate(&world, "--check").fails(1, &parts);
    generate(&world, "").passes();
    world.write("checkout/patches/7.3/0009-old.patch", "");
    generate(&world, "--check").fails(1, &["0009-old.patch is left over"]);
}

#[test]
fn check_on_another_patch_level_looks_at_the_changes_alone() {
    let world = with_tree();
    generate(&world, "").passes();
    let dir = world.path("tree");
    world.write("tree/drivers/cpuidle/idle.c", &format!("zero\n{IDLE}"));
    git(&dir, &["commit", "-q", "-a", "-m", "next level"]);
    generate(&world, "--check").passes();
    world.write("checkout/rust-core/src/poll/mod.rs", "// changed\n");
    generate(&world, "--check").fails(1, &["differs"]);
}

#[test]
fn messages_that_git_am_would_mangle() {
    let world = with_tree();
    let message = |text: &str| world.write("checkout/c-shim/messages/edit.txt", text);
    message("cpuidle: y\n\nbody\n\n---\nlost\n");
    generate(&world, "").fails(2, &["messages/edit.txt", "line 5 is `---`"]);
    // The round trip finds what no rule covers.
    for (text, shown) in [
        ("[x] cpuidle: y\n", "-    [x] cpuidle: y"),
        ("cpuidle: y\n\nWhy.\n\nIndex: lost\n", "-    Index: lost"),
        (
            "cpuidle: y\n\nFrom: A <a@b>\n\nWhy.\n",
            "-    From: A <a@b>",
        ),
        ("cpuidle: y\n\nWhy. \nMore.\n", "= 1:"),
    ] {
        message(text);
        generate(&world, "").fails(1, &["other commits from the mails", shown]);
    }
    assert!(!world.path("checkout/patches").exists());
}

#[test]
fn edit_that_does_not_apply_names_patch_file_and_hunk() {
    let world = with_tree();
    let edit = idle_edit("e");
    let stale = edit.replace("-two", "-deux");
    world.write("checkout/c-shim/edits/idle.diff", &stale);
    let parts = [
        "\"edit\"",
        "idle.diff",
        "drivers/cpuidle/idle.c:2",
        "c-shim/edits/7.3/idle.diff",
    ];
    generate(&world, "").fails(2, &parts);
    // The line's own edit has priority over the common one.
    world.write("checkout/c-shim/edits/7.3/idle.diff", &edit);
    generate(&world, "").passes();
}

#[test]
fn series_that_cannot_be_right() {
    let cases = [
        (
            SERIES.replace("\"idle\"", "\"gone\""),
            "gone.diff, which does not exist",
        ),
        (SERIES.replace("slug", "slog"), "slog"),
        (SERIES.replace("2026-11-22T12:00:00Z", "today"), "date"),
        (
            SERIES.replace("include/linux/poll_source.h", "COPYING"),
            "use an edit to change it",
        ),
        (SERIES.replace("edits = [\"idle\"]", ""), "changes nothing"),
    ];
    let world = with_tree();
    world.write("checkout/c-shim/kernel/COPYING", "mine\n");
    for (series, reason) in cases {
        world.write("checkout/c-shim/series.toml", &series);
        generate(&world, "").fails(2, &["c-shim/", reason]);
    }
}

#[test]
fn stale_patches_are_not_built() {
    let world = with_tree();
    generate(&world, "").passes();
    world.write("checkout/rust-core/src/poll/mod.rs", "// changed\n");
    let bindgen = world.script("bin/bindgen", "echo bindgen 0.73.0");
    let mut cmd = world.xtask("build-kernel --linux ../tree");
    ran(cmd.env("BINDGEN", bindgen)).fails(2, &["stale", "cargo xtask gen-patches --base 7.3"]);
    assert!(!Path::new(&world.path("checkout/target/kernel")).exists());
}
