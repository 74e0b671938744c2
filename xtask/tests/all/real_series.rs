// SPDX-License-Identifier: GPL-2.0
//! The real series on the real kernels, out to commits and back. Needs both
//! lines' sources in the cache; `cargo xtask test` runs it.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use crate::common::devloop::{changed, fixup, import, open, rebase, same_tree, source};
use crate::common::{Ran, World, git, ran, series};
use toolbox::place::Place;

/// The series of a line, opened in a copy of this checkout.
fn opened(line: &str) -> World {
    let world = World::new();
    fs::create_dir(world.path("cache")).unwrap();
    let cache = Place::find().unwrap().cache;
    symlink(cache, world.path("cache/poll-source")).unwrap();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut copy = Command::new("cp");
    copy.arg("-r")
        .args(["c-shim", "rust-core"].map(|name| root.join(name)));
    ran(copy.arg(world.path("checkout"))).passes();
    world.write("checkout/.gitignore", "/out\n/target\n");
    let checkout = world.path("checkout");
    git(&checkout, &["init", "-q"]);
    series::commit(&checkout, "the source");
    open(&world, line);
    world
}

const COMMENT: &str = "Like irq_exit(), in the idle task, which handled";
const OTHER_COMMENT: &str = "As irq_exit(), in the idle task, which handled";

/// Out, a line changed in old and in new files, a message reworded, the last
/// two patches swapped, a patch added; and back. An import of what did not
/// change changes nothing.
fn there_and_back(line: &str) -> (World, Ran) {
    let world = opened(line);
    import(&world, "").passes();
    assert_eq!(changed(&world), "");

    let softirq = "softirq: Add irq_exit_poll()";
    let header = "include/linux/hardirq.h";
    fixup(&world, line, header, COMMENT, OTHER_COMMENT, softirq);
    let first = import(&world, "");
    first.passes();
    same_tree(&world, line);
    series::commit(&world.path("checkout"), "imported");

    let file = "Documentation/virt/guest-halt-polling.rst";
    let more = "// SPDX-License-Identifier: GPL-2.0\n";
    world.write("dir/drivers/cpuidle/more.c", more);
    let dir = world.path("dir");
    let text = fs::read_to_string(dir.join(file)).unwrap();
    fs::write(dir.join(file), text + "\nMore of it.\n").unwrap();
    git(&dir, &["add", "-f", "drivers/cpuidle/more.c", file]);
    let message = "cpuidle: add more of it\n\nWhy.";
    git(&dir, &["commit", "-qm", message]);
    // The last but one goes behind the next; the first gets another message.
    let sed = "/virtio_pci: let/{h;d};/virtio_mmio: let/G;/haltpoll: let/s/^pick/reword/";
    rebase(&world, line, sed, "1s/let force/let its force/");
    import(&world, "").says(&["patch \"add-more-of-it\" is new"]);
    same_tree(&world, line);
    let toml = source(&world, "c-shim/series.toml");
    let at = |slug: &str| toml.find(&format!("slug = \"{slug}\"")).unwrap();
    assert!(at("mmio-sources") < at("pci-sources") && at("pci-sources") < at("add-more-of-it"));
    (world, first)
}

#[test]
#[ignore = "takes the kernels' sources"]
fn default_line_and_what_is_told_of_the_other() {
    let (world, first) = there_and_back("7.3");
    first.says(&["6.12: look at c-shim/edits/6.12/softirq-poll.diff"]);
    let edit = source(&world, "c-shim/edits/softirq-poll.diff");
    assert!(edit.contains(OTHER_COMMENT));
    let message = source(&world, "c-shim/messages/haltpoll-force.txt");
    assert!(message.starts_with("cpuidle: haltpoll: let its force"));
}

#[test]
#[ignore = "takes the kernels' sources"]
fn other_line_in_its_own_files() {
    let (world, _) = there_and_back("6.12");
    let common = source(&world, "c-shim/edits/softirq-poll.diff");
    assert!(common.contains(COMMENT), "{common}");
    let message = source(&world, "c-shim/messages/6.12/haltpoll-force.txt");
    assert!(message.starts_with("cpuidle: haltpoll: let its force"));
}
