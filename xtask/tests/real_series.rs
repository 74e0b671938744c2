// SPDX-License-Identifier: GPL-2.0
//! The real series on the real kernels, out to commits and back. Needs both
//! lines' sources in the cache; `cargo xtask test` runs it.

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use common::{Ran, World, git, ran, series};

/// Opens the series of a line in a copy of this checkout.
struct Loop {
    world: World,
    line: &'static str,
    dir: PathBuf,
}

impl Loop {
    fn new(line: &'static str) -> Loop {
        let world = World::new();
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let mut copy = Command::new("cp");
        copy.arg("-r")
            .args(["c-shim", "rust-core"].map(|name| root.join(name)));
        ran(copy.arg(world.path("checkout"))).passes();
        world.write("checkout/.gitignore", "/out\n/target\n");
        let checkout = world.path("checkout");
        git(&checkout, &["init", "-q"]);
        series::commit(&checkout, "the source");
        let dir = world.path("dir");
        let made = Loop { world, line, dir };
        let args = [
            "series",
            "open",
            "../dir",
            "--sparse",
            "--offline",
            "--base",
            line,
        ];
        made.xtask(&args).passes();
        made
    }

    /// With the machine's own cache.
    fn xtask(&self, args: &[&str]) -> Ran {
        let mut cmd = self.world.xtask(args);
        match std::env::var_os("XDG_CACHE_HOME") {
            Some(cache) => cmd.env("XDG_CACHE_HOME", cache),
            None => cmd.env_remove("XDG_CACHE_HOME"),
        };
        ran(&mut cmd)
    }

    fn import(&self) -> Ran {
        let ran = self.xtask(&["series", "import", "../dir"]);
        ran.passes();
        ran
    }

    fn changed(&self) -> String {
        git(
            &self.world.path("checkout"),
            &["status", "--porcelain", "-uall"],
        )
    }

    fn source(&self, path: &str) -> String {
        fs::read_to_string(self.world.path("checkout").join(path)).unwrap()
    }

    /// Replaces text in a file, and commits it as a fixup! of the patch that
    /// has this subject.
    fn fixup(&self, path: &str, from: &str, to: &str, subject: &str) {
        let file = self.dir.join(path);
        let text = fs::read_to_string(&file).unwrap();
        assert!(text.contains(from), "{path} has no {from:?}");
        fs::write(&file, text.replacen(from, to, 1)).unwrap();
        git(&self.dir, &["commit", "-qam", &format!("fixup! {subject}")]);
    }

    fn check_generated(&self) {
        let args = [
            "gen-patches",
            "--offline",
            "--out",
            "out",
            "--base",
            self.line,
        ];
        let ran = self.xtask(&args);
        ran.passes();
        let tree = git(&self.dir, &["rev-parse", "HEAD^{tree}"]);
        assert!(ran.out.contains(&tree), "{tree} is not in {}", ran.out);
    }
}

/// Out, a line changed in old and in new files, a message reworded, the last
/// two patches swapped, a patch added; and back. An import of what did not
/// change changes nothing.
fn there_and_back(line: &'static str) -> (Loop, Ran) {
    let work = Loop::new(line);
    work.import();
    assert_eq!(work.changed(), "");

    let softirq = "softirq: Add irq_exit_poll()";
    let comment = "Like irq_exit(), in the idle task, which handled";
    work.fixup(
        "include/linux/hardirq.h",
        comment,
        "As irq_exit(), in the idle task, which handled",
        softirq,
    );
    let first = work.import();
    work.check_generated();
    series::commit(&work.world.path("checkout"), "imported");

    let file = "Documentation/virt/guest-halt-polling.rst";
    work.world.write(
        "dir/drivers/cpuidle/more.c",
        "// SPDX-License-Identifier: GPL-2.0\n",
    );
    let text = fs::read_to_string(work.dir.join(file)).unwrap();
    fs::write(work.dir.join(file), text + "\nMore of it.\n").unwrap();
    git(&work.dir, &["add", "-f", "drivers/cpuidle/more.c", file]);
    git(
        &work.dir,
        &["commit", "-qm", "cpuidle: add more of it\n\nWhy."],
    );
    // The last but one goes behind the next; the first gets another message.
    let sed = "/virtio_pci: let/{h;d};/virtio_mmio: let/G;/haltpoll: let/s/^pick/reword/";
    let list = work
        .world
        .script("list", &format!("exec sed -i -e '{sed}' \"$1\""));
    let message = work.world.script(
        "message",
        "exec sed -i -e '1s/let force/let its force/' \"$1\"",
    );
    let mut rebase = Command::new("git");
    rebase.arg("-C").arg(&work.dir);
    rebase.args([
        "-c",
        "user.name=A",
        "-c",
        "user.email=a@b",
        "rebase",
        "-q",
        "-i",
    ]);
    rebase.arg(format!("poll-source-base/{line}"));
    rebase
        .env("GIT_SEQUENCE_EDITOR", list)
        .env("GIT_EDITOR", message);
    ran(&mut rebase).passes();
    let second = work.import();
    assert!(
        second.out.contains("patch \"add-more-of-it\" is new"),
        "{}",
        second.out
    );
    work.check_generated();
    let toml = work.source("c-shim/series.toml");
    let at = |slug: &str| toml.find(&format!("slug = \"{slug}\"")).unwrap();
    assert!(at("mmio-sources") < at("pci-sources") && at("pci-sources") < at("add-more-of-it"));
    (work, first)
}

#[test]
#[ignore = "takes the kernels' sources"]
fn default_line_and_what_the_other_gets_of_it() {
    let (work, first) = there_and_back("7.3");
    let part = "6.12: its own files take the change too";
    assert!(first.out.contains(part), "{}", first.out);
    for path in ["softirq-poll.diff", "6.12/softirq-poll.diff"] {
        let edit = work.source(&format!("c-shim/edits/{path}"));
        assert!(
            edit.contains("As irq_exit(), in the idle task, which handled"),
            "{path}"
        );
    }
    assert!(
        work.source("c-shim/messages/haltpoll-force.txt")
            .starts_with("cpuidle: haltpoll: let its force")
    );
}

#[test]
#[ignore = "takes the kernels' sources"]
fn other_line_in_its_own_files() {
    let (work, _) = there_and_back("6.12");
    let common = work.source("c-shim/edits/softirq-poll.diff");
    assert!(
        common.contains("Like irq_exit(), in the idle task"),
        "{common}"
    );
    assert!(
        work.source("c-shim/messages/6.12/haltpoll-force.txt")
            .starts_with("cpuidle: haltpoll: let its force")
    );
}
