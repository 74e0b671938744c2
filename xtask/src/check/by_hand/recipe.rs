// SPDX-License-Identifier: GPL-2.0
//! Reads the commands of a page: its fenced blocks marked `sh`. The first block sets variables and
//! is put before each of the others. Blocks of other kinds are not run.

/// Commands of a page.
#[derive(Debug, PartialEq, Eq)]
pub struct Block {
    /// The heading above the block.
    pub heading: String,
    /// The script that bash runs: the variables, then the block itself.
    pub script: String,
}

pub fn parse(page: &str) -> Result<Vec<Block>, String> {
    let mut blocks = Vec::new();
    let mut heading = "";
    let mut fences = page.split("\n```");
    while let Some(prose) = fences.next() {
        let headings = prose.lines().rev().find_map(|line| line.strip_prefix('#'));
        heading = headings.map_or(heading, |text| text.trim_start_matches('#').trim());
        let Some(block) = fences.next() else { break };
        if let Some(text) = block.strip_prefix("sh\n") {
            let (heading, script) = (heading.to_owned(), format!("{text}\n"));
            blocks.push(Block { heading, script });
        }
    }
    if !page.matches("\n```").count().is_multiple_of(2) {
        return Err(format!("a block under {heading:?} is not closed"));
    }
    if blocks.len() < 2 {
        return Err(
            "no commands: expected a `sh` block with the variables, and at least one more".into(),
        );
    }
    let variables = blocks.remove(0).script;
    for block in &mut blocks {
        block.script.insert_str(0, &format!("{variables}\n"));
    }
    Ok(blocks)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "# Page\n```sh\nA=1\n```\n## Before\n```console\n# apt install it\n```\n\
        ## Apply\nwords\n```sh\nuse $A\n\n# a comment, no heading\n```\n```sh\nmore\n```\n";

    #[test]
    fn blocks_of_sh_are_commands_and_others_are_not() {
        let blocks = parse(PAGE).unwrap();
        let found = blocks
            .iter()
            .map(|block| (block.heading.as_str(), block.script.as_str()));
        let first = "A=1\n\nuse $A\n\n# a comment, no heading\n";
        assert!(found.eq([("Apply", first), ("Apply", "A=1\n\nmore\n")]));
    }

    #[test]
    fn a_page_that_lost_its_commands_is_refused() {
        assert!(parse("# Page\n```sh\nA=1\n```\n").is_err());
        let err = parse(&PAGE[..PAGE.len() - 5]).unwrap_err();
        assert!(err.contains("Apply"), "{err}");
    }
}
