// SPDX-License-Identifier: GPL-2.0
//! `report` as its users see it: files of other people's hosts that are no good end it with code 2,
//! and the message has the file, the field and the reason.

mod common;

use common::World;

const TREE: &str = "927e7a29485937e9bd02c883a105028839d717b6";

/// A checkout whose series makes TREE.
fn world() -> World {
    let world = World::new();
    let base = format!(
        "version = \"7.3.4\"\ntree = \"{}\"\ntip = \"{TREE}\"\n",
        "5".repeat(40)
    );
    world.write("checkout/patches/7.3/base.toml", &base);
    world
}

#[test]
fn odd_files_are_refused() {
    let world = world();
    let cases = [
        ("empty", "", "EOF while parsing"),
        ("future", "{\"schema\": 2}", "schema: 2 is not 1"),
        (
            "control",
            "{\"schema\": 1, \"env\": {\"cpu\": \"a\\nb\"}}",
            "env.cpu: has the control",
        ),
        ("thin", "{\"schema\": 1}", "missing field"),
    ];
    for (host, text, reason) in cases {
        let file = world.write(&format!("{host}.json"), text);
        let file = file.display();
        let name = format!("{host}.json: ");
        world
            .run(&format!("report {file}"))
            .fails(2, &[&name, reason]);
    }
    world.run("report").fails(2, &["HOST.json"]);
    world.run("report --prices --save").fails(2, &["--save"]);
}

/// The results that this project saved are good, but of another tree than this checkout's.
#[test]
fn results_of_another_tree_are_refused() {
    let world = World::new();
    let base = format!(
        "version = \"7.3.4\"\ntree = \"x\"\ntip = \"{}\"\n",
        "0".repeat(40)
    );
    world.write("checkout/patches/7.3/base.toml", &base);
    let saved = include_str!("../../c-shim/results/7.3/blk.json");
    let file = world.write("blk.json", saved);
    let reason = format!("is no tree of this series (7.3: {})", "0".repeat(40));
    world
        .run(&format!("report {}", file.display()))
        .fails(2, &["blk.json: tree: ", &reason]);
}
