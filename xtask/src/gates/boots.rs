// SPDX-License-Identifier: GPL-2.0
//! Each state of the tree, built whole and booted: the smoke scenario, as far as
//! the patches so far have what it tries. What they have is known here, by the
//! patches' names, and told to the guest: what is missing then is missed.

use std::fs;

use anyhow::{Context, Result};
use guest_protocol::{Feature, Report};

use super::builds::{VM, has_feature};
use super::finding::{Finding, Look};
use super::subject::{self, Commit, Subject};
use super::{Bench, Gate};
use crate::boot_test;
use crate::fault::Kind;
use crate::guest::accel::{self, Accelerator};
use crate::guest::image::Image;
use crate::guest::session::{Rig, Session};
use crate::run::Stage;

/// The patch with which devices have the switch.
const SWITCH: &str = "virtio-switch";
/// The patch with which the switch does something for what the guest has.
const POLLING: &str = "pci-sources";

/// Keeps what every guest needs.
#[derive(Default)]
pub struct Boots {
    rig: Option<Rig>,
    accel: Option<Accelerator>,
}

impl Gate for Boots {
    fn look(&mut self, bench: &Bench<'_>, commit: &Commit) -> Result<Option<Look>> {
        let feature = has_feature(bench.subject, commit)?;
        let log = subject::log(bench.place, bench.subject.line, commit, "boots-build");
        // Rust stays on without the feature: off and on again it would be built anew.
        let recipe = VM.with(feature);
        let mut kbuild = recipe.kbuild(bench, &log);
        // Without W=1 and clippy: those are other command lines, and so other objects.
        kbuild.out = bench.subject.folder.join("boots");
        recipe.configure(bench, &kbuild)?;
        let stage = Stage::new(format!("building patch {}", commit.number)).fails_as(Kind::Build);
        let jobs = std::thread::available_parallelism()?;
        stage.run(kbuild.make().arg(format!("-j{jobs}")).arg("bzImage"), &log)?;
        let image = Image::file(&kbuild.out.join("arch/x86/boot/bzImage"))?;
        let kept = subject::logs(bench.place, bench.subject.line);
        let kept = kept.join(format!("{}-{}.bzImage", commit.number, commit.slug));
        fs::copy(&image.bzimage, &kept).with_context(|| format!("writing {}", kept.display()))?;
        let image = Image {
            bzimage: kept,
            ..image
        };
        self.boot(bench, commit, &image).map(Some)
    }
}

impl Boots {
    fn boot(&mut self, bench: &Bench<'_>, commit: &Commit, image: &Image) -> Result<Look> {
        if self.rig.is_none() {
            self.rig = Some(Rig::with_tools(bench.place, bench.tools.clone())?);
        }
        let rig = self.rig.as_ref().context("it was just made")?;
        let accel = match self.accel {
            Some(accel) => accel,
            None => accel::choose(rig, image, bench.accel.accel)?,
        };
        self.accel = Some(accel);
        let feature = expected(bench.subject, commit)?;
        let name = format!("gates-{}-boot-{}", bench.subject.line, commit.number);
        let plan = boot_test::smoke_plan(rig, name, image, accel, feature);
        let ended = Session::start(rig, &plan)?.finish(|_| ())?;
        let passed = ended.reports.iter().filter(|report| is_case(report));
        let done = passed.count();
        let fault = ended.outcome.err();
        let finding = |err| Finding::new("", "boot", format!("{err:#}"));
        Ok(Look {
            tool: format!("QEMU, {}", accel.name()),
            done,
            unit: "checks in guests",
            findings: fault.map(finding).into_iter().collect(),
        })
    }
}

fn is_case(report: &Report) -> bool {
    matches!(report, Report::Case { .. })
}

/// What the guest must find.
fn expected(subject: &Subject, commit: &Commit) -> Result<Feature> {
    let number = |slug: &str| {
        let found = subject.commits.iter().find(|it| it.slug == slug);
        found.map(|it| it.number).with_context(|| {
            format!("no patch of the series is {slug:?}: what a guest must find is not known")
        })
    };
    let (switch, polling) = (number(SWITCH)?, number(POLLING)?);
    Ok(match commit.number {
        at if at >= polling => Feature::Polling,
        at if at >= switch => Feature::Switch,
        _ => Feature::Absent,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::git::Git;

    fn subject(slugs: &[&str]) -> Subject {
        let commits = (0..).zip(slugs).map(|(number, slug)| Commit {
            number,
            id: String::new(),
            slug: (*slug).to_owned(),
            changes: Vec::new(),
            since_base: Vec::new(),
            is_last: false,
        });
        Subject {
            line: "7.3",
            git: Git::bare("/nowhere").unwrap(),
            src: "/nowhere".into(),
            folder: "/nowhere".into(),
            commits: commits.collect(),
        }
    }

    #[test]
    fn polling_is_demanded_from_its_patch_on() {
        let subject = subject(&["base", "a", SWITCH, POLLING, "z"]);
        let found: Vec<Feature> = subject
            .commits
            .iter()
            .map(|commit| expected(&subject, commit).unwrap())
            .collect();
        let expected = [
            Feature::Absent,
            Feature::Absent,
            Feature::Switch,
            Feature::Polling,
            Feature::Polling,
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn a_series_without_the_patch_is_no_excuse() {
        let subject = subject(&["base", SWITCH]);
        assert!(expected(&subject, &subject.commits[1]).is_err());
    }
}
