// SPDX-License-Identifier: GPL-2.0
//! gen-patches on a kernel of a few lines: what it writes, what it refuses,
//! and that nothing of the user's gets into it.

mod common;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use common::{IDLE, Ran, World, elsewhere, git, ran};

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

/// As much of checkpatch as a test needs.
const CHECKPATCH: &str = r#"
my $bad = 0;
for my $file (grep { /[.]patch$/ } @ARGV) {
    open my $mail, '<', $file or die;
    my $signed = grep { /^Signed-off-by: / } <$mail>;
    print "ERROR:NO_AUTHOR_SIGN_OFF: $file\n" unless $signed;
    $bad = 1 unless $signed;
}
exit $bad;
"#;

const JOERG: &str = "Jörg Müller <j@example.org>";

fn world() -> World {
    let world = World::new();
    world.kernel("tree", "7.3");
    commit(&world, "scripts/checkpatch.pl", CHECKPATCH);
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

/// Puts a file into the kernel.
fn commit(world: &World, path: &str, text: &str) {
    world.write(&format!("tree/{path}"), text);
    let dir = world.path("tree");
    git(&dir, &["add", "-f", path]);
    git(&dir, &["commit", "-q", "-m", path]);
}

fn generate(world: &World, more: &[&str]) -> Ran {
    let args = [&["gen-patches", "--linux", "../tree"], more].concat();
    world.run(&args)
}

fn mail(world: &World, name: &str) -> String {
    fs::read_to_string(world.path("checkout/patches/7.3").join(name)).unwrap()
}

/// The mails of a folder but the cover letters.
fn mails(dir: &Path) -> Vec<PathBuf> {
    let mut mails: Vec<PathBuf> = texts(dir).keys().map(|name| dir.join(name)).collect();
    mails.retain(|path| path.extension().is_some_and(|ext| ext == "patch"));
    mails.retain(|path| !path.to_string_lossy().contains("0000-"));
    mails
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

/// The folder's files, names and contents.
fn texts(dir: &Path) -> BTreeMap<OsString, String> {
    let entries = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap());
    let file = |entry: fs::DirEntry| (entry.file_name(), fs::read_to_string(entry.path()).unwrap());
    entries.map(file).collect()
}

#[test]
fn the_same_bytes_wherever_they_are_made() {
    let world = world();
    let tree = world.path("tree");
    let make = |name: &str| {
        let mut cmd = world.xtask(&["gen-patches", "--signoff", JOERG, "--without-results"]);
        cmd.args(["--reroll-count", "2", "--previous"])
            .arg(world.path("checkout/patches/7.3"));
        cmd.arg("--linux").arg(&tree);
        cmd.arg("--out").arg(world.path(name));
        cmd.arg("--mbox")
            .arg(world.path(name).with_extension("mbx"));
        cmd
    };
    generate(&world, &[]).passes();
    world.write("checkout/c-shim/messages/changes.txt", " - für Öl\n");
    world.write("checkout/rust-core/src/poll/mod.rs", "// changed\n");
    ran(&mut make("here")).passes();
    let mut there = elsewhere(&make("there"), world.dir.path());
    ran(&mut there).passes();
    let here = texts(&world.path("here"));
    assert_eq!(here.len(), 4);
    assert_eq!(here, texts(&world.path("there")));
    let mbox = |name: &str| fs::read(world.path(name)).unwrap();
    assert_eq!(mbox("here.mbx"), mbox("there.mbx"));
    let mode = |name: &str| fs::metadata(world.path(name)).unwrap().permissions().mode();
    assert_eq!(mode("there/v2-base.toml") & 0o777, 0o644);
}

/// The same for the series in patches/, which the step before this one found
/// to be what is made here.
#[test]
#[ignore = "takes the kernel's source; `cargo xtask test` runs it"]
fn the_real_series_wherever_it_is_made() {
    let checkout = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let mut cmd = Command::new(env!("CARGO_BIN_EXE_xtask"));
    cmd.args(["gen-patches", "--check", "--offline", "--base", "all"])
        .current_dir(checkout);
    let home = std::env::home_dir().unwrap();
    let cache = std::env::var_os("XDG_CACHE_HOME").map_or(home.join(".cache"), PathBuf::from);
    cmd.env("XDG_CACHE_HOME", cache);
    ran(&mut elsewhere(&cmd, dir.path())).passes();
}

#[test]
fn signoff_is_a_persons_and_never_in_the_drafts() {
    let world = world();
    generate(&world, &["--signoff", JOERG]).fails(2, &["--out"]);
    let sign = |who: &str| {
        generate(
            &world,
            &["--out", "o", "--without-results", "--signoff", who],
        )
    };
    sign("jo").fails(2, &["Name <mail@host>"]);
    sign("Jo <jo@x>").passes();
    sign("\"Doe, Jo\" <jo@x>").passes();
    sign(JOERG).passes();
    let read = |name: &str| fs::read_to_string(world.path("checkout/o").join(name)).unwrap();
    let text = read("0001-cpuidle-count-in-German.patch");
    assert!(text.contains("\nFrom: =?UTF-8?q?J=C3=B6rg=20M=C3=BCller?= <j@example.org>\n"));
    assert!(text.contains(&format!(
        "Assisted-by: A [b]\nSigned-off-by: {JOERG}\n---\n"
    )));
    assert!(read("0000-cover-letter.patch").contains("J=C3=B6rg"));

    // The tree's checkpatch has the last word.
    let fussy = CHECKPATCH.replace("Signed-off-by: ", "Signed-off-by: Somebody Else");
    commit(&world, "scripts/checkpatch.pl", &fussy);
    let parts = [
        "checkpatch on the sign-offs",
        "NO_AUTHOR_SIGN_OFF",
        "signoff.log",
    ];
    sign(JOERG).fails(1, &parts);
}

#[test]
fn signoff_brings_a_maintainer() {
    let world = world();
    commit(
        &world,
        "MAINTAINERS",
        "\nA\nM:\tA <a@x>\nS:\tOrphan\n\nZ\nS:\tOdd\n",
    );
    let add = "--- a/MAINTAINERS\n+++ b/MAINTAINERS\n@@ -3,4 +3,8 @@ A\n M:\tA <a@x>\n S:\tOrphan\n \n\
        +CPUIDLE POLL SOURCES\n+S:\tOrphan\n+F:\tone\n+\n Z\n";
    let extend = "--- a/MAINTAINERS\n+++ b/MAINTAINERS\n@@ -6,5 +6,6 @@ A\n CPUIDLE POLL SOURCES\n \
        S:\tOrphan\n F:\tone\n+F:\ttwo\n \n Z\n";
    world.write("checkout/c-shim/edits/add.diff", add);
    world.write("checkout/c-shim/edits/extend.diff", extend);
    let series = SERIES.replace("[\"idle\"]", "[\"idle\", \"add\"]");
    let series = series.replace("slug = \"core\"", "slug = \"core\"\nedits = [\"extend\"]");
    world.write("checkout/c-shim/series.toml", &series);
    generate(
        &world,
        &["--out", "o", "--without-results", "--signoff", JOERG],
    )
    .passes();
    let dir = world.path("tree");
    let shown = |commit: &str| git(&dir, &["show", &format!("{commit}:MAINTAINERS")]);
    for mail in mails(&world.path("checkout/o")) {
        git(&dir, &["am", "-q", mail.to_str().unwrap()]);
    }
    let section = |files: &str| {
        format!(
            "\nA\nM:\tA <a@x>\nS:\tOrphan\n\nCPUIDLE POLL SOURCES\nM:\t{JOERG}\nS:\tMaintained\n{files}\n\nZ\nS:\tOdd"
        )
    };
    assert_eq!(shown("HEAD~1"), section("F:\tone"));
    assert_eq!(shown("HEAD"), section("F:\tone\nF:\ttwo"));
}

#[test]
fn the_next_version_says_what_changed() {
    let world = world();
    generate(&world, &[]).passes();
    generate(&world, &["--out", "o"]).passes();
    world.write("checkout/rust-core/src/poll/mod.rs", "// changed\n");
    world.write("checkout/c-shim/messages/changes.txt", " - It changed.\n");
    let second = |previous: &str| {
        let args = [
            "--out",
            "o",
            "--reroll-count",
            "2",
            "--mbox",
            "o2",
            "--previous",
            previous,
        ];
        generate(&world, &args)
    };
    second("o").passes();
    let names: Vec<_> = texts(&world.path("checkout/o")).into_keys().collect();
    let v2 = [
        "base.toml",
        "0000-cover-letter.patch",
        "0001-cpuidle-count-in-German.patch",
    ];
    for name in v2 {
        assert!(names.contains(&name.into()), "v1 is there still");
        assert!(names.contains(&format!("v2-{name}").into()), "{names:?}");
    }
    let read = || fs::read_to_string(world.path("checkout/o/v2-0000-cover-letter.patch")).unwrap();
    let cover = read();
    let parts = [
        "[PATCH v2 0/2] cpuidle",
        "Changes since v1:\n\n - It changed.\n",
        "Range-diff against v1:\n",
        " = 1:  ",
        " ! 2:  ",
        "    -+// core\n    ++// changed\n",
    ];
    for part in parts {
        assert!(cover.contains(part), "no {part:?} in {cover}");
    }

    // The same from an mbox with a cover letter in it, and from commits.
    generate(&world, &["--out", "o1", "--mbox", "v2.mbx"]).passes();
    world.write("checkout/rust-core/src/poll/mod.rs", "// core\n");
    generate(&world, &["--out", "o1", "--mbox", "v1.mbx"]).passes();
    world.write("checkout/rust-core/src/poll/mod.rs", "// changed\n");
    second("v1.mbx").passes();
    assert_eq!(read(), cover);
    let dir = world.path("tree");
    git(&dir, &["checkout", "-q", "-b", "sent"]);
    for mail in mails(&world.path("checkout/patches/7.3")) {
        git(&dir, &["am", "-q", mail.to_str().unwrap()]);
    }
    git(&dir, &["checkout", "-q", "-"]);
    second("sent~2..sent").passes();
    assert!(read().contains(" ! 2:  "));
    second("nowhere").fails(2, &["--previous nowhere: neither"]);
    second("a..b").fails(2, &["\"a\" is no commit"]);
    world.write("checkout/empty/README", "");
    second("empty").fails(2, &["no patches of v1"]);
    generate(&world, &["--out", "o", "--previous", "o"]).fails(2, &["--reroll-count"]);
}

/// Lands results of the tree that patches/7.3 makes, or of another one.
fn land(world: &World, tree: Option<&str>) {
    let base = mail(world, "base.toml");
    let tip = base.split("tip = \"").nth(1).unwrap();
    let tree = tree.unwrap_or(tip.split('"').next().unwrap());
    for (device, case, peer) in [
        ("blk", "randread@0us", "io_poll"),
        ("net", "udp-rr", "busy_poll"),
    ] {
        let ratio = r#"{"median": 1.25, "lo": 1.1, "hi": 1.5, "pairs": 8}"#;
        let irqs = r#"{"irqs_per_op": 0.5}"#;
        let text = format!(
            r#"{{"schema": 1, "tree": "{tree}", "missed": [], "env": {{"cpu": "c", "host_cpus": 2,
            "qemu": "q", "kernel": "7.3.4", "accel": "tcg", "shape": "fit", "seconds": 1.0,
            "warnings": [], "guest": {{"guest_halt_poll_ns": "200000"}}}}, "cases": [{{
            "name": "{device}/{case}", "ratio": {{"poll_source": {ratio}, "{peer}": {ratio}}},
            "variants": {{"before": {irqs}, "poll_source": {irqs}, "{peer}": {irqs}}}}}]}}"#
        );
        world.write(&format!("checkout/c-shim/results/7.3/{device}.json"), &text);
    }
}

#[test]
fn results_of_this_very_series_are_in_the_cover_letter() {
    let world = world();
    let none = "What it is for.\n\nThere are no results of this tree.\n";
    let cover = || mail(&world, "0000-cover-letter.patch");
    let ran = generate(&world, &[]);
    assert!(
        ran.err.contains("warning: the cover letter goes without"),
        "{}",
        ran.err
    );
    assert!(cover().contains(none));

    // Measured: the folder is stale until it has that, and then no more.
    land(&world, None);
    generate(&world, &["--check"]).fails(1, &["0000-cover-letter.patch differs"]);
    let ran = generate(&world, &[]);
    assert!(!ran.err.contains("warning"), "{}", ran.err);
    assert!(cover().contains("randread@0us  1.25 [1.10, 1.50]"));
    assert!(cover().contains("udp-rr  1.25 [1.10, 1.50]"));
    generate(&world, &["--check"]).passes();
    generate(&world, &["--out", "o", "--signoff", JOERG]).passes();
    // On another patch level the tree is another one, the series the same.
    commit(&world, "README", "next level\n");
    generate(&world, &["--check"]).passes();

    // Edited: what was measured was another series.
    generate(&world, &[]).passes();
    assert!(cover().contains(none));
    let remedy = "cargo xtask bench --base 7.3 --workload all --save";
    generate(&world, &["--out", "o", "--signoff", JOERG]).fails(2, &["measured on tree", remedy]);
    let given = ["--out", "o", "--results", "c-shim/results/7.3/blk.json"];
    generate(&world, &given).fails(2, &["blk.json: measured on tree", remedy]);
    land(&world, None);
    generate(&world, &given).passes();

    let broken = world.path("checkout/c-shim/results/7.3/net.json");
    let text = fs::read_to_string(&broken)
        .unwrap()
        .replace("\"pairs\": 8", "\"pairs\": 3");
    fs::write(&broken, text).unwrap();
    generate(&world, &[]).fails(
        2,
        &["net.json: net/udp-rr: poll_source: 3 pairs are too few"],
    );
}

#[test]
fn cover_letters_that_cannot_be_right() {
    let world = world();
    let cases = [
        (
            "*** {BLURB HERE} ***\n",
            "{BLURB HERE} is not a placeholder",
        ),
        ("See patch {patch:gone}.\n", "no patch \"gone\""),
        ("Why.\n\n-- >8 --\n", "scissors"),
    ];
    for (cover, reason) in cases {
        world.write("checkout/c-shim/messages/cover.txt", cover);
        generate(&world, &[]).fails(2, &["c-shim/messages/cover.txt", reason]);
    }
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
