// SPDX-License-Identifier: GPL-2.0
//! objtool must be silent. It warns and goes on, and says nothing about a file that it has been
//! through; so one that it warned about must not stay for the next build.
//!
//! To see it fail: call printk() in poll_source_idle(), which is noinstr, and build with
//! `--config lockdep`.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use toolbox::fault;

/// Fails with objtool's warnings in a build's log, and removes their objects.
pub fn is_silent(log: &Path, out: &Path) -> Result<()> {
    let bytes = fs::read(log).with_context(|| format!("reading {}", log.display()))?;
    let text = String::from_utf8_lossy(&bytes);
    let warnings: Vec<Warning> = text.lines().filter_map(Warning::parse).collect();
    if warnings.is_empty() {
        return Ok(());
    }
    for warning in &warnings {
        let object = out.join(warning.object);
        if object.is_file() {
            fs::remove_file(&object).with_context(|| format!("removing {}", object.display()))?;
        }
    }
    let told: String = warnings
        .iter()
        .map(|warning| format!("\n  {}", warning.line))
        .collect();
    Err(fault::build(format!(
        "objtool is not silent:{told}\n  log: {}",
        log.display()
    )))
}

struct Warning<'a> {
    line: &'a str,
    /// As objtool names it, from the folder of objects.
    object: &'a str,
}

impl Warning<'_> {
    /// `OBJECT: warning: objtool: WHAT`; an error, where options make one of it.
    fn parse(line: &str) -> Option<Warning<'_>> {
        let kinds = [": warning: objtool", ": error: objtool"];
        let (object, _) = kinds.iter().find_map(|kind| line.split_once(kind))?;
        Some(Warning {
            line: line.trim(),
            object: object.trim(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WARNING: &str = "vmlinux.o: warning: objtool: poll_source_idle+0x1d: \
        call to _printk() leaves .noinstr.text section";

    #[test]
    fn a_warning_fails_the_build_and_the_next_one_too() {
        let dir = tempfile::tempdir().unwrap();
        let (log, object) = (dir.path().join("log"), dir.path().join("vmlinux.o"));
        fs::write(&object, "").unwrap();
        let text = format!("  DESCEND objtool\n  LD      vmlinux.o\n{WARNING}\n");
        fs::write(&log, text).unwrap();
        let err = is_silent(&log, dir.path()).unwrap_err();
        assert_eq!(fault::kind_of(&err), fault::Kind::Build);
        assert!(err.to_string().contains(WARNING));
        assert!(!object.exists(), "the next build would say nothing");
    }

    #[test]
    fn other_lines_are_no_warnings() {
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join("log");
        fs::write(&log, "  DESCEND objtool\nx.c:1: warning: unused\n").unwrap();
        is_silent(&log, dir.path()).unwrap();
        assert!(is_silent(&dir.path().join("none"), dir.path()).is_err());
        let error = "a/b.o: error: objtool: f+0x1: unannotated intra-function call";
        assert_eq!(Warning::parse(error).unwrap().object, "a/b.o");
    }
}
