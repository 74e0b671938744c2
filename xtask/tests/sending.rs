// SPDX-License-Identifier: GPL-2.0
//! gen-patches for mails that are to be sent: results, sign-off, versions, and
//! the same bytes wherever they are made.

mod common;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use common::drafts::{CHECKPATCH, JOERG, SERIES, commit, generate, mail, mails, texts, world};
use common::{World, elsewhere, git, ran};

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
    // git 2.39 encodes it in the patches alone.
    let from = "\nFrom: =?UTF-8?q?J=C3=B6rg=20M=C3=BCller?= <j@example.org>\nDate: ";
    assert!(read("0000-cover-letter.patch").contains(from));

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
