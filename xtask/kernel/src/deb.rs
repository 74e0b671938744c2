// SPDX-License-Identifier: GPL-2.0
//! `package deb`: the kernel with the series as Debian packages, for a real VM, by kbuild's own
//! `bindeb-pkg`; and a cloud-init file that installs them. What a VM is told is in `cloud`.

mod cloud;

use std::convert::Infallible;
use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};
use xshell::{Shell, cmd};

use cloud::Deb;
use source::Source;
use toolbox::apt;
use toolbox::fault::{self, Kind};
use toolbox::line::Line;
use toolbox::lock;
use toolbox::options::{BaseArgs, OutArgs};
use toolbox::place::Place;
use toolbox::run::{self, Stage};
use toolbox::tools::{Need, Tools};

use crate::build_kernel::kbuild::Kbuild;
use crate::build_kernel::kconfig::{self, Request};
use crate::build_kernel::{KernelVariant, objtool, tree};
use crate::module::packages;
use crate::module::stock::Stock;

/// Part of the kernel's release, so that it installs beside the distribution's.
const LOCALVERSION: &str = "-poll-source";
/// What bindeb-pkg calls, by package. The kernel itself asks for more, which the doctor knows.
const PACKAGERS: [(&str, &str); 4] = [
    ("dh_listpackages", "debhelper"),
    ("dpkg-buildpackage", "dpkg-dev"),
    ("depmod", "kmod"),
    ("rsync", "rsync"),
];

/// Build the kernel with the series as Debian packages, for a real VM
///
/// Starts from Debian's configuration for cloud machines, which has the drivers of virtual machines
/// and no others, adds kconfig/package.config, and has kbuild make packages. Leaves the packages of
/// the kernel and its headers in target/package/deb, with user-data and meta-data, by which
/// cloud-init installs them. A build with Debian's configuration takes an hour or more on two cores.
#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(flatten)]
    base: BaseArgs,

    /// The configuration to start from: Debian's for cloud machines or for all (generic), a file
    /// such as the VM's own /boot/config-*, or that of the test guests (small: it shows that
    /// packages are made, and boots no distribution)
    #[arg(long, value_name = "cloud|generic|small|FILE", default_value = "cloud")]
    like: Like,

    /// Where the VM fetches the packages [default: the disk with user-data, label cidata]
    #[arg(long, value_name = "URL")]
    url: Option<String>,

    /// Make the configuration, say where it is, and stop
    #[arg(long)]
    configure: bool,

    #[command(flatten)]
    out: OutArgs,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Like {
    Cloud,
    Generic,
    Small,
    File(PathBuf),
}

impl FromStr for Like {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Like, Infallible> {
        Ok(match text {
            "cloud" => Like::Cloud,
            "generic" => Like::Generic,
            "small" => Like::Small,
            file => Like::File(file.into()),
        })
    }
}

impl Like {
    /// Names the folder of objects.
    fn name(&self) -> &'static str {
        match self {
            Like::Cloud => "cloud",
            Like::Generic => "generic",
            Like::Small => "small",
            Like::File(_) => "own",
        }
    }

    fn variant(&self) -> KernelVariant {
        let modules = (*self == Like::Small).then(|| "modules".to_owned());
        KernelVariant {
            configs: modules.into_iter().collect(),
            ..KernelVariant::default()
        }
    }

    fn request(&self, place: &Place, line: &Line) -> Result<Request> {
        let fragments = match self {
            Like::Small => kconfig::fragments(place, line, &self.variant())?,
            _ => kconfig::named(place, line.name, &["package"])?,
        };
        kconfig::merge(&fragments, false)
    }

    /// The file to start from; None: from nothing.
    fn config(&self, place: &Place, line: &'static Line) -> Result<Option<PathBuf>> {
        let stock = |cloud| packages::get(place, Stock { line, cloud }, false)?.config();
        Ok(match self {
            Like::Small => None,
            Like::Cloud => Some(stock(true)?),
            Like::Generic => Some(stock(false)?),
            Like::File(path) => Some(path.clone()),
        })
    }

    /// Objects, packages and what is in them.
    fn space(&self) -> u64 {
        match self {
            Like::Small => 4 << 30,
            Like::Cloud => 12 << 30,
            Like::Generic | Like::File(_) => 30 << 30,
        }
    }
}

pub fn main(args: Args) -> Result<()> {
    let place = Place::find()?;
    need_packagers()?;
    let needs = [Need::Fetch, Need::Kernel, Need::Package];
    let (source, tools) = source::with_tools(&place, &args.base, |_| Ok(needs.to_vec()))?;
    let plan = tree::plan(&place, &source, &KernelVariant::default())?;
    // Of the folder of objects as well: the source's name is in it.
    let _lock = lock::take(&place, &format!("build-{}", plan.name(&source)))?;
    place.need_space(args.like.space())?;
    plan.lay_out(&place, &source)?;
    let start = args.like.config(&place, source.line)?;
    let src = plan.dir(&place, &source);
    let job = Job::new(&place, &args.like, &source, tools, src)?;
    job.configure(start.as_deref())?;
    if args.configure {
        println!("{}", job.kbuild.out.join(".config").display());
        return Ok(());
    }
    job.make()?;
    let out = args.out.folder(&place, "package/deb")?;
    let debs = job.deliver(&out)?;
    for (name, text) in cloud::files(&job.release()?, &debs, args.url.as_deref())? {
        fs::write(out.join(name), text).with_context(|| format!("writing {name}"))?;
    }
    for deb in &debs {
        println!("{}", place.short(&out.join(&deb.name)).display());
    }
    println!("{}", place.short(&out.join("user-data")).display());
    Ok(())
}

fn need_packagers() -> Result<()> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    // depmod is root's, and others do not have its folder in PATH.
    let folders: Vec<PathBuf> = std::env::split_paths(&path)
        .chain(["/usr/sbin".into(), "/sbin".into()])
        .collect();
    let is_missing = |program: &str| !folders.iter().any(|dir| dir.join(program).is_file());
    let missing: Vec<&str> = PACKAGERS
        .iter()
        .filter(|(program, _)| is_missing(program))
        .map(|&(_, package)| package)
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(fault::environment(format!(
        "kbuild's bindeb-pkg needs what this machine lacks\n  try: apt-get install {}",
        missing.join(" ")
    )))
}

struct Job {
    stage: Stage,
    kbuild: Kbuild,
    request: Request,
}

impl Job {
    fn new(place: &Place, like: &Like, source: &Source, tools: Tools, src: PathBuf) -> Result<Job> {
        let label = format!("{}-package-{}", source.name(), like.name());
        let log = place.logs().join(format!("{label}.log"));
        let _ = fs::remove_file(&log);
        let doing = format!("packaging Linux {} ({})", source.name(), like.name());
        Ok(Job {
            stage: Stage::new(doing).fails_as(Kind::Build),
            kbuild: Kbuild {
                tools,
                src,
                out: place.cache.join("build").join(label).join("out"),
                log,
                clang: false,
            },
            request: like.request(place, source.line)?,
        })
    }

    /// Makes .config of that file, or of nothing.
    fn configure(&self, start: Option<&Path>) -> Result<()> {
        let Kbuild { out, .. } = &self.kbuild;
        fs::create_dir_all(out).with_context(|| format!("creating {}", out.display()))?;
        let Some(start) = start else {
            return self
                .kbuild
                .configure(&self.stage, "tinyconfig", &self.request);
        };
        fs::copy(start, out.join(".config"))
            .map_err(|err| fault::usage(format!("--like {}: {err}", start.display())))?;
        self.kbuild
            .configure(&self.stage, "olddefconfig", &self.request)
    }

    fn make(&self) -> Result<()> {
        let Kbuild { out, log, .. } = &self.kbuild;
        // Those of an earlier release would be taken for this one's.
        for old in self.debs().unwrap_or_default() {
            fs::remove_file(&old).with_context(|| format!("removing {}", old.display()))?;
        }
        let mut make = self.kbuild.make();
        make.arg(format!("LOCALVERSION={LOCALVERSION}"))
            .arg(run::jobs()?)
            // The doctor saw to what it is built with, which is not all from packages.
            .args(["DPKG_FLAGS=-d", "bindeb-pkg"])
            .env("KDEB_CHANGELOG_DIST", "unstable");
        let made = self.stage.run(&mut make, log);
        let silent = objtool::is_silent(log, out);
        made.and(silent)
    }

    /// bindeb-pkg leaves them beside the folder of objects.
    fn debs(&self) -> Result<Vec<PathBuf>> {
        let beside = self.kbuild.out.parent().context("a folder of objects")?;
        apt::list(beside, ".deb")
    }

    /// "7.3.4-poll-source"
    fn release(&self) -> Result<String> {
        let path = self.kbuild.out.join("include/config/kernel.release");
        let text =
            fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
        Ok(text.trim().to_owned())
    }

    /// Copies the kernel and its headers. kbuild makes linux-libc-dev as well, which would replace
    /// the distribution's.
    fn deliver(&self, out: &Path) -> Result<Vec<Deb>> {
        let release = self.release()?;
        let mut delivered = Vec::new();
        for part in ["image", "headers"] {
            let start = format!("linux-{part}-{release}_");
            let is_it = |path: &PathBuf| file_name(path).starts_with(&start);
            let made = self.debs()?.into_iter().find(is_it).ok_or_else(|| {
                fault::build(format!(
                    "kbuild made no package {start}*.deb\n  log: {}",
                    self.kbuild.log.display()
                ))
            })?;
            if part == "image" {
                is_a_kernel(&listing(&made)?, &release)
                    .map_err(|lacks| fault::build(format!("{}: {lacks}", made.display())))?;
            }
            let name = file_name(&made);
            let bytes = fs::read(&made).with_context(|| format!("reading {}", made.display()))?;
            let sha256 = format!("{:x}", Sha256::digest(&bytes));
            fs::write(out.join(&name), bytes).with_context(|| format!("writing {name}"))?;
            delivered.push(Deb { name, sha256 });
        }
        Ok(delivered)
    }
}

fn file_name(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

fn listing(deb: &Path) -> Result<String> {
    let sh = Shell::new()?;
    run::read(cmd!(sh, "dpkg-deb --contents {deb}"))
}

/// Fails with what the package lacks to boot a VM and load its drivers.
fn is_a_kernel(listing: &str, release: &str) -> Result<(), String> {
    let is_there = |end: &str| listing.lines().any(|line| line.ends_with(end));
    for file in ["vmlinuz", "config"] {
        let path = format!("./boot/{file}-{release}");
        if !is_there(&path) {
            return Err(format!("it has no {path}"));
        }
    }
    // Whether modules are compressed is for the configuration to say.
    let modules = format!("/lib/modules/{release}/kernel/");
    let is_module = |line: &str| line.contains(&modules) && line.contains(".ko");
    match listing.lines().any(is_module) {
        true => Ok(()),
        false => Err(format!("it has no module in {modules}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configuration_is_a_name_or_a_file() {
        assert_eq!("cloud".parse(), Ok(Like::Cloud));
        assert_eq!(
            "/boot/config-6.12".parse(),
            Ok(Like::File("/boot/config-6.12".into()))
        );
    }

    #[test]
    fn a_package_without_kernel_or_modules_is_found() {
        let line = |path: &str| format!("-rw-r--r-- root/root 9 2026-11-22 12:00 {path}\n");
        let boot = line("./boot/vmlinuz-7.3.4-x") + &line("./boot/config-7.3.4-x");
        let module = line("./lib/modules/7.3.4-x/kernel/drivers/block/virtio_blk.ko.xz");
        assert_eq!(is_a_kernel(&(boot.clone() + &module), "7.3.4-x"), Ok(()));
        assert!(
            is_a_kernel(&boot, "7.3.4-x")
                .unwrap_err()
                .contains("module")
        );
        assert!(
            is_a_kernel(&module, "7.3.4-x")
                .unwrap_err()
                .contains("vmlinuz")
        );
        assert!(is_a_kernel(&(boot + &module), "7.3.5-x").is_err());
    }
}
