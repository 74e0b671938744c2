// SPDX-License-Identifier: GPL-2.0
//! rustdoc of the core. `make rustdoc` documents rust/ alone, so rustdoc gets
//! the command by which kbuild compiled the core, less what makes an object.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use xshell::{Shell, cmd};

use super::builds::{CORE, has_feature, warnings};
use super::finding::Inspection;
use super::recipe::VM;
use super::subject::{Prefix, shown};
use super::{Desk, Reviewer};
use toolbox::fault;
use toolbox::run;

pub struct Rustdoc;

impl Reviewer for Rustdoc {
    fn look(&mut self, desk: &Desk<'_>, commit: &Prefix) -> Result<Option<Inspection>> {
        if !has_feature(desk.subject, commit)? {
            return Ok(None);
        }
        let log = desk.log(commit, "rustdoc");
        let kbuild = VM.kbuild(desk, &log);
        VM.configure(desk, &kbuild)?;
        desk.stage.run(VM.make(desk, &kbuild).arg(CORE), &log)?;
        let (dir, name) = CORE.rsplit_once('/').expect("it is in a folder");
        let path = kbuild.out.join(dir).join(format!(".{name}.cmd"));
        let saved =
            fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
        let words = rustdoc_words(&saved)
            .with_context(|| format!("{} has no command of rustc", path.display()))?;
        let to = kbuild.out.join("rustdoc-core");
        let _ = fs::remove_dir_all(&to);
        let mut doc = Command::new(&desk.tools.rustdoc);
        doc.current_dir(&kbuild.out)
            .env("OBJTREE", &kbuild.out)
            .env("RUSTC_BOOTSTRAP", "1")
            .env_remove("LD_LIBRARY_PATH")
            .args(words)
            .args([
                "--document-private-items",
                "--crate-name",
                "poll_core",
                "--output",
            ])
            .arg(&to);
        let (status, said) = desk.stage.ask(&mut doc, &log)?;
        let findings = warnings(&said, &shown(&desk.subject.src));
        ensure!(
            status.success() || !findings.is_empty(),
            fault::build(format!("rustdoc: {status}\n  log: {}", log.display()))
        );
        let (sh, rustdoc) = (Shell::new()?, &desk.tools.rustdoc);
        Ok(Some(Inspection {
            tool: run::read(cmd!(sh, "{rustdoc} --version").env_remove("LD_LIBRARY_PATH"))?,
            done: pages(&to.join("poll_core")),
            unit: "pages",
            findings,
        }))
    }
}

fn pages(dir: &std::path::Path) -> usize {
    let entries = dir.read_dir().into_iter().flatten().flatten();
    let count = |path: std::path::PathBuf| match path.is_dir() {
        true => pages(&path),
        false => usize::from(path.extension().is_some_and(|ext| ext == "html")),
    };
    entries.map(|entry| count(entry.path())).sum()
}

/// The arguments of rustc in what kbuild saved, as far as rustdoc takes them.
fn rustdoc_words(saved: &str) -> Option<Vec<String>> {
    let line = saved.lines().find(|line| line.starts_with("savedcmd_"))?;
    let (_, command) = line.split_once(":=")?;
    // What follows is of kbuild's own.
    let command = command.split(';').next()?;
    let mut words = command.split_whitespace();
    words.find(|word| word.ends_with("rustc") || word.ends_with("clippy-driver"))?;
    let mut kept = Vec::new();
    while let Some(word) = words.next() {
        match word {
            "--crate-type" | "--crate-name" | "--out-dir" | "-o" => {
                words.next();
            }
            _ if word.starts_with("--emit") || word.starts_with("--remap-path") => {}
            _ => kept.push(word.replace('\'', "")),
        }
    }
    Some(kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_makes_objects_goes() {
        let saved = "savedcmd_drivers/cpuidle/poll_core.o :=  OBJTREE=/o /usr/bin/clippy-driver \
            --edition=2021 -Copt-level=2 --remap-path-prefix=/k/= @./include/generated/rustc_cfg \
            --extern kernel --crate-type rlib -L ./rust/ --crate-name poll_core --sysroot=/dev/null \
            --out-dir drivers/cpuidle/ --emit=dep-info=a.d --emit=obj=poll_core.o /k/poll_core.rs ; ./objtool x\n";
        let expected = "--edition=2021 -Copt-level=2 @./include/generated/rustc_cfg --extern kernel \
            -L ./rust/ --sysroot=/dev/null /k/poll_core.rs";
        assert_eq!(rustdoc_words(saved).unwrap().join(" "), expected);
        assert_eq!(rustdoc_words("source_a := /k/a.rs\n"), None);
    }
}
