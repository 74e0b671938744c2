// SPDX-License-Identifier: GPL-2.0
//! The final form: a person becomes author and maintainer and signs off, and
//! the tree's own checkpatch has nothing to say about that.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use super::commit::Person;
use super::mail;
use kit::fault::{self, Kind};
use kit::git::Git;
use kit::run::{self, Stage};
use source::Source;

/// Our section of MAINTAINERS, which in the drafts has nobody.
const SECTION: &str = "CPUIDLE POLL SOURCES";
const NOBODY: &str = "S:\tOrphan";

/// git's mailinfo.c holds a longer name for none.
const LONGEST: usize = 60;

/// "Name <mail@host>", as an option gives it.
pub fn person(text: &str) -> Result<Person, String> {
    let expected = || "expected \"Name <mail@host>\"".to_owned();
    let (name, mail) = text
        .trim()
        .strip_suffix('>')
        .and_then(|text| text.rsplit_once('<'))
        .ok_or_else(expected)?;
    // As in a mail's header, where a name with a comma wants quotes.
    let name = name.trim();
    let name = name
        .strip_prefix('"')
        .and_then(|name| name.strip_suffix('"'))
        .unwrap_or(name);
    let is_bad = |c: char| c.is_control() || c == '<' || c == '>';
    let (user, host) = mail.split_once('@').ok_or_else(expected)?;
    let mail_is_bad = mail.contains(|c: char| c.is_whitespace() || is_bad(c) || c == '"');
    if name.is_empty() || name.contains(is_bad) || user.is_empty() || host.is_empty() || mail_is_bad
    {
        return Err(expected());
    }
    let at_end = name.starts_with(is_crud) || name.ends_with(is_crud);
    if at_end || name.contains(['"', '\\']) {
        return Err("git strips quotes, and a dot or comma at either end of a name".into());
    }
    if name.len() > LONGEST {
        return Err(format!("git am takes no name of more than {LONGEST} bytes"));
    }
    Ok(Person {
        name: name.into(),
        mail: mail.into(),
    })
}

/// What git's ident.c calls crud.
fn is_crud(c: char) -> bool {
    c.is_ascii_whitespace() || ".,:;\"\\'".contains(c)
}

/// The tree with the person in our section of MAINTAINERS, if it has that.
pub fn adopt(git: &Git, tree: &str, person: &Person) -> Result<String> {
    let Some(text) = git.file(tree, "MAINTAINERS")? else {
        return Ok(tree.into());
    };
    let Some(text) = maintained(&format!("{text}\n"), person) else {
        return Ok(tree.into());
    };
    let text = text.map_err(|reason| fault::usage(format!("the series' MAINTAINERS: {reason}")))?;
    let blob = run::read(
        git.cmd(["hash-object", "-w", "--no-filters", "--stdin"])
            .stdin(text),
    )?;
    let entry = |line: &str| match line.split_once('\t') {
        Some((_, "MAINTAINERS")) => format!("100644 blob {blob}\tMAINTAINERS\n"),
        _ => format!("{line}\n"),
    };
    let entries: String = git.read(["ls-tree", tree])?.lines().map(entry).collect();
    run::read(git.cmd(["mktree"]).stdin(entries))
}

/// The file with the person in our section; None if it has no such section.
pub fn maintained(text: &str, person: &Person) -> Option<Result<String, String>> {
    let title = format!("\n{SECTION}\n");
    let at = text.find(&title)? + title.len();
    let (before, rest) = text.split_at(at);
    let end = rest.find("\n\n").unwrap_or(rest.len());
    let (section, after) = rest.split_at(end);
    let is_status = |line: &str| line == NOBODY;
    if section.lines().filter(|line| is_status(line)).count() != 1 {
        return Some(Err(format!("{SECTION} has no line {NOBODY:?} to change")));
    }
    let lines = section.split('\n').map(|line| match line {
        NOBODY => "S:\tMaintained",
        other => other,
    });
    let section: Vec<&str> = lines.collect();
    Some(Ok(format!(
        "{before}M:\t{}\n{}{after}",
        address(person),
        section.join("\n")
    )))
}

/// As MAINTAINERS and its readers want it: a name that is no row of plain words in quotes.
fn address(Person { name, mail }: &Person) -> String {
    let plain = |c: char| c.is_alphanumeric() || c == ' ' || c == '-';
    match name.chars().all(plain) {
        true => format!("{name} <{mail}>"),
        false => format!("\"{name}\" <{mail}>"),
    }
}

/// What checkpatch says about authors and sign-offs. Nothing is waived here.
const TYPES: &str = "MISSING_SIGN_OFF,NO_AUTHOR_SIGN_OFF,FROM_SIGN_OFF_MISMATCH,BAD_SIGN_OFF";

/// Asks the base's own checkpatch about the sign-offs of the mails in `dir`.
pub fn check(git: &Git, source: &Source, dir: &Path, log: &Path) -> Result<()> {
    const CHECKPATCH: &str = "scripts/checkpatch.pl";
    let script = git.file(&source.base, CHECKPATCH)?.ok_or_else(|| {
        fault::usage(format!(
            "Linux {} has no {CHECKPATCH}, which has to look at the sign-offs",
            source.version
        ))
    })?;
    let path = git.dir.join("checkpatch.pl");
    fs::write(&path, script).with_context(|| format!("writing {}", path.display()))?;
    let stage = Stage::new("checkpatch on the sign-offs").fails_as(Kind::TestFailed);
    let mut cmd = Command::new("perl");
    cmd.arg(path)
        .args(["--no-tree", "--strict", "--show-types", "--types", TYPES])
        .args(mail::patches(dir)?);
    stage.run(&mut cmd, log)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn persons_as_people_write_them() {
        let cases = [
            ("Jo Doe <jo@example.org>", "Jo Doe"),
            (" Jörg Müller <j@example.org> ", "Jörg Müller"),
            ("\"Doe, Jo\" <jo@example.org>", "Doe, Jo"),
            ("Jo O'Doe-X <jo@example.org>", "Jo O'Doe-X"),
        ];
        for (text, name) in cases {
            assert_eq!(person(text).unwrap().name, name);
        }
        let refused = [
            "jo",
            "jo@example.org",
            "<jo@example.org>",
            "Jo <jo>",
            "Jo <@x>",
            "Jo <a b@x>",
            "Jo\nX <a@x>",
            "Jo <x> <a@x>",
            "Jo Doe Jr. <a@x>",
            "\" <a@x>",
            "Jo \"X\" Doe <a@x>",
        ];
        for text in refused {
            person(text).expect_err(text);
        }
        let long = format!("{} <jo@example.org>", "ö".repeat(31));
        assert!(person(&long).unwrap_err().contains("more than 60 bytes"));
    }

    #[test]
    fn our_section_gets_its_maintainer_and_no_other_changes() {
        let person = person("J. Müller <j@example.org>").unwrap();
        let file = |m: &str, s: &str| {
            format!(
                "CPUIDLE DRIVERS\nM:\tA <a@b>\nS:\tOrphan\n\n{SECTION}\n{m}L:\tlist\n{s}\nF:\tx\n\nD\nS:\tOrphan\n"
            )
        };
        assert_eq!(
            maintained(&file("", NOBODY), &person).unwrap().unwrap(),
            file("M:\t\"J. Müller\" <j@example.org>\n", "S:\tMaintained")
        );
        assert!(maintained("CPUIDLE DRIVERS\nS:\tOrphan\n", &person).is_none());
        assert!(
            maintained(&file("", "S:\tSupported"), &person)
                .unwrap()
                .is_err()
        );
    }
}
