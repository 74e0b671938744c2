// SPDX-License-Identifier: GPL-2.0
//! Every option that a patch adds has a prompt and a help text that says more
//! than the prompt does.

use std::collections::BTreeMap;

use anyhow::Result;

use super::finding::{Finding, Inspection};
use super::subject::Prefix;
use super::{Desk, Reviewer};

/// As checkpatch has it.
const LINES: usize = 4;

pub struct KconfigHelp;

impl Reviewer for KconfigHelp {
    fn look(&mut self, desk: &Desk<'_>, commit: &Prefix) -> Result<Option<Inspection>> {
        let is_kconfig = |path: &&str| {
            path.rsplit('/')
                .next()
                .is_some_and(|name| name.starts_with("Kconfig"))
        };
        let paths: Vec<&str> = commit
            .touched(&[""])
            .into_iter()
            .filter(is_kconfig)
            .collect();
        if paths.is_empty() {
            return Ok(None);
        }
        let before = &desk.subject.commits[commit.number - 1];
        let mut look = Inspection {
            tool: "own rules".into(),
            unit: "options",
            ..Inspection::default()
        };
        for path in paths {
            let old = options(&desk.subject.file(before, path)?.unwrap_or_default());
            let new = options(&desk.subject.file(commit, path)?.unwrap_or_default());
            look.done += new.len();
            let added = new.iter().filter(|(name, _)| !old.contains_key(*name));
            for (name, option) in added {
                let tell = |kind, text: &str| Finding::new(path, kind, format!("{name} {text}"));
                if !option.has_prompt {
                    look.findings.push(tell("PROMPT", "has no prompt"));
                }
                if option.help < LINES {
                    let text = format!("has {} lines of help, {LINES} are few", option.help);
                    look.findings.push(tell("HELP", &text));
                }
            }
        }
        Ok(Some(look))
    }
}

#[derive(Debug, Default, PartialEq, Eq)]
pub struct HelpEntry {
    has_prompt: bool,
    /// Lines that are not blank.
    help: usize,
}

/// The options of a Kconfig file.
pub fn options(text: &str) -> BTreeMap<String, HelpEntry> {
    let mut all: BTreeMap<String, HelpEntry> = BTreeMap::new();
    let mut name = None;
    let mut in_help = false;
    for line in text.lines() {
        let indented = line.starts_with([' ', '\t']);
        let words: Vec<&str> = line.split_whitespace().collect();
        if !indented && !words.is_empty() {
            in_help = false;
            name = match words[..] {
                ["config" | "menuconfig", symbol, ..] => Some(symbol.to_owned()),
                _ => None,
            };
            if let Some(name) = &name {
                all.entry(name.clone()).or_default();
            }
            continue;
        }
        let Some(option) = name.as_ref().and_then(|name| all.get_mut(name)) else {
            continue;
        };
        match words[..] {
            [] => {}
            _ if in_help => option.help += 1,
            ["help"] => in_help = true,
            [
                "bool" | "tristate" | "int" | "hex" | "string" | "prompt",
                text,
                ..,
            ] => {
                option.has_prompt |= text.starts_with(['"', '\'']);
            }
            _ => {}
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prompts_and_help_are_counted() {
        let text = "config A\n\tbool \"Do a\"\n\tdepends on B\n\thelp\n\t  One.\n\n\t  Two.\n\n\
            config B\n\tbool\n\tdefault y\n\nmenuconfig C\n\ttristate \"C\" if D\n";
        let found = options(text);
        let option = |has_prompt, help| HelpEntry { has_prompt, help };
        assert_eq!(found["A"], option(true, 2));
        assert_eq!(found["B"], option(false, 0));
        assert_eq!(found["C"], option(true, 0));
    }
}
