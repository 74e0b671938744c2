// SPDX-License-Identifier: GPL-2.0
//! Measures a virtual machine from inside: its own disk, with the kernel that it runs.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use guest_protocol::{Form, Variant};
use tempfile::TempDir;

use kernel::image::Image;
use lab::bench::blk::inside::{self, Inside};
use lab::bench::environment;
use lab::bench::setup::BenchSetup;
use lab::testbed::TestBed;
use pack::layout::{self, Manifest};
use toolbox::fault;
use toolbox::tools::Tools;

use crate::RunArgs;
use crate::before::{PutBack, Sysfs};
use crate::host;
use crate::machine;
use crate::results::ResultsDir;

/// The folder with the sources that DKMS builds.
const SOURCES: &str = "/usr/src";

#[derive(clap::Args)]
pub struct InsideArgs {
    /// The virtio disk to measure [default: the only one]
    #[arg(long, value_name = "NAME", requires = "guest")]
    disk: Option<String>,

    /// The module's file [default: the installed one of this kernel]
    #[arg(long, value_name = "FILE", requires = "guest")]
    module: Option<PathBuf>,
}

pub fn run(kit: &Path, args: &RunArgs) -> Result<()> {
    let manifest = Manifest::read(kit)?;
    let sysfs = Sysfs::real();
    let accel = machine::hypervisor(&sysfs)?;
    if !nix::unistd::geteuid().is_root() {
        return Err(fault::environment(
            "--guest changes settings of this machine and restores them: run it as root",
        ));
    }
    machine::need_io_uring()?;
    let disk = machine::disk(&sysfs, args.inside.disk.as_deref())?;
    let running =
        nix::sys::utsname::uname().context("querying the release of the running kernel")?;
    let release = running.release().to_string_lossy().into_owned();
    let modules = Path::new("/lib/modules").join(&release);
    let module = machine::module(&sysfs, &modules, &release, args.inside.module.as_deref())?;
    let module = module.as_deref();

    let out = ResultsDir::make(&args.out)?;
    let tools = Tools {
        versions: manifest.tools.clone(),
        ..Tools::default()
    };
    let rig = host::rig(kit, tools, out.path());
    let bench = args.bench(Vec::new());
    let image = image(&release, module);
    let bed = TestBed::new(rig, image, accel, out.path().to_owned());
    let mut setup = BenchSetup::inside(bed, bench, warnings(args))?;
    if module.is_some() && setup.bed.image.module.is_none() {
        setup.warnings.push(
            "the module's source is unknown: `cargo xtask report` will refuse these results".into(),
        );
    }
    let inside = Inside {
        base: kit.join(layout::INITRAMFS),
        variants: variants(module.is_some(), machine::disk_polls(&sysfs, &disk)),
        module: module.map(Path::to_owned),
        disk,
    };
    let scratch = TempDir::with_prefix_in(".guest-", out.path()).context("creating a folder")?;
    let scratch_path = scratch
        .path()
        .canonicalize()
        .context("finding the path of the folder")?;
    let _before = PutBack::take(sysfs, module);
    inside::run(&setup, &inside, &scratch_path)
}

/// The variants that this kernel and disk support.
fn variants(is_module: bool, disk_polls: bool) -> Vec<Variant> {
    match is_module {
        true => Variant::MODULE.to_vec(),
        false => Variant::BLK
            .into_iter()
            .filter(|&variant| variant != Variant::IoPoll || disk_polls)
            .collect(),
    }
}

fn warnings(args: &RunArgs) -> Vec<String> {
    let mut warnings = vec![
        "measured inside a virtual machine: its own disk is only read, and the disk's latency is \
         the time of a request without polling"
            .to_owned(),
    ];
    warnings.extend(environment::too_few(args.rounds));
    warnings
}

/// The running kernel. Its configuration is left unknown, so there is nothing to prove about it.
fn image(release: &str, module: Option<&Path>) -> Image {
    Image {
        version: release.to_owned(),
        module: module.and_then(|file| machine::source_tree(file, Path::new(SOURCES))),
        modules: module.map(Path::to_owned).into_iter().collect(),
        form: match module {
            Some(_) => Form::Module,
            None => Form::Series,
        },
        ..Image::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn io_poll_is_for_a_disk_that_polls_and_the_module_has_the_kernel_as_it_comes() {
        assert_eq!(variants(true, true), Variant::MODULE);
        assert_eq!(variants(false, true), Variant::BLK);
        let without = [Variant::Before, Variant::PollSource];
        assert_eq!(variants(false, false), without);
    }
}
