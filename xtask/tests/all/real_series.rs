// SPDX-License-Identifier: GPL-2.0
//! The real series on the real kernels: opened as commits and imported again. The tests need the
//! sources of both lines in the cache. `cargo xtask test` runs them.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use crate::common::devloop::{changed, fixup, import, open, rebase, same_tree, source};
use crate::common::{Ran, World, git, ran, series};
use toolbox::place::Place;

/// Opens the series of a line in a copy of this checkout.
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

/// Opens the series, and imports it unchanged, which changes nothing. Then changes a line of a
/// header and imports that. Then adds a patch with an old and a new file, rewords a message and
/// swaps two patches, and imports that. Returns also the outcome of the import of the changed line.
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
    // The patch for virtio_pci moves behind the patch for virtio_mmio. The patch of haltpoll gets
    // another message.
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
#[ignore = "needs the kernels' sources"]
fn default_line_and_what_is_told_of_the_other() {
    let (world, first) = there_and_back("7.3");
    first.says(&["6.12: look at c-shim/edits/6.12/softirq-poll.diff"]);
    let edit = source(&world, "c-shim/edits/softirq-poll.diff");
    assert!(edit.contains(OTHER_COMMENT));
    let message = source(&world, "c-shim/messages/haltpoll-force.txt");
    assert!(message.starts_with("cpuidle: haltpoll: let its force"));
}

#[test]
#[ignore = "needs the kernels' sources"]
fn other_line_in_its_own_files() {
    let (world, _) = there_and_back("6.12");
    let common = source(&world, "c-shim/edits/softirq-poll.diff");
    assert!(common.contains(COMMENT), "{common}");
    let message = source(&world, "c-shim/messages/6.12/haltpoll-force.txt");
    assert!(message.starts_with("cpuidle: haltpoll: let its force"));
}

const POLL_STATE: &str = "drivers/cpuidle/poll_state.c";

/// Turns poll_idle() into the form that linux-next had in 2026: "cpuidle/poll_state: wait for
/// need-resched via tif_need_resched_relaxed_wait()".
fn with_relaxed_wait(mut text: String) -> String {
    let mut replace = |from: &str, up_to: &str, new: &str| {
        let start = text.find(from).expect(from);
        let end = start + text[start..].find(up_to).expect(up_to);
        text.replace_range(start..end, new);
    };
    replace(
        "#include <linux/sched.h>",
        "#include <linux/sched/idle.h>",
        "",
    );
    replace("#define POLL_IDLE_RELAX_COUNT", "static int", "");
    replace("\tu64 time_start;", "\tdev->poll_time_limit", "");
    let wait =
        "\t\tdev->poll_time_limit = !tif_need_resched_relaxed_wait(cpuidle_poll_time(drv, dev));\n";
    replace(
        "\t\tunsigned int loop_count",
        "\t}\n\traw_local_irq_disable",
        wait,
    );
    text
}

#[test]
#[ignore = "needs the kernels' sources"]
fn hook_survives_another_wait_in_poll_idle() {
    let world = opened("7.3");
    let dir = world.path("dir");
    git(&dir, &["checkout", "-q", "poll-source-base/7.3"]);
    let text = fs::read_to_string(dir.join(POLL_STATE)).unwrap();
    world.write(&format!("dir/{POLL_STATE}"), &with_relaxed_wait(text));
    git(
        &dir,
        &["commit", "-qam", "cpuidle/poll_state: wait otherwise"],
    );
    let other = git(&dir, &["rev-parse", "HEAD"]);
    let args = format!("gen-patches --offline --linux ../dir --base-ref {other} --out out");
    world.run(&args).says(&["poll-source          three-way"]);

    series::apply(&world, &dir);
    let text = fs::read_to_string(dir.join(POLL_STATE)).unwrap();
    let hook = "int index)\n{\n\tif (poll_source_active() && poll_source_idle(dev, drv))\n\t\treturn \
                index;\n\n\tdev->poll_time_limit = false;\n";
    assert!(text.contains(hook), "{text}");
    let added = git(&dir, &["diff", "--numstat", &other, "--", POLL_STATE]);
    assert_eq!(added, format!("4\t0\t{POLL_STATE}"));

    // Without the diff for this form, the port is refused, and the error names the file.
    let diff = format!("checkout/c-shim/edits/other/{POLL_STATE}.diff");
    fs::remove_file(world.path(&diff)).unwrap();
    let conflict = format!("  {POLL_STATE}:\n");
    world.run(&args).fails(2, &["conflicts with", &conflict]);
}
