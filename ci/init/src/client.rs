// SPDX-License-Identifier: GPL-2.0
//! Runs a program that the host handed over, and collects its output.

use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, bail};
use guest_protocol::scenario::PROGRAMS;

/// Runs `NAME ARGS...` and returns its standard output. Fails if the program fails. `args` is split
/// at spaces.
pub fn run(name: &str, args: &str) -> Result<String> {
    start(name, &args.split_whitespace().collect::<Vec<_>>())?.wait()
}

/// Starts a program without waiting for it. Its arguments may contain spaces.
pub fn start(name: &str, words: &[impl AsRef<str>]) -> Result<Client> {
    let words: Vec<&str> = words.iter().map(AsRef::as_ref).collect();
    let line = format!("{name} {}", words.join(" "));
    let child = Command::new(format!("{PROGRAMS}/{name}"))
        .args(words)
        .current_dir("/tmp")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("starting {line}"))?;
    Ok(Client { child, line })
}

/// A running program.
pub struct Client {
    child: Child,
    /// The command line, as a user would type it.
    pub line: String,
}

impl Client {
    pub fn done(&mut self) -> Result<bool> {
        let ended = self.child.try_wait();
        Ok(ended
            .with_context(|| format!("waiting for {}", self.line))?
            .is_some())
    }

    pub fn wait(self) -> Result<String> {
        let output = self.child.wait_with_output();
        let output = output.with_context(|| format!("waiting for {}", self.line))?;
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        if !output.status.success() {
            let errors = String::from_utf8_lossy(&output.stderr);
            bail!(
                "{}: {}: {} {}",
                self.line,
                output.status,
                errors.trim(),
                last_lines(&said)
            );
        }
        Ok(said)
    }
}

/// Returns the last five lines, for an error message: some programs print their errors to standard
/// output.
fn last_lines(said: &str) -> String {
    let lines: Vec<&str> = said.lines().collect();
    lines[lines.len().saturating_sub(5)..].join(" | ")
}
