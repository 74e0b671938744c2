// SPDX-License-Identifier: GPL-2.0
//! Whom each patch goes to: get_maintainer's word, and for softirq.c, of which
//! MAINTAINERS names nobody, the people of the sections it is taken care of by.

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Context, Result};

use super::checkpatch::script;
use super::finding::{Finding, Inspection};
use super::maintainers::people;
use super::subject::Prefix;
use super::{Desk, Reviewer};

/// Files for which get_maintainer finds the list alone, and whose they are: the
/// tip tree takes them by way of these sections' people.
const UNNAMED: [&str; 2] = ["kernel/softirq.c", "include/linux/hardirq.h"];
const THEIRS: [&str; 2] = [
    "IRQ SUBSYSTEM",
    "HIGH-RESOLUTION TIMERS, TIMER WHEEL, CLOCKEVENTS",
];

/// Keeps what goes into recipients.txt, by number of the patch.
#[derive(Default)]
pub struct Recipients(BTreeMap<usize, String>);

impl Reviewer for Recipients {
    fn look(&mut self, desk: &Desk<'_>, commit: &Prefix) -> Result<Option<Inspection>> {
        let log = desk.log(commit, "recipients");
        let mail = desk.mail(commit, &log)?;
        let mut cmd = script(&desk.subject.src, "scripts/get_maintainer.pl");
        cmd.args(["--no-git", "--no-git-fallback", "--roles", "--no-rolestats"]);
        cmd.arg(&mail);
        let said = desk.ask("get_maintainer.pl", &mut cmd, &log)?;
        let mut all: Vec<String> = said
            .lines()
            .filter(|line| line.contains('@'))
            .map(str::to_owned)
            .collect();
        let mut changes = commit.changes.iter();
        if changes.any(|it| UNNAMED.contains(&it.path.as_str())) {
            let text = desk.subject.file(commit, "MAINTAINERS")?;
            let text = text.context("no MAINTAINERS")?;
            for title in THEIRS {
                let theirs = people(&text, title)?;
                add(&mut all, theirs, title);
            }
        }
        let mut findings = Vec::new();
        if !all.iter().any(|line| is_maintainer(line)) {
            findings.push(Finding::new("", "NOBODY", "no maintainer, but lists"));
        }
        let done = all.len();
        self.0.insert(commit.number, told(commit, &all));
        self.write(desk)?;
        Ok(Some(Inspection {
            tool: "get_maintainer of the tree".into(),
            done,
            unit: "recipients",
            findings,
        }))
    }
}

impl Recipients {
    fn write(&self, desk: &Desk<'_>) -> Result<()> {
        let dir = desk.place.target().join("review").join(desk.subject.line);
        fs::create_dir_all(&dir)?;
        let path = dir.join("recipients.txt");
        let text: String = self.0.values().map(String::as_str).collect();
        fs::write(&path, text).with_context(|| format!("writing {}", path.display()))
    }
}

fn told(commit: &Prefix, all: &[String]) -> String {
    let lines: String = all.iter().map(|line| format!("  {line}\n")).collect();
    format!("{} {}\n{lines}\n", commit.number, commit.slug)
}

/// Those of a section who are not there yet.
fn add(all: &mut Vec<String>, theirs: Vec<(String, &str)>, title: &str) {
    for (person, role) in theirs {
        let mail = person.split('<').nth(1).unwrap_or(&person).to_owned();
        if !all.iter().any(|line| line.contains(&mail)) {
            all.push(format!("{person} ({role}:{title}, by rule)"));
        }
    }
}

/// "Name <mail> (maintainer:TITLE)"; 6.12 calls some of them supporters.
fn is_maintainer(line: &str) -> bool {
    line.contains("(maintainer") || line.contains("(supporter")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_alone_is_nobody() {
        let list = "linux-kernel@vger.kernel.org (open list)";
        assert!(!is_maintainer(list));
        assert!(is_maintainer("Ann <a@x> (supporter:A THING)"));
        let mut all = vec![list.to_owned(), "Ann <a@x> (reviewer:A THING)".to_owned()];
        assert!(!all.iter().any(|line| is_maintainer(line)));
        let theirs = [("Ann <a@x>", "maintainer"), ("Bob <b@x>", "maintainer")];
        let theirs = theirs.map(|(person, role)| (person.to_owned(), role));
        add(&mut all, theirs.into(), "IRQ SUBSYSTEM");
        assert_eq!(all[2..], ["Bob <b@x> (maintainer:IRQ SUBSYSTEM, by rule)"]);
        assert!(all.iter().any(|line| is_maintainer(line)));
    }
}
