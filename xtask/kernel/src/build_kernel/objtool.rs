// SPDX-License-Identifier: GPL-2.0
//! Fails a build in which objtool warned. objtool itself does not fail on a warning, and does not
//! repeat it for an object that it has processed. So the object is removed, or the next build would
//! pass.
//!
//! To see this check fail: call printk() in poll_source_idle(), which is noinstr, and build with
//! `--config lockdep`.

use std::path::Path;

use anyhow::Result;
use fs_err as fs;

use toolbox::fault;

/// Fails if a build's log has warnings of objtool, and removes the objects that they name.
pub fn is_silent(log: &Path, out: &Path) -> Result<()> {
    let bytes = fs::read(log)?;
    let text = String::from_utf8_lossy(&bytes);
    let warnings: Vec<(&str, &str)> = text.lines().filter_map(warning).collect();
    if warnings.is_empty() {
        return Ok(());
    }
    let mut told = String::new();
    for (line, object) in warnings {
        let object = out.join(object);
        if object.is_file() {
            fs::remove_file(&object)?;
        }
        told += &format!("\n  {line}");
    }
    Err(fault::build(format!(
        "objtool printed warnings:{told}\n  log: {}",
        log.display()
    )))
}

/// Parses a line `OBJECT: warning: objtool: WHAT`, or the same with `error`: some options turn
/// warnings into errors. Returns the line, and the object's path relative to the folder of objects.
fn warning(line: &str) -> Option<(&str, &str)> {
    let kinds = [": warning: objtool", ": error: objtool"];
    let (object, _) = kinds.iter().find_map(|kind| line.split_once(kind))?;
    Some((line.trim(), object.trim()))
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
        assert!(!object.exists(), "the next build would not warn");
    }

    #[test]
    fn other_lines_are_no_warnings() {
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join("log");
        fs::write(&log, "  DESCEND objtool\nx.c:1: warning: unused\n").unwrap();
        is_silent(&log, dir.path()).unwrap();
        assert!(is_silent(&dir.path().join("none"), dir.path()).is_err());
        let error = "a/b.o: error: objtool: f+0x1: unannotated intra-function call";
        assert_eq!(warning(error), Some((error, "a/b.o")));
    }
}
