// SPDX-License-Identifier: GPL-2.0
//! Builds the whole kernel of each state of the tree and boots it with the smoke scenario. The
//! slugs of the patches so far say how much of the feature a state has. The guest gets this as its
//! expectation and fails if a part is missing.

use anyhow::{Context, Result};
use fs_err as fs;
use guest_protocol::{Feature, Report};

use super::Desk;
use super::builds::has_feature;
use super::finding::{Finding, Inspection};
use super::recipe::VM;
use super::subject::{self, Prefix};
use kernel::image::Image;
use lab::boot_test;
use lab::testbed::TestBed;
use toolbox::fault::Kind;
use toolbox::run::{self, Stage};
use vm::accel;
use vm::session::Rig;

/// Slug of the patch that gives devices the switch.
const SWITCH: &str = "virtio-switch";
/// Slug of the patch from which on the switch makes the kernel poll the guest's devices.
const POLLING: &str = "pci-sources";

pub fn look(desk: &Desk<'_>, commit: &Prefix) -> Result<Option<Inspection>> {
    let feature = has_feature(desk, commit)?;
    let log = desk.log(commit, "boots-build");
    // Rust stays enabled in states without the feature: if it were disabled, kbuild would build it
    // again for the states with the feature.
    let kbuild = VM.with("boots", feature).configure(desk, &log)?;
    // W=1 and clippy are not used here: they change the command lines, and thus the objects.
    let stage = Stage::new(format!("building patch {}", commit.number)).fails_as(Kind::Build);
    stage.run(kbuild.make().arg(run::jobs()?).arg("bzImage"), &log)?;
    let image = Image::file(&kbuild.out.join("arch/x86/boot/bzImage"))?;
    let kept = subject::logs(desk.place, desk.subject.line);
    let kept = kept.join(format!("{}-{}.bzImage", commit.number, commit.slug));
    fs::copy(&image.bzimage, &kept)?;
    let image = Image {
        bzimage: kept,
        ..image
    };
    boot(desk, commit, &image).map(Some)
}

fn boot(desk: &Desk<'_>, commit: &Prefix, image: &Image) -> Result<Inspection> {
    let rig = Rig::with_tools(desk.place, desk.tools.clone())?;
    let accel = accel::choose(&rig, image, desk.accel.accel)?;
    let slugs = desk.subject.commits.iter().map(|it| it.slug.as_str());
    let feature = expected(&slugs.collect::<Vec<_>>(), commit.number)?;
    let name = format!("review-{}-boot-{}", desk.subject.line, commit.number);
    let out = subject::logs(desk.place, desk.subject.line);
    let bed = TestBed::new(rig, image.clone(), accel, out);
    let ended = bed.run(&boot_test::smoke_plan(&bed, name, feature), |_| ())?;
    let is_case = |report: &&Report| matches!(report, Report::Case { .. });
    let fault = ended.outcome.err();
    let finding = |err| Finding::new("", "boot", format!("{err:#}"));
    Ok(Inspection {
        tool: format!("QEMU, {}", accel.name()),
        done: ended.reports.iter().filter(is_case).count(),
        unit: "checks in guests",
        findings: fault.map(finding).into_iter().collect(),
    })
}

/// Returns how much of the feature the guest must find in state `number`. `slugs` are the slugs of
/// all states.
fn expected(slugs: &[&str], number: usize) -> Result<Feature> {
    let find = |slug: &str| {
        slugs.iter().position(|it| *it == slug).with_context(|| {
            format!("no patch has the slug {slug:?}, so it is unknown what a guest must find")
        })
    };
    let (switch, polling) = (find(SWITCH)?, find(POLLING)?);
    Ok(match number {
        at if at >= polling => Feature::Polling,
        at if at >= switch => Feature::Switch,
        _ => Feature::Absent,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn polling_is_demanded_from_its_patch_on_and_the_patch_itself() {
        let slugs = ["base", "a", SWITCH, POLLING, "z"];
        let found = [0, 1, 2, 3, 4].map(|number| expected(&slugs, number).unwrap());
        let (absent, polling) = (Feature::Absent, Feature::Polling);
        assert_eq!(found, [absent, absent, Feature::Switch, polling, polling]);
        assert!(expected(&["base", SWITCH], 1).is_err());
    }
}
