// SPDX-License-Identifier: GPL-2.0
//! The kernel's list of poll sources: a head line with the columns' names, then a line for each.

use anyhow::{Context, Result};

use crate::procfs::read;

const PATH: &str = "/sys/kernel/debug/poll_source/sources";

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    pub hits: u64,
    /// The whole of it, for whoever must find out what went wrong.
    pub line: String,
}

/// A device that is not polled has none.
pub fn of_device(device: &str) -> Result<Vec<Source>> {
    parse(&read(PATH)?, device).with_context(|| format!("understanding {PATH}"))
}

fn parse(text: &str, device: &str) -> Result<Vec<Source>> {
    let mut lines = text.lines();
    let head = lines.next().context("there is no head line")?;
    let column = |name: &str| {
        let found = head.split_whitespace().position(|column| column == name);
        found.with_context(|| format!("no column {name} in '{head}'"))
    };
    let (name, hits) = (column("source")?, column("hits")?);
    let mut sources = Vec::new();
    for line in lines {
        let words: Vec<&str> = line.split_whitespace().collect();
        let word = |at: usize| {
            let word = words.get(at).copied();
            word.with_context(|| format!("too few columns in '{line}'"))
        };
        if word(name)?.split('/').next() == Some(device) {
            let count = word(hits)?;
            sources.push(Source {
                hits: count
                    .parse()
                    .with_context(|| format!("'{count}' hits in '{line}'"))?,
                line: line.to_owned(),
            });
        }
    }
    Ok(sources)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "source irq cpu episodes looks hits late missed time_us\n";

    #[test]
    fn a_devices_own_lines_and_no_others() {
        let text = format!(
            "{HEAD}\
             virtio1/input.0   26 0 900 70000  812 3 1 52000\n\
             virtio1/output.0  27 1 900 70000    5 0 0 51000\n\
             virtio11/control_i/p 29 0 1 2 77 0 0 0\n"
        );
        let hits = |device| -> Vec<u64> {
            let sources = parse(&text, device).unwrap();
            sources.iter().map(|source| source.hits).collect()
        };
        assert_eq!(hits("virtio1"), [812, 5]);
        assert_eq!(hits("virtio11"), [77]);
        assert!(hits("virtio2").is_empty());
        assert!(parse(HEAD, "virtio1").unwrap().is_empty());
    }

    #[test]
    fn columns_go_by_name() {
        let text = "hits source\n4 virtio0/requests\n";
        assert_eq!(parse(text, "virtio0").unwrap()[0].hits, 4);
    }

    #[test]
    fn what_is_no_list_is_an_error() {
        for bad in [
            "",
            "source irq\n",
            "source hits\nvirtio0/requests\n",
            "source hits\nvirtio0/requests many\n",
        ] {
            assert!(parse(bad, "virtio0").is_err(), "{bad:?}");
        }
    }
}
