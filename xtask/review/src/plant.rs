// SPDX-License-Identifier: GPL-2.0
//! `--self-test`: plants a patch with all kinds of errors, and checks that each reviewer reports
//! its error. The planted texts and the expected findings are next to each other.

use anyhow::{Context, Result, ensure};

use super::ReviewerName;
use super::outcome::{Mark, Outcomes};
use super::subject::Subject;
use toolbox::fault;
use toolbox::options::spelled;

const SLUG: &str = "planted";

/// Paths, and the text that is appended to each file.
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
        // The kernel has this header, but tools/virtio has no stub for it.
        "drivers/virtio/virtio_ring.c",
        "\n#include <linux/irq.h>\n",
    ),
    (
        "drivers/cpuidle/poll/mod.rs",
        concat!(
            "\nuse core::{cmp, fmt};\npub fn planted(a: &Option<u32>) -> u32 {\n",
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

/// Part of a finding that each reviewer must report. The reviewer `builds` runs two tools.
const EXPECTED: [(ReviewerName, &str); 9] = [
    (ReviewerName::Checkpatch, "recieve"),
    (ReviewerName::Imports, "use core::{cmp, fmt};"),
    (ReviewerName::Rustfmt, "drivers/cpuidle/poll/mod.rs"),
    (ReviewerName::KernelDoc, "drivers/virtio/virtio.c"),
    (ReviewerName::Maintainers, "drivers/cpuidle/planted.txt"),
    (ReviewerName::ToolsVirtio, "linux/irq.h: No such file"),
    (ReviewerName::Builds, "unused variable"),
    (ReviewerName::Builds, "drivers/cpuidle/poll/mod.rs"),
    (ReviewerName::Sparse, "planted_global"),
];

/// Adds the planted patch on top of the series.
pub fn plant(subject: &mut Subject) -> Result<()> {
    let tip = subject
        .commits
        .last()
        .context("there is no series")?
        .clone();
    let mut files = Vec::new();
    for (path, text) in PLANTS {
        let old = subject.git.file(&tip.id, path)?.map(|old| old + "\n");
        files.push((path.to_owned(), old.unwrap_or_default() + text));
    }
    subject.plant(SLUG, &files)
}

/// Prints which planted errors were found. Returns the number of those that were not.
pub fn report(outcomes: &Outcomes) -> Result<usize> {
    let number = outcomes.numbers.last();
    let number = *number.context("no patch was reviewed")?;
    let tried = EXPECTED
        .iter()
        .filter(|(name, _)| outcomes.names.contains(name));
    let mut blind = 0;
    for (name, expected) in tried.clone() {
        let mark = outcomes.mark(*name, number);
        let found = match mark {
            Some(Mark::Failed { why }) => why.iter().find(|line| line.contains(expected)),
            _ => None,
        };
        let name = spelled(*name);
        match found {
            Some(line) => println!("ok    {name:<12} {line}"),
            None => {
                blind += 1;
                println!("MISS  {name:<12} no finding contains {expected:?}: {mark:?}");
            }
        }
    }
    let tried = tried.count();
    ensure!(
        tried > 0,
        fault::usage("none of these reviewers has a self-test")
    );
    println!(
        "\n{} of the planted errors were found, {blind} were not",
        tried - blind
    );
    Ok(blind)
}
