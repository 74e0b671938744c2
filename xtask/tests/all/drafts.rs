// SPDX-License-Identifier: GPL-2.0
//! The mails of gen-patches: they are the same bytes wherever they are made. The cover letter has
//! results of the same series.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::common::series::{commit, generate, mail, with_tree};
use crate::common::{World, elsewhere, ran};
use serde_json::json;
use toolbox::place::Place;

/// The step before this one finds that patches/ is up to date. This test checks the same in an
/// environment that differs in everything that can influence git.
#[test]
#[ignore = "needs the kernel's source; `cargo xtask test` runs it"]
fn the_series_is_the_same_wherever_it_is_made() {
    let checkout = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let mut cmd = Command::new(env!("CARGO_BIN_EXE_xtask"));
    cmd.args(["gen-patches", "--check", "--offline", "--base", "all"])
        .current_dir(checkout);
    let cache = Place::find().unwrap().cache;
    cmd.env("XDG_CACHE_HOME", cache.parent().unwrap());
    ran(&mut elsewhere(&cmd, dir.path())).passes();
}

/// Writes results of the tree that patches/7.3 makes, or of `tree`, to the checkout.
fn land(world: &World, tree: Option<&str>) {
    let base = mail(world, "base.toml");
    let tip = base.split("tip = \"").nth(1).unwrap();
    let tree = tree.unwrap_or(tip.split('"').next().unwrap());
    for (device, case, peer) in [
        ("blk", "randread@100us", "io_poll"),
        ("net", "udp-rr", "busy_poll"),
    ] {
        let mut results = measure::sample::with_peer(measure::sample::results(), peer);
        results["tree"] = tree.into();
        results["missed"] = json!([]);
        let measured = &mut results["cases"][0];
        measured["name"] = format!("{device}/{case}").into();
        measured["variants"]["before"]["events_per_op"] =
            json!({"halts": 0.5, "timers": 0.1, "ipis": 0.0, "context_switches": 2.0});
        world.write(
            &format!("checkout/c-shim/results/7.3/{device}.json"),
            &results.to_string(),
        );
    }
}

#[test]
fn results_of_this_very_series_are_in_the_cover_letter() {
    let world = with_tree();
    let none = "What it is for.\n\nThere are no results of this tree.\n";
    let cover = || mail(&world, "0000-cover-letter.patch");
    generate(&world, "").says(&["warning: the cover letter lacks results"]);
    assert!(cover().contains(none));

    // With results, patches/ is stale until the cover letter has them.
    land(&world, None);
    generate(&world, "--check").fails(1, &["0000-cover-letter.patch differs"]);
    let ran = generate(&world, "");
    assert!(!ran.err.contains("warning"), "{}", ran.err);
    assert!(cover().contains("Warning: others keep 30 %"));
    assert!(cover().contains("randread@100us  1.11 [1.00, 3.50]"));
    assert!(cover().contains("udp-rr  1.11 [1.00, 3.50]"));
    generate(&world, "--check").passes();
    // The page of results has them as well. A figure that was changed by hand is found.
    let page = world.path("checkout/c-shim/results/README.md");
    let shown = || fs::read_to_string(&page).unwrap();
    let generated = shown();
    assert!(generated.contains("| 3.30 [1.00, 3.50] |") && !generated.contains("earlier tree"));
    assert!(generated.contains("Warning about 7.3: others keep 30 %"));
    fs::write(&page, generated.replacen("1.11 [1.00", "1.12 [1.00", 1)).unwrap();
    let stale = "c-shim/results/README.md is stale";
    generate(&world, "--check").fails(1, &[stale, "1.12 [1.00"]);
    fs::write(&page, generated).unwrap();
    let readme = world.path("checkout/README.md");
    let generated = fs::read_to_string(&readme).unwrap();
    fs::write(&readme, generated.replacen("12 us", "13 us", 1)).unwrap();
    generate(&world, "--check").fails(1, &["README.md is stale", "13 us"]);
    fs::write(&readme, generated).unwrap();
    // On another patch level the tree is another one, but the series is the same.
    world.write("tree/README", "next level\n");
    commit(&world.path("tree"), "next level");
    generate(&world, "--check").passes();

    // Once the mails are made on that level, the results are of another tree.
    generate(&world, "").passes();
    assert!(cover().contains(none));
    // The tables of the disk, of its events, and of the network card are marked.
    let page = shown().replace('\n', " ");
    let marks = page.matches("Measured on an earlier tree").count();
    assert_eq!(marks, 3, "{page}");
    land(&world, None);

    let broken = world.path("checkout/c-shim/results/7.3/net.json");
    let text = fs::read_to_string(&broken)
        .unwrap()
        .replace("\"pairs\":8", "\"pairs\":3");
    fs::write(&broken, text).unwrap();
    let refused = "net.json: cases[0].ratio.poll_source.pairs: 3 are too few";
    generate(&world, "").fails(2, &[refused]);
}
