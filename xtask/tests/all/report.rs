// SPDX-License-Identifier: GPL-2.0
//! `report` as its users see it. A bad file from another host ends it with code 2, and the message
//! has the file, the field and the reason. The tests of `measure::judge` show which files are bad.

use crate::common::World;
use kernel::module::{identity, tree};
use serde_json::Value;
use toolbox::place::Place;

const SERIES: &str = include_str!("../../../c-shim/results/7.3/blk.json");
const MODULE: &str = include_str!("../../../c-shim/results/stock-7.3/blk.json");
const TREE: &str = "0000111122223333444455556666777788889999";

/// A checkout whose series makes TREE, and whose module is not the project's.
fn world() -> World {
    let world = World::new();
    let base = format!(
        "version = \"7.3.4\"\ntree = \"{}\"\ntip = \"{TREE}\"\n",
        "5".repeat(40)
    );
    world.write("checkout/patches/7.3/base.toml", &base);
    world.write("checkout/c-shim/module/Kbuild", "obj-m += x.o\n");
    world
}

#[test]
fn odd_files_are_refused() {
    let world = world();
    let file = world.write("future.json", "{\"schema\": 2}");
    let command = format!("report {}", file.display());
    world
        .run(&command)
        .fails(2, &["future.json: ", "schema: 2 is not 1"]);
    world.run("report").fails(2, &["HOST.json"]);
}

/// The results that this project saved are good, but they are of another source than that of this
/// checkout.
#[test]
fn results_of_another_source_are_refused() {
    let world = world();
    let mut of_module: Value = serde_json::from_str(MODULE).unwrap();
    let no_source = world.write("old.json", &of_module.to_string());
    of_module["module"] = "1".repeat(40).into();
    let of_module = world.write("module.json", &of_module.to_string());
    let of_series = world.write("series.json", SERIES);
    for (file, parts) in [
        (&of_series, [".json: tree: ", TREE]),
        (&of_module, [".json: module: the module, tree 1111", TREE]),
        (
            &no_source,
            [".json: module: missing: the source", "is unknown"],
        ),
    ] {
        let command = format!("report {}", file.display());
        world.run(&command).fails(2, &parts);
    }
}

/// The results are of this checkout's module, but the cover letter is not about the module.
#[test]
fn results_of_the_module_are_not_saved() {
    let world = world();
    let place = Place::of(world.path("checkout"), world.path("cache"));
    let own = identity::of(&tree::files(&place).unwrap()).unwrap();
    let mut results: Value = serde_json::from_str(MODULE).unwrap();
    results["module"] = own.into();
    let file = world.write("vm.json", &results.to_string());
    let command = format!("report {} --save", file.display());
    let why = ["--save keeps results for the cover letter", "of the module"];
    world.run(&command).fails(2, &why);
}
