// SPDX-License-Identifier: GPL-2.0
//! open-series and import-series on small kernels: what goes out comes back,
//! and what cannot come back whole does not come back at all.

mod common;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use common::series::{self, tidy};
use common::{Ran, World, git, ran};

const IDLE: &str = "drivers/cpuidle/idle.c";
const HEADER: &str = "include/linux/poll_source.h";

/// A world with the series of `line` opened in `dir`.
fn opened(line: &str) -> (World, PathBuf) {
    let world = series::world();
    let args = [
        "open-series",
        "../dir",
        "--offline",
        "--sparse",
        "--base",
        line,
    ];
    tidy(&world, &args).passes();
    let dir = world.path("dir");
    (world, dir)
}

fn import(world: &World, more: &[&str]) -> Ran {
    tidy(world, &[&["import-series", "../dir"], more].concat())
}

/// What import-series changed in the checkout.
fn changed(world: &World) -> String {
    git(&world.path("checkout"), &["status", "--porcelain", "-uall"])
}

fn source(world: &World, path: &str) -> String {
    fs::read_to_string(world.path("checkout").join(path)).unwrap()
}

/// The import is refused, with these words, and nothing changed.
#[track_caller]
fn refused(world: &World, parts: &[&str]) {
    let before = changed(world);
    import(world, &[]).fails(2, parts);
    assert_eq!(changed(world), before);
}

/// Replaces text in a file of the opened tree, and commits it for another commit.
fn fixup(world: &World, mark: &str, path: &str, from: &str, to: &str, of: &str) {
    let file = world.path("dir").join(path);
    let text = fs::read_to_string(&file).unwrap();
    assert!(text.contains(from), "no {from:?} in {text}");
    fs::write(&file, text.replace(from, to)).unwrap();
    let dir = world.path("dir");
    git(&dir, &["commit", "-qam", &format!("{mark} {of}")]);
}

/// `git rebase -i` with its list edited by sed.
fn rebase(world: &World, sed: &str) {
    let script = world.script("editor", &format!("exec sed -i -e '{sed}' \"$1\""));
    let mut cmd = std::process::Command::new("git");
    cmd.arg("-C").arg(world.path("dir"));
    cmd.args(["-c", "user.name=A", "-c", "user.email=a@b"]);
    cmd.args(["rebase", "-q", "-i", "poll-source-base/7.3"]);
    ran(cmd
        .env("GIT_SEQUENCE_EDITOR", script)
        .env("GIT_EDITOR", ":"))
    .passes();
}

/// The tree that the source makes of the line is that of the opened branch.
#[track_caller]
fn same_tree(world: &World, line: &str) {
    let args = ["gen-patches", "--offline", "--base", line, "--out", "out"];
    let ran = world.run(&args);
    ran.passes();
    let tree = git(&world.path("dir"), &["rev-parse", "HEAD^{tree}"]);
    assert!(ran.out.contains(&tree), "{tree} is not in {}", ran.out);
}

#[test]
fn opened_tree_is_a_repository_of_its_own() {
    let (world, dir) = opened("7.3");
    assert_eq!(git(&dir, &["status", "--porcelain"]), "");
    let log = git(
        &dir,
        &[
            "log",
            "--format=%s",
            "poll-source-base/7.3..poll-source/7.3",
        ],
    );
    let subjects = [
        "cpuidle: name the top",
        "cpuidle: add the core",
        "cpuidle: count in German",
    ];
    assert_eq!(log.lines().collect::<Vec<_>>(), subjects);
    let mode = dir.metadata().unwrap().permissions().mode();
    assert_ne!(mode & 0o055, 0, "others may look: {mode:o}");
    fs::remove_dir_all(world.path("cache")).unwrap();
    git(&dir, &["fsck", "--full", "--strict"]);
    import(&world, &[]).passes();
    let again = ["open-series", "../dir", "--offline"];
    world.run(&again).fails(2, &["is there already"]);
}

#[test]
fn what_is_no_line_is_not_opened() {
    let world = series::world();
    series::tree(&world, "7.4", IDLE, series::IDLE);
    let args = ["open-series", "../dir", "--offline", "--linux", "../tree"];
    tidy(&world, &args).fails(2, &["Linux 7.4.4 is of no line"]);
    assert!(!world.path("dir").exists());
}

#[test]
fn unchanged_tree_changes_no_byte() {
    for line in ["7.3", "6.12"] {
        let (world, _) = opened(line);
        let ran = import(&world, &[]);
        ran.passes();
        assert!(ran.out.contains("0 files changed"), "{}", ran.out);
        assert_eq!(changed(&world), "");
    }
}

#[test]
fn fixups_reword_reorder_and_a_new_patch() {
    let (world, dir) = opened("7.3");
    fixup(
        &world,
        "fixup!",
        HEADER,
        "header",
        "the header",
        "cpuidle: add the core",
    );
    fixup(
        &world,
        "fixup!",
        IDLE,
        "zwei",
        "ZWEI",
        "cpuidle: count in German",
    );
    world.write("dir/drivers/cpuidle/more.c", "More.\n");
    fixup(&world, "x", "Kconfig", "Top", "The Top", "never mind");
    git(&dir, &["add", "-f", "drivers/cpuidle/more.c"]);
    git(
        &dir,
        &[
            "commit",
            "-q",
            "--amend",
            "-m",
            "docs: say more of it\n\nWhy.",
        ],
    );
    // The third patch first, with another subject.
    let pick = "^pick [0-9a-f]* #* *cpuidle: ";
    let amend = "exec git commit -q --amend -m \\\"cpuidle: top it\\\"";
    let sed = format!("/{pick}add the core/{{h;d}};/{pick}name the top/{{s/$/\\n{amend}/;G}}");
    rebase(&world, &sed);

    let ran = import(&world, &[]);
    ran.passes();
    for part in [
        "patch \"say-more-of-it\" is new",
        "6.12: look at c-shim/edits/6.12/idle.diff",
    ] {
        assert!(ran.out.contains(part), "no {part:?} in {}", ran.out);
    }
    same_tree(&world, "7.3");
    assert_eq!(
        source(&world, "c-shim/messages/say-more-of-it.txt"),
        "docs: say more of it\n\nWhy.\n"
    );
    assert_eq!(
        source(&world, "c-shim/messages/top.txt"),
        "cpuidle: top it\n"
    );
    assert_eq!(
        source(&world, "c-shim/kernel/drivers/cpuidle/more.c"),
        "More.\n"
    );
    assert_eq!(
        source(&world, "c-shim/kernel/include/linux/poll_source.h"),
        "/* the header */\n"
    );
    let toml = source(&world, "c-shim/series.toml");
    let slugs: Vec<&str> = toml
        .lines()
        .filter(|line| line.starts_with("slug"))
        .collect();
    assert_eq!(
        slugs,
        ["edit", "top", "core", "say-more-of-it"].map(|slug| format!("slug = {slug:?}"))
    );
    assert!(
        toml.contains("# Of the first.\n[[patch]]\nslug = \"edit\""),
        "{toml}"
    );
    let edit = source(&world, "c-shim/edits/say-more-of-it.diff");
    assert!(
        edit.starts_with("diff --git a/Kconfig b/Kconfig\n--- a/Kconfig\n"),
        "{edit}"
    );

    // Imported is imported; and work can go on in the same tree.
    series::commit(&world.path("checkout"), "imported");
    import(&world, &[]).passes();
    assert_eq!(changed(&world), "");
}

#[test]
fn change_goes_into_the_other_lines_own_files() {
    let (world, _) = opened("7.3");
    fixup(
        &world,
        "fixup!",
        IDLE,
        "zwei",
        "ZWEI",
        "cpuidle: count in German",
    );
    let ran = import(&world, &[]);
    ran.passes();
    let part = "6.12: its own files take the change too";
    assert!(ran.out.contains(part), "{}", ran.out);
    let both = " M c-shim/edits/6.12/idle.diff\n M c-shim/edits/idle.diff";
    assert_eq!(changed(&world), both);
    let own = source(&world, "c-shim/edits/6.12/idle.diff");
    assert!(own.contains("+ZWEI\n three\n d\n E\n"), "{own}");
}

#[test]
fn change_on_the_other_line_stays_there() {
    let (world, _) = opened("6.12");
    fixup(
        &world,
        "fixup!",
        HEADER,
        "header",
        "old header",
        "cpuidle: add the core",
    );
    refused(&world, &["patch \"core\"", "make the change on 7.3"]);
    let dir = world.path("dir");
    git(&dir, &["reset", "-q", "--hard", "HEAD^"]);

    fixup(
        &world,
        "fixup!",
        IDLE,
        "zwei",
        "ZWEI",
        "cpuidle: count in German",
    );
    fixup(
        &world,
        "fixup!",
        "Kconfig",
        "Top",
        "Old",
        "cpuidle: name the top",
    );
    let ran = import(&world, &[]);
    ran.passes();
    let parts = [
        "c-shim/edits/6.12/top.diff is new, for 6.12 alone",
        "7.3: its series can still be",
    ];
    for part in parts {
        assert!(ran.out.contains(part), "no {part:?} in {}", ran.out);
    }
    same_tree(&world, "6.12");
    let expected = " M c-shim/edits/6.12/idle.diff\n?? c-shim/edits/6.12/top.diff";
    assert_eq!(changed(&world), expected);
}

#[test]
fn change_that_another_line_cannot_take_is_told() {
    let (world, _) = opened("7.3");
    let own = series::edit(IDLE, "@@ -4,3 +4,3 @@\n one\n-two\n+due\n three\n");
    world.write("checkout/c-shim/edits/6.12/idle.diff", &own);
    series::commit(&world.path("checkout"), "6.12 counts otherwise");
    fixup(
        &world,
        "fixup!",
        IDLE,
        "zwei",
        "ZWEI",
        "cpuidle: count in German",
    );
    let ran = import(&world, &[]);
    ran.passes();
    let parts = [
        "6.12: the change does not go into its own files",
        "drivers/cpuidle/idle.c:5: @@",
        "6.12: look at c-shim/edits/6.12/idle.diff",
    ];
    for part in parts {
        assert!(ran.out.contains(part), "no {part:?} in {}", ran.out);
    }
    assert_eq!(changed(&world), " M c-shim/edits/idle.diff");
}

#[test]
fn dropped_patch_is_dropped() {
    let (world, dir) = opened("7.3");
    git(&dir, &["reset", "-q", "--hard", "HEAD~2"]);
    let ran = import(&world, &[]);
    ran.passes();
    assert!(ran.out.contains("patch \"core\" is dropped"), "{}", ran.out);
    same_tree(&world, "7.3");
    let gone = [
        "c-shim/edits/top.diff",
        "c-shim/messages/core.txt",
        "c-shim/kernel/include/linux/poll_source.h",
        "rust-core/kernel/poll_core.rs",
    ];
    for path in gone {
        assert!(
            !world.path("checkout").join(path).exists(),
            "{path} is there"
        );
    }
}

#[test]
fn tree_that_is_in_the_middle_of_something() {
    let (world, dir) = opened("7.3");
    world.write("dir/Kconfig", "dirty\n");
    refused(&world, &["changes that no commit has", "Kconfig"]);
    git(&dir, &["checkout", "-q", "Kconfig"]);
    fs::create_dir(dir.join(".git/rebase-merge")).unwrap();
    refused(&world, &["a rebase is under way"]);
    fs::remove_dir(dir.join(".git/rebase-merge")).unwrap();
    git(&dir, &["checkout", "-q", "-b", "mine"]);
    refused(&world, &["mine is checked out", "poll-source/7.3"]);
    git(&dir, &["checkout", "-q", "poll-source/7.3"]);
    git(
        &dir,
        &[
            "merge",
            "-q",
            "--no-ff",
            "--no-edit",
            "-s",
            "ours",
            "HEAD~1",
        ],
    );
    import(&world, &[]).passes();
    let tree = git(&dir, &["rev-parse", "HEAD^{tree}"]);
    let side = git(
        &dir,
        &[
            "commit-tree",
            "-m",
            "side",
            "-p",
            "poll-source-base/7.3",
            &tree,
        ],
    );
    git(&dir, &["merge", "-q", "--no-edit", "-s", "ours", &side]);
    refused(&world, &["does not go straight on"]);
    git(&dir, &["reset", "-q", "--hard", &side]);
    git(&dir, &["replace", "--graft", "HEAD"]);
    refused(&world, &["its base", "poll-source-base/7.3"]);
}

#[test]
fn folder_that_was_not_opened() {
    let world = series::world();
    series::tree(&world, "7.3", IDLE, series::IDLE);
    let ran = world.run(&["import-series", "../tree"]);
    ran.fails(2, &["`cargo xtask open-series` did not make this tree"]);
    let ran = world.run(&["import-series", "../nowhere"]);
    ran.fails(2, &["not the top folder of a git tree"]);
}

#[test]
fn messages_that_would_not_come_back() {
    let (world, dir) = opened("7.3");
    let cases = [
        ("cpuidle: name\n\nbody\n---\nlost\n", "line 4 is `---`"),
        ("[x] cpuidle: name\n", "git am strips"),
        ("cpuidle: name\n\nSigned-off-by: A <a@b>\n", "signed off"),
    ];
    for (text, reason) in cases {
        git(&dir, &["commit", "-q", "--amend", "-m", text]);
        refused(&world, &[reason]);
    }
    git(
        &dir,
        &["commit", "-q", "--allow-empty", "-m", "cpuidle: nothing"],
    );
    git(
        &dir,
        &["commit", "-q", "--amend", "--allow-empty", "-m", "nothing"],
    );
}

#[test]
fn cover_letter_of_b4_is_no_patch() {
    let (world, dir) = opened("7.3");
    let message = "EDITME: the cover\n\n--- b4-submit-tracking ---\n{}\n";
    git(&dir, &["commit", "-q", "--allow-empty", "-m", message]);
    import(&world, &[]).passes();
    assert_eq!(changed(&world), "");
}

#[test]
fn fixups_that_find_no_place() {
    let (world, dir) = opened("7.3");
    fixup(&world, "fixup!", IDLE, "zwei", "ZWEI", "of nothing");
    refused(&world, &["fixup! of nothing", "for none of the series"]);
    git(&dir, &["reset", "-q", "--hard", "HEAD^"]);
    fixup(&world, "mine:", IDLE, "zwei", "deux", "in French");
    fixup(
        &world,
        "fixup!",
        IDLE,
        "deux",
        "zwo",
        "cpuidle: count in German",
    );
    refused(
        &world,
        &[
            "fixup! cpuidle: count in German",
            "conflicts in drivers/cpuidle/idle.c",
        ],
    );
}

#[test]
fn source_that_is_not_what_was_opened() {
    let (world, _) = opened("7.3");
    fixup(
        &world,
        "fixup!",
        IDLE,
        "zwei",
        "ZWEI",
        "cpuidle: count in German",
    );
    world.write("checkout/rust-core/src/poll/mod.rs", "// newer\n");
    refused(
        &world,
        &["changes that no commit has", "rust-core/src/poll/mod.rs"],
    );
    series::commit(&world.path("checkout"), "newer");
    refused(&world, &["another series than", "--force"]);
    import(&world, &["--force"]).passes();
    same_tree(&world, "7.3");
    assert_eq!(source(&world, "rust-core/src/poll/mod.rs"), "// core\n");
}
