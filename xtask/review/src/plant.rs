// SPDX-License-Identifier: GPL-2.0
//! `--self-test`: a patch in which everything is wrong, and whether each reviewer
//! says so. What a reviewer must say is beside what it says it of.

use anyhow::{Context, Result, ensure};

use super::ReviewerName;
use super::outcome::{Mark, Outcomes};
use super::subject::Subject;
use toolbox::fault;

const SLUG: &str = "planted";

/// What is appended to a file.
const PLANTS: [(&str, &str); 5] = [
    (
        "drivers/virtio/virtio.c",
        concat!(
            "\n/**\n * planted() - a comment that dont describe its parameter\n */\n",
            "void planted(void *x);\n",
            "void planted(void *x)\n{\n\tint unused;   \n\n\tif (x)\n\t\tkfree(x);\n}\n",
            "\nint planted_global;\n",
        ),
    ),
    (
        // The kernel has the header, and tools/virtio no stub for it.
        "drivers/virtio/virtio_ring.c",
        "\n#include <linux/irq.h>\n",
    ),
    (
        "drivers/cpuidle/poll/mod.rs",
        concat!(
            "\n/// See [`no_such_thing`].\npub fn planted(a: &Option<u32>) -> u32 {\n",
            "   let b = a.clone().unwrap();\n    return b;\n}\n",
        ),
    ),
    (
        "drivers/cpuidle/Kconfig",
        "\nconfig CPU_IDLE_PLANTED\n\tbool\n",
    ),
    (
        "drivers/cpuidle/planted.txt",
        "A file that MAINTAINERS does not name, and that everybody will recieve.\n",
    ),
];

/// What each reviewer must say of it, in part.
const EXPECTED: [(ReviewerName, &str); 13] = [
    (ReviewerName::Whitespace, "trailing whitespace"),
    (ReviewerName::Checkpatch, "recieve"),
    (ReviewerName::RustLint, "PANIC"),
    (ReviewerName::Rustfmt, "drivers/cpuidle/poll/mod.rs"),
    (ReviewerName::KernelDoc, "drivers/virtio/virtio.c"),
    (ReviewerName::KconfigHelp, "CPU_IDLE_PLANTED has no prompt"),
    (ReviewerName::Maintainers, "drivers/cpuidle/planted.txt"),
    (ReviewerName::ToolsVirtio, "linux/irq.h: No such file"),
    (ReviewerName::Coccicheck, "drivers/virtio/virtio.c"),
    (ReviewerName::Builds, "unused variable"),
    (ReviewerName::Clippy, "drivers/cpuidle/poll/mod.rs"),
    (ReviewerName::Rustdoc, "no_such_thing"),
    (ReviewerName::Sparse, "planted_global"),
];

/// Puts the patch on top of the series.
pub fn plant(subject: &mut Subject) -> Result<()> {
    let tip = subject
        .commits
        .last()
        .context("there is no series")?
        .clone();
    let mut files = Vec::new();
    for (path, text) in PLANTS {
        let old = subject.file(&tip, path)?.map(|old| old + "\n");
        files.push((path.to_owned(), old.unwrap_or_default() + text));
    }
    subject.plant(SLUG, &files)
}

/// Prints what each reviewer found; gives how many did not find it.
pub fn report(outcomes: &Outcomes) -> Result<usize> {
    let mut blind = 0;
    let mut tried = 0;
    for &name in outcomes.names() {
        let Some((_, expected)) = EXPECTED.iter().find(|(it, _)| *it == name) else {
            continue;
        };
        tried += 1;
        let number = *outcomes
            .numbers()
            .last()
            .context("no patch was looked at")?;
        let found = match outcomes.cell(name, number) {
            Mark::Failed { why } => why.iter().find(|line| line.contains(expected)),
            _ => None,
        };
        match found {
            Some(line) => println!("ok    {:<12} {line}", name.text()),
            None => {
                blind += 1;
                println!(
                    "BLIND {:<12} it does not say {expected:?}: {:?}",
                    name.text(),
                    outcomes.cell(name, number)
                );
            }
        }
    }
    ensure!(
        tried > 0,
        fault::usage("none of these reviewers has a test of this kind")
    );
    println!(
        "\n{} reviewers see what is planted, {blind} do not",
        tried - blind
    );
    Ok(blind)
}
