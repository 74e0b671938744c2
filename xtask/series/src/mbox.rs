// SPDX-License-Identifier: GPL-2.0
//! The series as one mbox that b4 takes. The mails stay git's; only what makes
//! a thread of them is added, and that depends on nothing but the series.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use super::mail;
use toolbox::git::DRAFTS;

/// The mails of `dir`, cover letter first, as a thread.
pub fn of(dir: &Path, tree: &str) -> Result<String> {
    let mut mbox = String::new();
    let cover = id(0, tree);
    for (number, path) in mail::all(dir)?.iter().enumerate() {
        let mail =
            fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
        let (from, rest) = mail
            .split_once('\n')
            .with_context(|| format!("{} is no mail", path.display()))?;
        mbox += &format!("{from}\nMessage-ID: {}\n", id(number, tree));
        if number > 0 {
            mbox += &format!("In-Reply-To: {cover}\nReferences: {cover}\n");
        }
        mbox += rest.trim_end_matches('\n');
        mbox += "\n\n";
    }
    Ok(mbox)
}

/// The same series has the same; a change of one byte in the kernel another.
fn id(number: usize, tree: &str) -> String {
    let (_, mail) = DRAFTS;
    let domain = mail.rsplit('@').next().unwrap_or(mail);
    format!("<poll-source-{number}-{tree:.16}@{domain}>")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_of_the_mails_as_they_are() {
        let dir = tempfile::tempdir().unwrap();
        let mail = |name: &str, text: &str| fs::write(dir.path().join(name), text).unwrap();
        mail("0001-x.patch", "From 0\nFrom: a\nSubject: x\n\nb\n\n\n");
        mail("0000-cover-letter.patch", "From 0\nSubject: c\n\nwhy\n");
        let tree = "0123456789abcdef0123";
        assert_eq!(
            of(dir.path(), tree).unwrap(),
            "From 0\nMessage-ID: <poll-source-0-0123456789abcdef@localhost>\n\
             Subject: c\n\nwhy\n\n\
             From 0\nMessage-ID: <poll-source-1-0123456789abcdef@localhost>\n\
             In-Reply-To: <poll-source-0-0123456789abcdef@localhost>\n\
             References: <poll-source-0-0123456789abcdef@localhost>\n\
             From: a\nSubject: x\n\nb\n\n"
        );
    }
}
