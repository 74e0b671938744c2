// SPDX-License-Identifier: GPL-2.0
//! `package deb`: builds the kernel with the series as Debian packages for a real VM, by kbuild's
//! own `bindeb-pkg`. `cloud` writes the files with which cloud-init installs them.

mod cloud;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use fs_err as fs;
use sha2::{Digest, Sha256};

use cloud::Deb;
use source::Source;
use toolbox::apt;
use toolbox::fault::{self, Kind};
use toolbox::line::Line;
use toolbox::options::{BaseArgs, OutArgs};
use toolbox::place::Place;
use toolbox::run::{self, Stage};
use toolbox::tools::{Need, Tools};

use crate::build_kernel::kbuild::Kbuild;
use crate::build_kernel::kconfig;
use crate::build_kernel::{KernelVariant, tree};
use crate::module::packages;
use crate::module::stock::Stock;

/// Suffix of the kernel's release. With it the kernel installs beside the distribution's kernel.
const LOCALVERSION: &str = "-poll-source";
/// Disk space for objects, packages and the content of the packages, in bytes.
const SPACE_NEEDED: u64 = 30 << 30;

/// Build the kernel with the series as Debian packages, for a real VM
///
/// Starts from Debian's configuration for cloud machines, which has only the drivers of virtual
/// machines. Adds kconfig/package.config, and lets kbuild make packages. Leaves in
/// target/package/deb the packages of the kernel and its headers, and user-data and meta-data for
/// cloud-init, which installs them. A build with Debian's configuration takes an hour or more on
/// two cores.
#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(flatten)]
    base: BaseArgs,

    /// Start from this configuration, such as the VM's own /boot/config-*
    #[arg(long, value_name = "FILE")]
    like: Option<PathBuf>,

    /// Where the VM fetches the packages [default: the disk with user-data, label cidata]
    #[arg(long, value_name = "URL")]
    url: Option<String>,

    #[command(flatten)]
    out: OutArgs,
}

pub fn main(args: Args) -> Result<()> {
    if args.base.tree.offline && args.like.is_none() {
        return Err(fault::usage(
            "--offline needs --like FILE, because Debian's configuration comes from a package",
        ));
    }
    let place = Place::find()?;
    let needs = [Need::Fetch, Need::Kernel, Need::Package, Need::Deb];
    let (source, tools) = source::with_tools(&place, &args.base, |_| Ok(needs.to_vec()))?;
    let plan = tree::plan(&place, &source, &KernelVariant::default())?;
    // The lock also covers the folder of objects, because its name contains the source's name.
    let _lock = plan.lock(&place)?;
    plan.lay_out(&place, &source, SPACE_NEEDED)?;
    let job = Job::new(&place, &source, tools, plan.dir());
    let stock = Stock {
        line: source.line,
        cloud: true,
    };
    let start = match args.like {
        Some(file) => file,
        None => packages::get(&place, stock, false)?.config()?,
    };
    job.configure(&place, source.line, &start)?;
    job.make()?;
    let out = args.out.folder(&place, "package/deb")?;
    let debs = job.deliver(&out)?;
    for (name, text) in cloud::files(&job.release()?, &debs, args.url.as_deref())? {
        fs::write(out.join(name), text)?;
    }
    for deb in &debs {
        println!("{}", place.short(&out.join(&deb.name)).display());
    }
    println!("{}", place.short(&out.join("user-data")).display());
    Ok(())
}

struct Job {
    stage: Stage,
    kbuild: Kbuild,
}

impl Job {
    fn new(place: &Place, source: &Source, tools: Tools, src: PathBuf) -> Job {
        let label = format!("{}-package", source.name());
        let log = place.logs().join(format!("{label}.log"));
        let _ = fs::remove_file(&log);
        let doing = format!("packaging Linux {}", source.name());
        Job {
            stage: Stage::new(doing).fails_as(Kind::Build),
            kbuild: Kbuild {
                tools,
                src,
                out: place.cache.join("build").join(label).join("out"),
                log,
                clang: false,
            },
        }
    }

    /// Makes .config from the file `start` and kconfig/package.config.
    fn configure(&self, place: &Place, line: &Line, start: &Path) -> Result<()> {
        let Kbuild { out, .. } = &self.kbuild;
        fs::create_dir_all(out)?;
        fs::copy(start, out.join(".config")).map_err(|err| {
            fault::usage(format!(
                "cannot start from the configuration {}: {err}",
                start.display()
            ))
        })?;
        let request = kconfig::merged(place, line.name, &["package"])?;
        self.kbuild.configure(&self.stage, "olddefconfig", &request)
    }

    fn make(&self) -> Result<()> {
        // Remove packages of an earlier release: they would be mistaken for the new ones.
        remove(self.debs().unwrap_or_default())?;
        let mut make = self.kbuild.make();
        make.arg(format!("LOCALVERSION={LOCALVERSION}"))
            .arg(run::jobs()?)
            // -d: dpkg does not check the build dependencies. xtask has probed the tools already,
            // and not all of them come from packages.
            .args(["DPKG_FLAGS=-d", "bindeb-pkg"])
            .env("KDEB_CHANGELOG_DIST", "unstable");
        self.kbuild.run(&self.stage, &mut make)
    }

    /// The packages that bindeb-pkg made. It leaves them beside the folder of objects.
    fn debs(&self) -> Result<Vec<PathBuf>> {
        let beside = self
            .kbuild
            .out
            .parent()
            .context("the folder of objects has no parent")?;
        apt::list(beside, ".deb")
    }

    /// "7.3.4-poll-source"
    fn release(&self) -> Result<String> {
        let text = fs::read_to_string(self.kbuild.out.join("include/config/kernel.release"))?;
        Ok(text.trim().to_owned())
    }

    /// Copies the packages of the kernel and its headers to `out`, and removes older ones there.
    /// Leaves out linux-libc-dev, which kbuild also makes: it would replace the distribution's.
    fn deliver(&self, out: &Path) -> Result<Vec<Deb>> {
        let release = self.release()?;
        // A kernel without modules has no package of headers: see scripts/package/mkdebian.
        let with_modules = kconfig::read(&self.kbuild.out.join(".config"))?.has("CONFIG_MODULES");
        let parts: &[&str] = match with_modules {
            true => &["image", "headers"],
            false => &["image"],
        };
        let ours = |path: &PathBuf| file_name(path).contains(LOCALVERSION);
        let old = apt::list(out, ".deb").unwrap_or_default();
        remove(old.into_iter().filter(ours))?;
        let mut delivered = Vec::new();
        for part in parts {
            let start = format!("linux-{part}-{release}_");
            let is_it = |path: &PathBuf| file_name(path).starts_with(&start);
            let made = self.debs()?.into_iter().find(is_it).ok_or_else(|| {
                fault::build(format!(
                    "kbuild made no package {start}*.deb\n  log: {}",
                    self.kbuild.log.display()
                ))
            })?;
            let name = file_name(&made);
            let bytes = fs::read(&made)?;
            let sha256 = format!("{:x}", Sha256::digest(&bytes));
            fs::write(out.join(&name), bytes)?;
            delivered.push(Deb { name, sha256 });
        }
        Ok(delivered)
    }
}

fn remove(files: impl IntoIterator<Item = PathBuf>) -> Result<()> {
    for file in files {
        fs::remove_file(&file)?;
    }
    Ok(())
}

fn file_name(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}
