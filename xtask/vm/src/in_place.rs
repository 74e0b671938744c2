// SPDX-License-Identifier: GPL-2.0
//! Runs a scenario on the machine that this program runs on: no QEMU, no boot, and no console to
//! read. A base is unpacked and its init is started as a child. The machine goes on afterwards.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::Result;
use fs_err::{self as fs, File};
use guest_protocol::Report;
use guest_protocol::form::MODULE;
use guest_protocol::scenario::{self, Scenario};

use super::heard::Heard;
use super::initramfs;
use super::session::Limits;
use super::verdict::{self, End};
use toolbox::fault::{self, Kind};
use toolbox::run::{self, Tied};

pub struct InPlace<'a> {
    /// The archive that [`initramfs::pack`] wrote.
    pub base: &'a Path,
    /// An empty folder, on a disk from which programs may be started.
    pub dir: &'a Path,
    pub scenario: Scenario,
    /// The feature's file, if the feature is a module. It may be compressed.
    pub module: Option<&'a Path>,
    pub limits: Limits,
}

impl InPlace<'_> {
    pub fn run(&self, mut on_report: impl FnMut(&Report)) -> Result<()> {
        run::check_interrupt()?;
        self.lay_out()?;
        let (reports, said) = (self.dir.join("reports.jsonl"), self.dir.join("init.log"));
        let create = |path: &PathBuf| File::create(path).map(std::fs::File::from);
        let mut cmd = Command::new(self.dir.join("init"));
        cmd.arg(scenario::IN_PLACE)
            .arg(self.dir)
            .stdin(Stdio::null())
            .stdout(create(&reports)?)
            .stderr(create(&said)?);
        let mut child = Tied::spawn(&mut cmd)?;
        let mut heard = Heard::new(&reports)?;
        let end = heard.follow(&mut child.0, self.limits, 1, &mut on_report)?;
        self.judge(end, &heard, &fs::read_to_string(&said).unwrap_or_default())
    }

    fn lay_out(&self) -> Result<()> {
        initramfs::unpack(self.base, self.dir)?;
        let inside = |path: &str| self.dir.join(path.trim_start_matches('/'));
        let orders = inside(scenario::PATH);
        fs::write(&orders, serde_json::to_vec(&self.scenario)?)?;
        if let Some(module) = self.module {
            let folder = inside(scenario::MODULES);
            fs::create_dir(&folder)?;
            fs::copy(module, folder.join(format!("{MODULE}.ko")))?;
        }
        Ok(())
    }

    fn judge(&self, end: End, heard: &Heard, said: &str) -> Result<()> {
        let failure = match end {
            End::Exited(status) => verdict::of_reports(&heard.lines).and_then(|()| {
                let failed = || (Kind::Guest, format!("the init failed: {status}"));
                status.success().then_some(()).ok_or_else(failed)
            }),
            End::TimeUp(what) => Err((Kind::Hang, what)),
        };
        failure.map_err(|(kind, what)| {
            let (stage, said) = (heard.stage(), said.trim());
            let said = if said.is_empty() { "nothing" } else { said };
            fault::fault(
                kind,
                format!("{what}\n  stage: {stage}\n  the init printed: {said}"),
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// Runs a shell script as the init.
    fn ended(script: &str) -> Result<()> {
        let dir = tempfile::tempdir().unwrap();
        let (init, base) = (dir.path().join("script"), dir.path().join("base.cpio"));
        fs::write(&init, format!("#!/bin/sh\n{script}\n")).unwrap();
        initramfs::pack(&base, &init, &[]).unwrap();
        let root = dir.path().join("root");
        fs::create_dir(&root).unwrap();
        let in_place = InPlace {
            base: &base,
            dir: &root,
            scenario: Scenario::Probe,
            module: Some(&init),
            limits: Limits {
                silence: Duration::from_secs(1),
                total: Duration::from_secs(5),
            },
        };
        in_place.run(|_| ())
    }

    const PASS: &str = r#"echo '{"report":"verdict","pass":true,"reason":""}'"#;

    #[test]
    fn a_verdict_alone_passes_and_the_orders_are_there() {
        let files = "test -f $2/scenario.json && test -f $2/modules/poll_source.ko";
        ended(&format!("[ $1 = in-place ] && {files} && {PASS}")).unwrap();
    }

    #[test]
    fn anything_else_is_a_fault_of_its_kind() {
        let fail = r#"echo '{"report":"verdict","pass":false,"reason":"no haltpoll"}'"#;
        for (script, kind, part) in [
            ("exit 0", Kind::Guest, "without a verdict"),
            (fail, Kind::TestFailed, "no haltpoll"),
            ("echo torn; echo why >&2", Kind::Guest, "printed: why"),
            ("sleep 60 & wait", Kind::Hang, "no report for 1 s"),
            (&format!("{PASS}; exit 3"), Kind::Guest, "exit status: 3"),
        ] {
            let err = ended(script).unwrap_err();
            assert_eq!(fault::kind_of(&err), kind, "{script}: {err}");
            assert!(err.to_string().contains(part), "{script}: {err}");
        }
    }
}
