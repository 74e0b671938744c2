// SPDX-License-Identifier: GPL-2.0
//! Runs `make rustfmtcheck`. It checks the whole tree; only files that the series touches count
//! here.

use std::collections::BTreeSet;

use anyhow::{Result, ensure};

use super::finding::{Finding, Inspection};
use super::subject::Prefix;
use super::{Desk, version};

pub fn look(desk: &Desk<'_>, commit: &Prefix) -> Result<Option<Inspection>> {
    let ours = commit.touched_so_far(&[".rs"]);
    if commit.touched(&[".rs"]).is_empty() {
        return Ok(None);
    }
    let src = &desk.subject.src;
    let rustfmt = &desk.tools.rustfmt;
    let mut cmd = std::process::Command::new(&desk.tools.make);
    cmd.arg("-C")
        .arg(src)
        .args(["-s", "rustfmtcheck"])
        // With -v, rustfmt names each file that it looks at.
        .arg(format!("RUSTFMT={} -v", rustfmt.display()))
        .env_remove("MAKEFLAGS")
        .env("LC_ALL", "C");
    let log = desk.log(commit, "rustfmt");
    let (_, said) = desk.stage.ask(&mut cmd, &log)?;
    let (seen, findings) = sort_out(&said, &desk.src(), &ours);
    let missed = ours.iter().find(|path| !seen.contains(**path));
    ensure!(
        missed.is_none(),
        "rustfmt did not check {}\n  log: {}",
        missed.unwrap_or(&""),
        log.display()
    );
    Ok(Some(Inspection {
        tool: version(rustfmt, "--version")?,
        done: seen.len(),
        unit: "files",
        findings,
    }))
}

/// Returns which of our files rustfmt looked at, and its findings in them.
fn sort_out(said: &str, src: &str, ours: &[&str]) -> (BTreeSet<String>, Vec<Finding>) {
    let own = |path: &str| {
        let path = path.trim().strip_prefix(src)?.trim_start_matches('/');
        ours.contains(&path).then(|| path.to_owned())
    };
    let mut seen = BTreeSet::new();
    let mut findings = Vec::new();
    for line in said.lines() {
        if let Some(path) = line.strip_prefix("Formatting ") {
            seen.extend(own(path));
        } else if let Some(rest) = line.strip_prefix("Diff in ") {
            // "PATH:12:" or, in old versions, "PATH at line 12:"
            let path = rest.split([':', ' ']).next().unwrap_or_default();
            findings.extend(own(path).map(|path| Finding::new(&path, "rustfmt", "not formatted")));
        }
    }
    (seen, findings)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_files_count() {
        let said = "Formatting /k/rust/kernel/lib.rs\nFormatting /k/drivers/a.rs\n\
            Diff in /k/rust/kernel/lib.rs:3:\n-  x\n+ x\nDiff in /k/drivers/a.rs:12:\n-  y\n";
        let (seen, findings) = sort_out(said, "/k", &["drivers/a.rs", "drivers/b.rs"]);
        assert_eq!(seen, BTreeSet::from(["drivers/a.rs".to_owned()]));
        assert_eq!(
            findings,
            [Finding::new("drivers/a.rs", "rustfmt", "not formatted")]
        );
    }
}
