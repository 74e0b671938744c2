// SPDX-License-Identifier: GPL-2.0
//! `series open` and `series import` on small kernels: an opened series is imported without loss.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::common::devloop::{
    HEADER, changed, edited, fixup, fixup_the_count, import, opened, rebase, refused, same_tree,
    source,
};
use crate::common::{git, series};

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
    assert_ne!(mode & 0o055, 0, "other users have no access: {mode:o}");
    fs::remove_dir_all(world.path("cache")).unwrap();
    git(&dir, &["fsck", "--full", "--strict"]);
    import(&world, "").passes();
    let again = world.run("series open ../dir --offline");
    again.fails(2, &["already exists"]);
}

#[test]
fn unchanged_tree_changes_no_byte() {
    for line in ["7.3", "6.12"] {
        let (world, _) = opened(line);
        import(&world, "").says(&["0 files changed"]);
        assert_eq!(changed(&world), "");
    }
}

#[test]
fn fixups_reword_reorder_and_a_new_patch() {
    let (world, dir) = opened("7.3");
    let core = "cpuidle: add the core";
    fixup(&world, "7.3", HEADER, "header", "the header", core);
    fixup_the_count(&world, "7.3");
    world.write("dir/drivers/cpuidle/more.c", "More.\n");
    edited(&world, "x", "Kconfig", "Top", "The Top", "never mind");
    git(&dir, &["add", "-f", "drivers/cpuidle/more.c"]);
    let message = "docs: say more of it\n\nWhy.\n";
    git(&dir, &["commit", "-q", "--amend", "-m", message]);
    // The third patch moves before the second, and gets another subject.
    let pick = "^pick [0-9a-f]* #* *cpuidle: ";
    let amend = "exec git commit -q --amend -m \\\"cpuidle: top it\\\"";
    let sed = format!("/{pick}add the core/{{h;d}};/{pick}name the top/{{s/$/\\n{amend}/;G}}");
    rebase(&world, "7.3", &sed, "");

    import(&world, "").says(&[
        "patch \"say-more-of-it\" is new",
        "6.12: look at c-shim/edits/6.12/idle.diff",
    ]);
    same_tree(&world, "7.3");
    for (path, text) in [
        ("messages/say-more-of-it.txt", message),
        ("messages/top.txt", "cpuidle: top it\n"),
        ("kernel/drivers/cpuidle/more.c", "More.\n"),
        ("kernel/include/linux/poll_source.h", "/* the header */\n"),
    ] {
        assert_eq!(source(&world, &format!("c-shim/{path}")), text, "{path}");
    }
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

    // A second import changes nothing, and work can go on in the same tree.
    series::commit(&world.path("checkout"), "imported");
    import(&world, "").passes();
    assert_eq!(changed(&world), "");
}

#[test]
fn change_on_the_other_line_stays_there() {
    let (world, _) = opened("6.12");
    let core = "cpuidle: add the core";
    fixup(&world, "6.12", HEADER, "header", "old header", core);
    refused(&world, &["patch \"core\"", "make the change on 7.3"]);
    let dir = world.path("dir");
    git(&dir, &["reset", "-q", "--hard", "ORIG_HEAD^"]);

    fixup_the_count(&world, "6.12");
    let top = "cpuidle: name the top";
    fixup(&world, "6.12", "Kconfig", "Top", "Old", top);
    import(&world, "").says(&["c-shim/edits/6.12/top.diff is new, for 6.12 only"]);
    same_tree(&world, "6.12");
    let expected = " M c-shim/edits/6.12/idle.diff\n?? c-shim/edits/6.12/top.diff";
    assert_eq!(changed(&world), expected);
}

#[test]
fn dropped_patch_is_dropped() {
    let (world, dir) = opened("7.3");
    git(&dir, &["reset", "-q", "--hard", "HEAD~2"]);
    import(&world, "").says(&["patch \"core\" is dropped"]);
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
fn cover_letter_of_b4_is_no_patch() {
    let (world, dir) = opened("7.3");
    let message = "EDITME: the cover\n\n--- b4-submit-tracking ---\n{}\n";
    git(&dir, &["commit", "-q", "--allow-empty", "-m", message]);
    import(&world, "").passes();
    assert_eq!(changed(&world), "");
}
