// SPDX-License-Identifier: GPL-2.0
//! clippy on the core, as CLIPPY=1 has it: compiled anew, so that it speaks.

use anyhow::{Result, ensure};
use xshell::{Shell, cmd};

use super::builds::{CORE, has_feature, remove_objects, warnings};
use super::finding::Inspection;
use super::recipe::VM;
use super::subject::{Prefix, shown};
use super::{Desk, Reviewer};
use toolbox::fault;
use toolbox::run;

pub struct Clippy;

impl Reviewer for Clippy {
    fn look(&mut self, desk: &Desk<'_>, commit: &Prefix) -> Result<Option<Inspection>> {
        if !has_feature(desk.subject, commit)? {
            return Ok(None);
        }
        let log = desk.log(commit, "clippy");
        let kbuild = VM.kbuild(desk, &log);
        VM.configure(desk, &kbuild)?;
        remove_objects(&kbuild.out, &[CORE.into()])?;
        let mut make = VM.make(desk, &kbuild);
        make.arg(run::jobs()?).arg(CORE);
        let (status, said) = desk.stage.ask(&mut make, &log)?;
        let ran = said.lines().filter(|line| {
            let mut words = line.split_whitespace();
            words.next() == Some("CLIPPY") && words.last() == Some(CORE)
        });
        let done = ran.count();
        let findings = warnings(&said, &shown(&desk.subject.src));
        ensure!(
            status.success() || !findings.is_empty(),
            fault::build(format!("make: {status}\n  log: {}", log.display()))
        );
        let (sh, driver) = (Shell::new()?, &desk.tools.clippy_driver);
        Ok(Some(Inspection {
            tool: run::read(cmd!(sh, "{driver} --version"))?,
            done,
            unit: "times poll_core.o",
            findings,
        }))
    }
}
