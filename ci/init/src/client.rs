// SPDX-License-Identifier: GPL-2.0
//! Running one of the host's programs to its end, and what it said.

use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use guest_protocol::scenario::PROGRAMS;

/// The standard output of `NAME ARGS...`; an error if the program did not end well. `args` is split
/// at spaces.
pub fn run(name: &str, args: &str) -> Result<String> {
    run_words(name, &args.split_whitespace().collect::<Vec<_>>())
}

/// The same where an argument has spaces.
pub fn run_words(name: &str, words: &[&str]) -> Result<String> {
    let args = words.join(" ");
    let output = Command::new(format!("{PROGRAMS}/{name}"))
        .args(words)
        .current_dir("/tmp")
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("starting {name} {args}"))?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    if !output.status.success() {
        let errors = String::from_utf8_lossy(&output.stderr);
        bail!(
            "{name} {args}: {}: {} {}",
            output.status,
            errors.trim(),
            last_lines(&said)
        );
    }
    Ok(said)
}

/// Programs that print their complaints where their results go.
fn last_lines(said: &str) -> String {
    let lines: Vec<&str> = said.lines().collect();
    lines[lines.len().saturating_sub(5)..].join(" | ")
}
