// SPDX-License-Identifier: GPL-2.0
//! Runs a program that the host handed over, and collects its output.

use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use guest_protocol::scenario::PROGRAMS;

/// Runs `NAME ARGS...` and returns its standard output. Fails if the program fails. `args` is split
/// at spaces.
pub fn run(name: &str, args: &str) -> Result<String> {
    run_words(name, &args.split_whitespace().collect::<Vec<_>>())
}

/// The same for arguments that may contain spaces.
pub fn run_words(name: &str, args: &[&str]) -> Result<String> {
    let line = format!("{name} {}", args.join(" "));
    let output = Command::new(format!("{PROGRAMS}/{name}"))
        .args(args)
        .current_dir("/tmp")
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("running {line}"))?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    if !output.status.success() {
        let errors = String::from_utf8_lossy(&output.stderr);
        bail!(
            "{line}: {}: {} {}",
            output.status,
            errors.trim(),
            last_lines(&said)
        );
    }
    Ok(said)
}

/// Returns the last five lines, for an error message: some programs print their errors to standard
/// output.
fn last_lines(said: &str) -> String {
    let lines: Vec<&str> = said.lines().collect();
    lines[lines.len().saturating_sub(5)..].join(" | ")
}
