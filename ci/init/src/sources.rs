// SPDX-License-Identifier: GPL-2.0
//! The kernel's list of poll sources: a line with the names of the columns, then a line for each
//! source. Documentation/virt/poll-source.rst explains the columns.

use std::fmt;
use std::str::FromStr;

use anyhow::{Context, Result};

use crate::procfs::read;

const PATH: &str = "/sys/kernel/debug/poll_source/sources";

/// A poll source and its counters.
#[derive(Clone, Default)]
pub struct Source {
    /// virtioN/QUEUE
    pub name: String,
    /// The CPU that polls the source; negative if none does.
    pub cpu: i64,
    pub hits: u64,
    pub time_us: u64,
    /// All columns of the source.
    pub line: String,
}

/// Shows all columns, for debugging.
impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.line)
    }
}

impl Source {
    /// The device's name: virtioN
    pub fn device(&self) -> &str {
        self.name.split('/').next().unwrap_or_default()
    }
}

pub fn all() -> Result<Vec<Source>> {
    parse(&read(PATH)?).with_context(|| format!("parsing {PATH}"))
}

pub fn parse(text: &str) -> Result<Vec<Source>> {
    let mut lines = text.lines();
    let head = lines.next().context("there is no header line")?;
    let heads: Vec<&str> = head.split_whitespace().collect();
    lines
        .map(|line| {
            let columns = heads.iter().copied().zip(line.split_whitespace());
            source(&columns.collect::<Vec<_>>())
                .with_context(|| format!("in '{line}' under '{head}'"))
        })
        .collect()
}

fn source(columns: &[(&str, &str)]) -> Result<Source> {
    let all = columns.iter().map(|(name, word)| format!("{name} {word}"));
    Ok(Source {
        name: column(columns, "source")?,
        cpu: column(columns, "cpu")?,
        hits: column(columns, "hits")?,
        time_us: column(columns, "time_us")?,
        line: all.collect::<Vec<_>>().join(" "),
    })
}

fn column<T: FromStr>(columns: &[(&str, &str)], name: &str) -> Result<T> {
    let found = columns.iter().find(|(of, _)| *of == name);
    let (_, word) = found.with_context(|| format!("there is no column {name}"))?;
    let value = word.parse().ok();
    value.with_context(|| format!("the column {name} has the invalid value {word:?}"))
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
        assert_eq!((sources[0].hits, sources[0].time_us), (812, 52000));
        assert_eq!(sources[1].cpu, -1);
        assert!(format!("{sources:?}").contains("hits 812 missed 1"));
        assert!(parse(HEAD).unwrap().is_empty());
    }

    #[test]
    fn columns_go_by_name_and_none_may_be_missing() {
        let text = "missed hits looks episodes cpu irq source time_us event more\n\
                    1 3 4 5 6 7 virtio0/requests 9 0x1 10\n";
        let source = &parse(text).unwrap()[0];
        assert_eq!((source.hits, source.cpu), (3, 6));
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
