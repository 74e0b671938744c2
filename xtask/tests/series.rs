// SPDX-License-Identifier: GPL-2.0
//! gen-patches on a kernel of a few lines: what it writes, what it refuses,
//! and that nothing of the user's gets into it.

mod common;

use std::fs;
use std::path::Path;

use common::{IDLE, Ran, World, git, ran};

const SERIES: &str = r#"
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

const EDIT: &str = "--- a/drivers/cpuidle/idle.c\n+++ b/drivers/cpuidle/idle.c\n\
    @@ -2,6 +2,6 @@ a\n b\n c\n one\n-two\n+zwei\n three\n d\n";

fn world() -> World {
    let world = World::new();
    world.kernel("tree", "7.3");
    let files = [
        ("c-shim/series.toml", SERIES),
        ("c-shim/messages/cover.txt", "What it is for.\n"),
        (
            "c-shim/messages/edit.txt",
            "cpuidle: count in German\n\nWhy: für Tests.\n\nAssisted-by: A [b]\n",
        ),
        (
            "c-shim/messages/core.txt",
            "cpuidle: add the core\n\nWhy.\n\nAssisted-by: A [b]\n",
        ),
        ("c-shim/edits/idle.diff", EDIT),
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

fn generate(world: &World, more: &[&str]) -> Ran {
    let args = [&["gen-patches", "--linux", "../tree"], more].concat();
    world.run(&args)
}

fn mail(world: &World, name: &str) -> String {
    fs::read_to_string(world.path("checkout/patches/7.3").join(name)).unwrap()
}

#[test]
fn mails_are_drafts_that_git_am_takes() {
    let world = world();
    generate(&world, &[]).passes();
    let cover = mail(&world, "0000-cover-letter.patch");
    assert!(cover.contains("Subject: [PATCH 0/2] cpuidle: poll_source: a series for tests"));
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
    let world = world();
    let dir = world.path("tree");
    git(&dir, &["commit", "-q", "--allow-empty", "-m", "second"]);
    let url = format!("file://{}", dir.display());
    git(&dir, &["clone", "-q", "--depth=1", &url, "../shallow"]);
    let ran = world.run(&["gen-patches", "--linux", "../shallow"]);
    ran.passes();
    // A linked work tree, too: its repository is elsewhere.
    git(&dir, &["worktree", "add", "-q", "--detach", "../linked"]);
    let ran = world.run(&["gen-patches", "--check", "--linux", "../linked"]);
    ran.passes();
}

#[test]
fn public_base_is_named() {
    let world = world();
    let dir = world.path("tree");
    git(&dir, &["tag", "v7.3.4"]);
    generate(&world, &[]).passes();
    let base = git(&dir, &["rev-parse", "HEAD"]);
    assert!(mail(&world, "0000-cover-letter.patch").contains(&format!("base-commit: {base}")));
}

#[test]
fn check_names_what_is_stale_and_what_renews_it() {
    let world = world();
    let renew = "cargo xtask gen-patches --base 7.3";
    generate(&world, &["--check"]).fails(1, &["is missing", renew]);
    generate(&world, &[]).passes();
    generate(&world, &["--check"]).passes();
    world.write("checkout/rust-core/src/poll/mod.rs", "// changed\n");
    let parts = ["0002-cpuidle-add-the-core.patch differs", renew];
    generate(&world, &["--check"]).fails(1, &parts);
    generate(&world, &[]).passes();
    world.write("checkout/patches/7.3/0009-old.patch", "");
    generate(&world, &["--check"]).fails(1, &["0009-old.patch is left over"]);
}

#[test]
fn check_on_another_patch_level_looks_at_the_changes_alone() {
    let world = world();
    generate(&world, &[]).passes();
    let dir = world.path("tree");
    world.write("tree/drivers/cpuidle/idle.c", &format!("zero\n{IDLE}"));
    git(&dir, &["commit", "-q", "-a", "-m", "next level"]);
    generate(&world, &["--check"]).passes();
    world.write("checkout/rust-core/src/poll/mod.rs", "// changed\n");
    generate(&world, &["--check"]).fails(1, &["differs"]);
}

#[test]
fn nothing_of_the_users_gets_in() {
    let world = world();
    generate(&world, &[]).passes();
    let config = world.write(
        "gitconfig",
        "[user]\n name = Me\n email = me@x\n[format]\n signOff = true\n subjectPrefix = MINE\n \
         suffix = .txt\n attach = true\n[core]\n abbrev = 5\n autocrlf = true\n[diff]\n noprefix = true\n \
         algorithm = patience\n mnemonicPrefix = true\n renames = copies\n[i18n]\n logOutputEncoding = latin1\n",
    );
    let mut cmd = world.xtask(&["gen-patches", "--check", "--linux", "../tree"]);
    cmd.env("GIT_CONFIG_GLOBAL", config)
        .env("GIT_DIR", "/nowhere")
        .env("GIT_AUTHOR_NAME", "Somebody")
        .env("GIT_COMMITTER_DATE", "@0 +0000")
        .env("TZ", "Asia/Tokyo")
        .env("LC_ALL", "de_DE.UTF-8");
    ran(&mut cmd).passes();
}

#[test]
fn signoff_is_a_persons_and_never_in_the_drafts() {
    let world = world();
    let who = "Jo Doe <jo@example.org>";
    generate(&world, &["--signoff", who]).fails(2, &["--out"]);
    generate(&world, &["--out", "o", "--signoff", "jo"]).fails(2, &["Name <mail@host>"]);
    generate(&world, &["--out", "o", "--signoff", who]).passes();
    let name = "checkout/o/0001-cpuidle-count-in-German.patch";
    let text = fs::read_to_string(world.path(name)).unwrap();
    assert!(text.contains(&format!("From: {who}")));
    assert!(text.contains(&format!("Assisted-by: A [b]\nSigned-off-by: {who}\n---\n")));
}

#[test]
fn messages_that_git_am_would_mangle() {
    let cases = [
        ("[x] cpuidle: y\n", "git am strips"),
        ("cpuidle: y\n\nbody\n\n---\nlost\n", "line 5 is `---`"),
        (
            "cpuidle: y\n\ndiff --git a/x b/x\n",
            "line 3 starts with `diff --git `",
        ),
    ];
    let world = world();
    for (text, reason) in cases {
        world.write("checkout/c-shim/messages/edit.txt", text);
        generate(&world, &[]).fails(2, &["messages/edit.txt", reason]);
    }
    assert!(!world.path("checkout/patches").exists());
}

#[test]
fn edit_that_does_not_apply_names_patch_file_and_hunk() {
    let world = world();
    let stale = EDIT.replace("-two", "-deux");
    world.write("checkout/c-shim/edits/idle.diff", &stale);
    let parts = [
        "\"edit\"",
        "idle.diff",
        "drivers/cpuidle/idle.c:2",
        "c-shim/edits/7.3/idle.diff",
    ];
    generate(&world, &[]).fails(2, &parts);
    // The line's own edit beats the common one.
    world.write("checkout/c-shim/edits/7.3/idle.diff", EDIT);
    generate(&world, &[]).passes();
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
            "make it an edit",
        ),
        (SERIES.replace("edits = [\"idle\"]", ""), "changes nothing"),
    ];
    let world = world();
    world.write("checkout/c-shim/kernel/COPYING", "mine\n");
    for (series, reason) in cases {
        world.write("checkout/c-shim/series.toml", &series);
        generate(&world, &[]).fails(2, &["c-shim/", reason]);
    }
}

#[test]
fn stale_patches_are_not_built() {
    let world = world();
    generate(&world, &[]).passes();
    world.write("checkout/rust-core/src/poll/mod.rs", "// changed\n");
    let bindgen = world.script("bin/bindgen", "echo bindgen 0.73.0");
    let mut cmd = world.xtask(&["build-kernel", "--linux", "../tree"]);
    ran(cmd.env("BINDGEN", bindgen)).fails(2, &["stale", "cargo xtask gen-patches --base 7.3"]);
    assert!(!Path::new(&world.path("checkout/target/kernel")).exists());
}
