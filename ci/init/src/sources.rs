// SPDX-License-Identifier: GPL-2.0
//! The kernel's list of poll sources: a head line with the columns' names, then a line for each.
//! What the columns mean: Documentation/virt/poll-source.rst.

use std::collections::HashMap;

use anyhow::{Context, Result};
use guest_protocol::Source;

use crate::interrupts;
use crate::procfs::read;

const PATH: &str = "/sys/kernel/debug/poll_source/sources";

/// All of them, with the interrupts that each one's line took besides.
pub fn all() -> Result<Vec<Source>> {
    let mut sources = parse(&read(PATH)?).with_context(|| format!("understanding {PATH}"))?;
    let counts: HashMap<u32, u64> = interrupts::counts()?.into_iter().collect();
    for source in &mut sources {
        source.interrupts = counts.get(&source.irq).copied().unwrap_or(0);
    }
    Ok(sources)
}

pub fn parse(text: &str) -> Result<Vec<Source>> {
    let mut lines = text.lines();
    let head = lines.next().context("there is no head line")?;
    let heads: Vec<&str> = head.split_whitespace().collect();
    lines
        .map(|line| {
            let columns = heads.iter().copied().zip(line.split_whitespace());
            source(&columns.collect()).with_context(|| format!("in '{line}' under '{head}'"))
        })
        .collect()
}

fn source(columns: &HashMap<&str, &str>) -> Result<Source> {
    let word = |name: &str| columns.get(name).with_context(|| format!("no {name}"));
    let count = |name: &str| -> Result<u64> {
        word(name)?
            .parse()
            .with_context(|| format!("{name} is no number"))
    };
    Ok(Source {
        name: (*word("source")?).to_owned(),
        irq: word("irq")?.parse().context("irq is no number")?,
        cpu: word("cpu")?.parse().context("cpu is no number")?,
        episodes: count("episodes")?,
        looks: count("looks")?,
        hits: count("hits")?,
        missed: count("missed")?,
        time_us: count("time_us")?,
        event: (*word("event")?).to_owned(),
        interrupts: 0,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "source irq cpu episodes looks hits missed time_us event\n";

    #[test]
    fn a_line_for_each_source() {
        let text = format!(
            "{HEAD}virtio1/input.0 26 0 900 70000 812 1 52000 0x19fa2\n\
             virtio11/requests 29 -1 0 0 0 0 0 0x1\n"
        );
        let sources = parse(&text).unwrap();
        assert_eq!(sources.len(), 2);
        assert_eq!(sources[0].device(), "virtio1");
        assert_eq!((sources[0].hits, sources[0].missed), (812, 1));
        assert_eq!((sources[0].time_us, sources[1].cpu), (52000, -1));
        assert_eq!(sources[0].event, "0x19fa2");
        assert!(parse(HEAD).unwrap().is_empty());
    }

    #[test]
    fn columns_go_by_name_and_none_may_be_missing() {
        let text = "missed hits looks episodes cpu irq source time_us event more\n\
                    1 3 4 5 6 7 virtio0/requests 9 0x1 10\n";
        let source = &parse(text).unwrap()[0];
        assert_eq!((source.hits, source.episodes, source.irq), (3, 5, 7));
        for bad in [
            "",
            "source irq\nvirtio0/x 3\n",
            &format!("{HEAD}virtio0/x\n"),
            &format!("{HEAD}virtio0/x 1 0 1 1 many 0 0 0x1\n"),
        ] {
            assert!(parse(bad).is_err(), "{bad:?}");
        }
    }
}
