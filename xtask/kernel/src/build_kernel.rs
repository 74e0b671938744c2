// SPDX-License-Identifier: GPL-2.0
//! `build-kernel`: has kbuild build a kernel from exactly the generated series. This file decides
//! what is built, and whether a build is needed. `tree` lays out the source, `kconfig` makes the
//! request to Kconfig, `kbuild` calls make, `objtool` and `inspect` check the result.

mod inspect;
pub mod kbuild;
pub mod kconfig;
pub mod modules;
pub mod objtool;
mod planted;
pub mod tree;
mod variant;

use std::path::{Path, PathBuf};

use anyhow::Result;
use fs_err as fs;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

pub use variant::{ConfigArgs, KernelVariant};

use kbuild::Kbuild;
use plants::Plant;
use source::{RenewArgs, Source};
use toolbox::fault::Kind;
use toolbox::line::Line;
use toolbox::options::BaseArgs;
use toolbox::place::Place;
use toolbox::run::{self, Stage};
use toolbox::tools::{self, Need};

/// Disk space for a source tree, its objects and what the build keeps for the next one, in bytes.
const SPACE_NEEDED: u64 = 4 << 30;
/// The file beside a kernel that says what was built.
const RECORD: &str = "kernel.json";
/// The option with which clang compiles the kernel.
pub const CLANG: &str = "CONFIG_CC_IS_CLANG";
/// The option that allows drivers to be modules.
const MODULES: &str = "CONFIG_MODULES";

/// Build the small kernel with the series
///
/// Applies patches/LINE to the base with `git am`, builds tinyconfig with the fragments of
/// kconfig/, and leaves vmlinux, bzImage, .config and kernel.json in target/kernel/LINE. Fetches
/// the source if the cache has none: see --tarball and --update. Sources and objects stay in the
/// cache, so the next build compiles only what changed. The log is target/logs/build-LINE.log.
#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(flatten)]
    base: BaseArgs,

    #[command(flatten)]
    config: ConfigArgs,

    #[command(flatten)]
    renew: RenewArgs,

    /// Only fetch the source into the cache; build nothing
    #[arg(long, conflicts_with_all = ["names", "object"])]
    fetch: bool,

    /// Compile only these objects; they stay in the cache
    #[arg(long, value_name = "OBJECT", num_args = 1..)]
    object: Vec<String>,
}

/// A finished kernel in target/kernel/.
#[derive(Clone, Debug)]
pub struct Kernel {
    pub dir: PathBuf,
    pub bzimage: PathBuf,
    pub vmlinux: PathBuf,
    pub config: PathBuf,
    /// The folder of objects of the build, for building modules. It may have been deleted since.
    pub objects: PathBuf,
    /// "7.3"
    pub line: String,
    /// "7.3.4"
    pub version: String,
    /// git tree hash of the source that was built.
    pub tree: String,
    /// The folder of the mails that make this tree; None for a kernel without the series.
    pub mails: Option<PathBuf>,
}

pub fn main(args: Args) -> Result<()> {
    let place = Place::find()?;
    args.renew.renew(&place, args.base.line())?;
    if args.fetch {
        let source = source::get(&place, &args.base)?;
        println!("Linux {} in {}", source.version, source.git.display());
        println!("commit {}", source.base);
        return Ok(());
    }
    let variant = args.config.variant();
    let needs = |line| needs(&place, line, &variant);
    let (source, _) = source::with_tools(&place, &args.base, needs)?;
    if !args.object.is_empty() {
        objects(&place, &source, &variant, &args.object)?;
        return Ok(());
    }
    let kernel = build_variant(&place, &source, &variant)?;
    println!(
        "Linux {} in {}",
        kernel.version,
        place.short(&kernel.dir).display()
    );
    Ok(())
}

/// Builds the line's kernel with the series, or returns the one that exists.
pub fn build(place: &Place, source: &Source) -> Result<Kernel> {
    build_variant(place, source, &KernelVariant::default())
}

pub fn build_variant(place: &Place, source: &Source, variant: &KernelVariant) -> Result<Kernel> {
    let build = Build::of(place, source, variant)?;
    // Look before locking: an existing kernel must not wait for another build of the same line.
    if let Some(kernel) = build.already() {
        return Ok(kernel);
    }
    let _lock = build.plan.lock(place)?;
    if let Some(kernel) = build.already() {
        return Ok(kernel);
    }
    build.lay_out()?;
    build.run()
}

/// Fails unless each of the bugs can be planted in the tree with the series. Plants none.
pub fn take_plants(place: &Place, source: &Source, plants: &[&Plant]) -> Result<()> {
    let build = Build::of(place, source, &KernelVariant::default())?;
    let _lock = build.plan.lock(place)?;
    build.lay_out()?;
    plants
        .iter()
        .try_for_each(|plant| build.planted(plant).map(drop))
}

/// Builds the kernel with a planted bug, and copies its bzImage and .config to `dir`. Returns the
/// path of the bzImage. Source tree and objects are shared with the kernel without the bug: each
/// build first lays out the source again, which removes the bug.
pub fn build_planted(
    place: &Place,
    source: &Source,
    variant: &KernelVariant,
    plant: &Plant,
    dir: &Path,
) -> Result<PathBuf> {
    let build = Build::of(place, source, variant)?;
    let _lock = build.plan.lock(place)?;
    build.lay_out()?;
    for (path, text) in build.planted(plant)? {
        fs::write(&path, text)?;
    }
    build.compile(
        &format!("building the bug {} into", plant.name),
        &["bzImage"],
    )?;
    let bzimage = dir.join("bzImage");
    fs::create_dir_all(dir)?;
    let out = &build.kbuild.out;
    fs::copy(out.join("arch/x86/boot/bzImage"), &bzimage)?;
    fs::copy(out.join(".config"), dir.join(".config"))?;
    Ok(bzimage)
}

/// Fails if a kernel's configuration differs from what kconfig/ requests.
pub fn check_config(place: &Place, line: &Line, config: &Path) -> Result<()> {
    kconfig::of(place, line, &KernelVariant::default())?.check_survived(config)
}

/// Compiles object files of a kernel, and only what they need. Returns their paths.
pub fn objects(
    place: &Place,
    source: &Source,
    variant: &KernelVariant,
    names: &[String],
) -> Result<Vec<PathBuf>> {
    let build = Build::of(place, source, variant)?;
    let _lock = build.plan.lock(place)?;
    build.lay_out()?;
    let stage = build.configured("compiling objects of")?;
    let Kbuild { out, log, .. } = &build.kbuild;
    stage.run(build.kbuild.make().args(names), log)?;
    Ok(names.iter().map(|name| out.join(name)).collect())
}

/// What the machine must have to build this kernel.
pub fn needs(place: &Place, line: &Line, variant: &KernelVariant) -> Result<Vec<Need>> {
    // A missing fragment fails here, before anything is fetched.
    let clang = kconfig::of(place, line, variant)?.has(CLANG);
    let needs = [Need::Fetch, Need::Kernel].into_iter();
    Ok(needs.chain(clang.then_some(Need::Clang)).collect())
}

/// One build, for which all tools, fragments and mails have been found.
struct Build<'a> {
    place: &'a Place,
    source: Source,
    plan: tree::TreePlan,
    label: String,
    request: kconfig::Request,
    kbuild: Kbuild,
}

impl<'a> Build<'a> {
    fn of(place: &'a Place, source: &Source, variant: &KernelVariant) -> Result<Build<'a>> {
        let needs = needs(place, source.line, variant)?;
        let tools = tools::ensure_for(place, &needs, &source.line_of_tools()?, source.offline)?;
        let plan = tree::plan(place, source, variant)?;
        let label = variant.label(source.name());
        let request = kconfig::of(place, source.line, variant)?;
        Ok(Build {
            place,
            source: source.clone(),
            kbuild: Kbuild {
                tools,
                src: plan.dir(),
                out: place.cache.join("build").join(&label).join("out"),
                log: place.logs().join(format!("build-{label}.log")),
                clang: request.has(CLANG),
            },
            plan,
            label,
            request,
        })
    }

    /// The files that a planted bug changes, with their changed text.
    fn planted(&self, plant: &Plant) -> Result<Vec<(PathBuf, String)>> {
        planted::files(&self.place.root, self.source.line, &self.kbuild.src, plant)
    }

    fn lay_out(&self) -> Result<()> {
        self.plan.lay_out(self.place, &self.source, SPACE_NEEDED)
    }

    /// Writes .config and returns the stage for the make calls that follow.
    fn configured(&self, doing: &str) -> Result<Stage> {
        let kbuild = &self.kbuild;
        fs::create_dir_all(&kbuild.out)?;
        let _ = fs::remove_file(&kbuild.log);
        let stage = Stage::new(format!("{doing} Linux {}", self.label)).fails_as(Kind::Build);
        stage.run(kbuild.make().args(["-s", "rustavailable"]), &kbuild.log)?;
        kbuild.configure(&stage, "tinyconfig", &self.request)?;
        Ok(stage)
    }

    fn run(&self) -> Result<Kernel> {
        let modules = self.request.has(MODULES).then_some("modules");
        let targets: Vec<&str> = ["bzImage", "vmlinux"].into_iter().chain(modules).collect();
        self.compile("building", &targets)?;
        if self.plan.mails.is_some() {
            self.inspect()?;
        }
        self.deliver()
    }

    fn inspect(&self) -> Result<()> {
        let out = &self.kbuild.out;
        let config = kconfig::read(&out.join(".config"))?;
        inspect::core_is_linked(&out.join("vmlinux"), config.has(kconfig::FEATURE))?;
        inspect::is_instrumented(out, &config)
    }

    fn compile(&self, doing: &str, targets: &[&str]) -> Result<()> {
        let stage = self.configured(doing)?;
        let mut make = self.kbuild.make();
        make.arg(run::jobs()?).args(targets);
        self.kbuild.run(&stage, &mut make)
    }

    /// Hash of everything that goes into the build. The same key means the same kernel.
    fn key(&self) -> String {
        let mut hash = Sha256::new();
        let src = self.kbuild.src.display().to_string();
        let request = self.request.text();
        for part in [
            &self.plan.tree,
            &src,
            &request,
            &self.kbuild.tools.versions.join("\n"),
        ] {
            hash.update(part);
            hash.update([0]);
        }
        format!("{:x}", hash.finalize())
    }

    /// The kernel of an earlier build, if it has the same key and all of its files exist.
    fn already(&self) -> Option<Kernel> {
        let kernel = self.kernel();
        let text = fs::read_to_string(kernel.dir.join(RECORD)).ok()?;
        let record: Value = serde_json::from_str(&text).ok()?;
        let files = [&kernel.bzimage, &kernel.vmlinux, &kernel.config];
        let whole = record["key"] == self.key() && files.iter().all(|path| path.is_file());
        whole.then_some(kernel)
    }

    fn kernel(&self) -> Kernel {
        let dir = self.place.kernel_out(&self.label);
        Kernel {
            bzimage: dir.join("bzImage"),
            vmlinux: dir.join("vmlinux"),
            config: dir.join(".config"),
            objects: self.kbuild.out.clone(),
            line: self.source.name().into(),
            version: self.source.version.clone(),
            tree: self.plan.tree.clone(),
            mails: self.plan.mails.clone(),
            dir,
        }
    }

    /// Copies the result to target/kernel/. Writes the record last: a kernel without a record does
    /// not count as finished.
    fn deliver(&self) -> Result<Kernel> {
        let kernel = self.kernel();
        let record_path = kernel.dir.join(RECORD);
        fs::create_dir_all(&kernel.dir)?;
        let _ = fs::remove_file(&record_path);
        let out = &self.kbuild.out;
        fs::copy(out.join("arch/x86/boot/bzImage"), &kernel.bzimage)?;
        fs::copy(out.join("vmlinux"), &kernel.vmlinux)?;
        fs::copy(out.join(".config"), &kernel.config)?;
        if self.request.has(MODULES) {
            modules::deliver(out, &kernel.bzimage)?;
        }
        let record = json!({
            "line": kernel.line,
            "version": kernel.version,
            "tree": kernel.tree,
            "config_sha256": format!("{:x}", Sha256::digest(fs::read(&kernel.config)?)),
            "tools": self.kbuild.tools.versions,
            "key": self.key(),
        });
        fs::write(&record_path, serde_json::to_string_pretty(&record)? + "\n")?;
        Ok(kernel)
    }
}
