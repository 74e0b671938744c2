// SPDX-License-Identifier: GPL-2.0
//! Runs the tree's own `checkpatch --strict --codespell`. If checkpatch finds no dictionary, it
//! continues silently, so it is given one. If the libraries of spdxcheck are missing, it takes
//! every licence for valid.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::Desk;
use super::finding::{Finding, Inspection, place};
use super::subject::Prefix;
use toolbox::fault;

const NAME: &str = "checkpatch";
/// Lower limit for the number of words in codespell's dictionary. Every version of codespell has
/// more.
const WORDS: usize = 10_000;

pub fn look(desk: &Desk<'_>, commit: &Prefix) -> Result<Option<Inspection>> {
    let src = &desk.subject.src;
    let dictionary = dictionary()?;
    let words = fs_err::read_to_string(&dictionary)
        .with_context(|| format!("reading {}", dictionary.display()))?
        .lines()
        .filter(|line| line.contains("->"))
        .count();
    ensure!(
        words > WORDS,
        "{} has only {words} words: codespell's has more than {WORDS}",
        dictionary.display()
    );
    let log = desk.log(commit, NAME);
    let mail = desk.mail(commit, &log)?;
    let mut cmd = script(src, "scripts/checkpatch.pl");
    cmd.args([
        "--strict",
        "--show-types",
        "--terse",
        "--showfile",
        "--no-color",
    ])
    .args(["--codespell", "--codespellfile"])
    .arg(&dictionary)
    .arg(&mail);
    let (_, said) = desk.stage.ask(&mut cmd, &log)?;
    let text = fs_err::read_to_string(src.join("scripts/checkpatch.pl"))?;
    let version = version(&text);
    Ok(Some(Inspection {
        tool: format!("checkpatch {version}, codespell with {words} words"),
        done: lines_checked(&said).with_context(|| {
            format!(
                "checkpatch did not finish: it printed no total\n  log: {}",
                log.display()
            )
        })?,
        unit: "lines",
        findings: findings(&said),
    }))
}

/// Returns the command for a script of the tree. The system's own interpreters come first in PATH,
/// because the Python modules that the script needs come from the distribution.
pub fn script(src: &Path, name: &str) -> Command {
    let mut cmd = Command::new(src.join(name));
    let path = std::env::var("PATH").unwrap_or_default();
    cmd.current_dir(src)
        .env("PATH", format!("/usr/bin:/bin:{path}"))
        .env("LC_ALL", "C.UTF-8")
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env_remove("GIT_DIR");
    cmd
}

/// Returns the path of codespell's word list, as Debian and others install it.
fn dictionary() -> Result<PathBuf> {
    let all = [
        "/usr/lib/python3/dist-packages/codespell_lib/data/dictionary.txt",
        "/usr/share/codespell/dictionary.txt",
    ];
    let mut all = all.iter().map(PathBuf::from);
    all.find(|path| path.is_file()).ok_or_else(|| {
        fault::environment("cannot find codespell's dictionary.txt; install codespell")
    })
}

fn version(script: &str) -> &str {
    let line = script.lines().find(|line| line.starts_with("my $V ="));
    line.and_then(|line| line.split('\'').nth(1))
        .unwrap_or("of the tree")
}

/// Parses "total: 1 errors, 0 warnings, 0 checks, 63 lines checked".
fn lines_checked(said: &str) -> Option<usize> {
    let total = said
        .lines()
        .rfind(|line| line.ends_with(" lines checked"))?;
    total.split_whitespace().nth_back(2)?.parse().ok()
}

/// Parses lines like "a.c:3: WARNING:TYPE: words". Any other line is a finding as well: a program
/// that checkpatch calls has failed.
fn findings(said: &str) -> Vec<Finding> {
    let lines = said.lines().filter(|line| !line.is_empty());
    let told = lines.filter(|line| !line.ends_with(" lines checked"));
    told.map(|line| message(line).unwrap_or_else(|| Finding::new("", "output", line)))
        .collect()
}

fn message(line: &str) -> Option<Finding> {
    // A message about the patch's text, ":258: WARNING:...", has a line number but no file.
    let of_text = || line.trim_start_matches(|c: char| c == ':' || c.is_ascii_digit());
    let (file, rest) = place(line, "").unwrap_or_else(|| (String::new(), of_text().to_owned()));
    let mut parts = rest.splitn(3, ':');
    let level = parts.next()?.trim();
    let kind = parts.next()?;
    let text = parts.next()?.trim();
    ["ERROR", "WARNING", "CHECK"]
        .contains(&level)
        .then(|| Finding::new(&file, kind, text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_totals_and_noise() {
        let said = "Traceback (most recent call last):\n\
            include/trace/x.h:22: CHECK:OPEN_ENDED_LINE: Lines should not end with a '('\n\
            :258: WARNING:UNKNOWN_COMMIT_ID: Unknown commit id '8d622d21d248'\n\
            total: 1 errors, 2 warnings, 9 checks, 802 lines checked\n";
        let expected = [
            Finding::new("", "output", "Traceback (most recent call last):"),
            Finding::new(
                "include/trace/x.h",
                "OPEN_ENDED_LINE",
                "Lines should not end with a '('",
            ),
            Finding::new("", "UNKNOWN_COMMIT_ID", "Unknown commit id '8d622d21d248'"),
        ];
        assert_eq!(findings(said), expected);
        assert_eq!(lines_checked(said), Some(802));
        assert_eq!(lines_checked("Can't open perl script"), None);
    }

    #[test]
    fn version_of_the_script() {
        assert_eq!(version("use strict;\nmy $V = '0.32';\n"), "0.32");
    }
}
