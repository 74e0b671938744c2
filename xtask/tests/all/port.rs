// SPDX-License-Identifier: GPL-2.0
//! The series on trees that it was not prepared for.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::common::series::{self, tidy};
use crate::common::{IDLE, Ran, World, git};

const FILE: &str = "drivers/cpuidle/idle.c";

/// The state of the user's repository: refs, status and the number of objects.
fn state(dir: &Path) -> [String; 3] {
    let all = ["status", "--porcelain", "--ignored"];
    [
        git(dir, &["for-each-ref"]),
        git(dir, &all),
        git(dir, &["count-objects", "-v"]),
    ]
}

#[track_caller]
fn port(world: &World, more: &str) -> Ran {
    let dir = world.path("tree");
    let before = state(&dir);
    let args = "gen-patches --offline --linux ../tree --out out";
    let ran = tidy(world, &format!("{args} {more}"));
    assert_eq!(state(&dir), before, "the user's tree changed");
    ran
}

/// Applies the series in `out` to the tree, and returns the content of `file`.
fn applied(world: &World, file: &str) -> String {
    let dir = world.path("tree");
    series::apply(world, &dir);
    fs::read_to_string(dir.join(file)).unwrap()
}

#[test]
fn trees_that_need_no_help() {
    let cases = [
        (FILE, format!("zero\n{IDLE}"), "clean"),
        // A neighbour of the changed line changed.
        (FILE, IDLE.replace("\nd\n", "\nD\n"), "three-way"),
        // The file was renamed.
        ("drivers/cpuidle/wait.c", IDLE.into(), "three-way"),
    ];
    for (file, text, way) in cases {
        let world = series::world();
        series::tree(&world, "7.4", file, &text);
        port(&world, "").says(&[
            "Linux 7.4.4",
            "made for 7.3 applies",
            &format!("edit                 {way}"),
            "top                  clean",
        ]);
        assert_eq!(applied(&world, file), text.replace("two", "zwei"));
    }
}

#[test]
fn conflict_names_patch_file_lines_and_remedy() {
    let world = series::world();
    series::tree(
        &world,
        "7.4",
        FILE,
        &format!("zero\n{}", IDLE.replace("two", "zwo")),
    );
    let parts = [
        "patch 1 of 3, edit (\"cpuidle: count in German\"), as made for Linux 7.3.4, conflicts with Linux 7.4.4",
        "  drivers/cpuidle/idle.c:\n    @@ -5,3 +5,7 @@",
        "    +<<<<<<< the tree\n     zwo\n    +=======\n    +zwei\n    +>>>>>>> the patch\n",
        "cargo xtask series open ../series --base 7.3",
        "git cherry-pick FETCH_HEAD~3..FETCH_HEAD",
        "or use the edits of another line with --base",
    ];
    port(&world, "").fails(2, &parts);
    assert!(!world.path("checkout/out").exists());
}

#[test]
fn entry_among_other_maintainers() {
    let world = series::world();
    let hunk = "@@ -4,6 +4,9 @@\n FGH\n M:\tf\n \n+IJK\n+M:\ti\n+\n KLM\n M:\tk\n \n";
    let entry = series::edit("MAINTAINERS", hunk);
    world.write("checkout/c-shim/edits/top.diff", &entry);
    let dir = series::tree(&world, "7.4", FILE, IDLE);
    let others = series::LIST.replace("KLM\n", "GHI\nM:\tg\n\nKLM\n");
    world.write("tree/MAINTAINERS", &others);
    let list = dir.join("MAINTAINERS");
    fs::set_permissions(&list, Permissions::from_mode(0o755)).unwrap();
    series::commit(&dir, "others");
    port(&world, "").says(&["top                  three-way"]);
    let listed = applied(&world, "MAINTAINERS");
    assert_eq!(listed, others.replace("KLM\n", "IJK\nM:\ti\n\nKLM\n"));
    assert_eq!(list.metadata().unwrap().permissions().mode() & 0o100, 0o100);
}

#[test]
fn file_that_is_gone() {
    let world = series::world();
    series::tree(&world, "7.4", "drivers/cpuidle/other.c", "nothing alike\n");
    let parts = ["drivers/cpuidle/idle.c: the tree has no such file"];
    port(&world, "").fails(2, &parts);
}

#[test]
fn tree_without_what_the_series_builds_on() {
    let world = series::world();
    let dir = series::tree(&world, "7.4", FILE, IDLE);
    git(&dir, &["rm", "-rq", "rust", "drivers/cpuidle/governors"]);
    git(&dir, &["commit", "-q", "-m", "no Rust"]);
    let parts = ["Linux 7.4.4: that tree lacks drivers/cpuidle/governors/haltpoll.c"];
    port(&world, "").fails(2, &parts);
}

#[test]
fn patches_has_no_place_for_it() {
    let world = series::world();
    series::tree(&world, "7.4", FILE, IDLE);
    let run = |more: &str| world.run(&format!("gen-patches --offline --linux ../tree {more}"));
    run("").fails(2, &["Linux 7.4.4", "--out"]);
    run("--check").fails(2, &["Linux 7.4.4"]);
}

#[test]
fn partial_clone() {
    let world = series::world();
    let dir = series::tree(&world, "7.4", FILE, IDLE);
    git(&dir, &["config", "uploadpack.allowFilter", "true"]);
    let url = format!("file://{}", dir.display());
    let filter = "--filter=blob:none";
    let clone = ["clone", "-q", "--no-checkout", filter, &url, "../part"];
    git(&dir, &clone);
    let args = "gen-patches --offline --linux ../part --out out";
    let ran = tidy(&world, &format!("{args} --base-ref HEAD"));
    ran.fails(2, &["partial clone lacks"]);
    git(&world.path("part"), &["checkout", "-q"]);
    tidy(&world, args).passes();
}

#[test]
fn base_that_others_have() {
    let world = series::world();
    let dir = series::tree(&world, "7.4", FILE, IDLE);
    let cover = || fs::read_to_string(world.path("checkout/out/0000-cover-letter.patch")).unwrap();
    let base = git(&dir, &["rev-parse", "HEAD"]);
    git(&dir, &["tag", "v7.4-mine"]);
    port(&world, "").says(&["no base-commit"]);
    assert!(!cover().contains("base-commit"));
    // The base is behind a release.
    git(&dir, &["commit", "-q", "--allow-empty", "-m", "release"]);
    git(&dir, &["tag", "v7.4.5"]);
    port(&world, &format!("--base-ref {base}")).passes();
    assert!(cover().contains(&format!("base-commit: {base}")));
    // The base is ahead of the release.
    git(&dir, &["commit", "-q", "--allow-empty", "-m", "private"]);
    port(&world, "").passes();
    assert!(!cover().contains("base-commit"));
}

#[test]
fn tree_says_itself_which_tools_it_takes() {
    let world = series::world();
    let dir = series::tree(&world, "7.4", FILE, IDLE);
    world.write(
        "tree/scripts/min-tool-version.sh",
        "rustc)\n\techo 99.1.0\n\t;;\n",
    );
    series::commit(&dir, "tools");
    let ran = world.run("build-kernel --offline --linux ../tree");
    ran.fails(6, &["rustc", "at least 99.1.0"]);
}
