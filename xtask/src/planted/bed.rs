// SPDX-License-Identifier: GPL-2.0
//! Where bugs are planted: the series in a source tree of its own, which stays, and so do its
//! objects. What is planted is gone with the next.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};

use super::manifest::Plant;
use crate::build_kernel::kbuild::Kbuild;
use crate::build_kernel::tree::{self, check_out};
use crate::build_kernel::{Variant, kconfig};
use crate::doctor::Tools;
use crate::fault::{self, Kind};
use crate::fetch::Source;
use crate::git::Git;
use crate::place::Place;
use crate::run::Stage;

pub struct Bed<'a> {
    place: &'a Place,
    source: &'a Source,
    tools: &'a Tools,
    git: Git,
    /// The last commit of the series.
    tip: String,
    folder: PathBuf,
}

impl<'a> Bed<'a> {
    pub fn lay_out(place: &'a Place, source: &'a Source, tools: &'a Tools) -> Result<Bed<'a>> {
        let _stage = Stage::new("laying out the series");
        let plan = tree::plan(place, source, &Variant::default())?;
        let folder = place.cache.join("planted").join(source.name());
        let (git, tip) = plan.commits(source, &folder)?;
        check_out(&git, &tip)?;
        Ok(Bed {
            place,
            source,
            tools,
            git,
            tip,
            folder,
        })
    }

    /// Fails if the patch is not one on top of this series.
    pub fn takes(&self, plant: &Plant) -> Result<()> {
        let patch = plant.patch(&self.place.root);
        let cmd = self.git.cmd(["apply", "--check"]).arg(&patch);
        crate::run::read(cmd).map(drop).map_err(|err| {
            fault::usage(format!(
                "{} does not fit the series on {}: {err:#}\n  try: plant it anew in a tree of open-series, and git diff",
                self.place.short(&patch).display(),
                self.source.name()
            ))
        })
    }

    /// The bzImage with the bug.
    pub fn build(&self, plant: &Plant) -> Result<PathBuf> {
        let stage =
            Stage::new(format!("building with {} planted", plant.name)).fails_as(Kind::Build);
        check_out(&self.git, &self.tip)?;
        let patch = plant.patch(&self.place.root);
        crate::run::read(self.git.cmd(["apply"]).arg(&patch))?;

        let variant = Variant {
            configs: plant.check.config.clone(),
            ..Variant::default()
        };
        let fragments = kconfig::fragments(self.place, self.source.line, &variant)?;
        let names: Vec<&str> = ["out"]
            .into_iter()
            .chain(variant.configs.iter().map(String::as_str))
            .collect();
        let log = format!("planted-{}-build.log", plant.name);
        let kbuild = Kbuild {
            tools: self.tools.clone(),
            src: self.folder.join("src"),
            out: self.folder.join(names.join("-")),
            log: self.place.logs().join(log),
        };
        let _ = fs::remove_file(&kbuild.log);
        kbuild.configure(&stage, "tinyconfig", &kconfig::merge(&fragments, false)?)?;
        let jobs = std::thread::available_parallelism()?;
        let mut make = kbuild.make();
        make.arg(format!("-j{jobs}")).arg("bzImage");
        stage.run(&mut make, &kbuild.log)?;
        self.deliver(&kbuild)
    }

    /// To where kernels are, with the configuration beside it.
    fn deliver(&self, kbuild: &Kbuild) -> Result<PathBuf> {
        let dir = self
            .place
            .kernel_out(&format!("{}-planted", self.source.name()));
        fs::create_dir_all(&dir).with_context(|| format!("creating {}", dir.display()))?;
        for (from, to) in [("arch/x86/boot/bzImage", "bzImage"), (".config", ".config")] {
            let (from, to) = (kbuild.out.join(from), dir.join(to));
            fs::copy(&from, &to)
                .with_context(|| format!("copying {} to {}", from.display(), to.display()))?;
        }
        Ok(dir.join("bzImage"))
    }
}
