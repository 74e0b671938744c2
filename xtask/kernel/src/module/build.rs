// SPDX-License-Identifier: GPL-2.0
//! `module build`: builds the module for a stock kernel, in a root file system of its distribution,
//! or for kernel headers or a folder of objects on this machine.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use fs_err as fs;

use super::make::{Make, Site, Target};
use super::packages::{self, Packages};
use super::root::{Root, WORK};
use super::stock::Stock;
use crate::build_kernel::{CLANG, kconfig};
use plants::Plant;
use toolbox::lock;
use toolbox::options::OutArgs;
use toolbox::place::Place;
use toolbox::run::Stage;
use toolbox::tools::{self, Need};

/// Build the module
///
/// Leaves poll_source.ko and its build folder in target/module/NAME. NAME is the kernel of --stock
/// or the release of the headers. The file source-tree there names the module's source. A warning
/// of modpost, objtool or a compiler fails the build, and so does a panic that the compiler could
/// not rule out. The log is target/logs/module-NAME.log.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Build for this kernel of Debian 13, from its packages, in a root file system of Debian 13
    #[arg(long, value_name = "LINE[-cloud]")]
    stock: Option<Stock>,

    /// Take the distribution's newest patch level even if the cache has one
    #[arg(long, requires = "stock")]
    update: bool,

    /// Build for these kernel headers, or this folder of objects [default: the running kernel's]
    #[arg(long, value_name = "DIR", conflicts_with = "stock")]
    headers: Option<PathBuf>,

    #[command(flatten)]
    out: OutArgs,
}

pub fn main(args: Args) -> Result<()> {
    let place = Place::find()?;
    let (ko, release) = match args.stock {
        Some(stock) => {
            let (ko, packages) = for_stock(&place, stock, args.update, &args.out, None)?;
            (ko, packages.release)
        }
        None => for_headers(&place, args.headers.as_deref(), &args.out)?,
    };
    println!(
        "module for Linux {release} in {}",
        place.short(&ko).display()
    );
    Ok(())
}

/// Builds the other idle driver that the module's test loads, in target/module/NAME-other-idle.
pub fn build_other_idle(place: &Place, stock: Stock) -> Result<PathBuf> {
    let packages = packages::get(place, stock, false)?;
    let name = format!("{stock}-other-idle");
    make_in_root(
        place,
        &packages,
        name,
        &OutArgs::default(),
        Target::OtherIdle,
    )
}

/// Builds the module for a stock kernel, with a planted bug if there is one, in target/module/NAME
/// or NAME-BUG unless `out` names another folder. Returns the module, and the kernel's packages
/// with an index of their modules.
pub fn for_stock(
    place: &Place,
    stock: Stock,
    update: bool,
    out: &OutArgs,
    plant: Option<&Plant>,
) -> Result<(PathBuf, Packages)> {
    // Check this before anything is downloaded.
    Root::check()?;
    let packages = packages::get(place, stock, update)?;
    let name = match plant {
        None => stock.to_string(),
        Some(plant) => format!("{stock}-{}", plant.name),
    };
    let ko = make_in_root(place, &packages, name, out, Target::Module(plant))?;
    index_modules(place, &packages)?;
    Ok((ko, packages))
}

fn make_in_root(
    place: &Place,
    packages: &Packages,
    name: String,
    out: &OutArgs,
    target: Target,
) -> Result<PathBuf> {
    let make = Make {
        place,
        headers: format!("/usr/src/linux-headers-{}", packages.release).into(),
        out: out.folder(place, &format!("module/{name}"))?,
        name,
        site: Site::Root {
            root: &Root::build(place)?,
            packages: &packages.dir,
        },
        target,
    };
    make.run()
}

/// Makes modules.dep, which no package contains.
fn index_modules(place: &Place, packages: &Packages) -> Result<()> {
    if packages.modules().join("modules.dep").is_file() {
        return Ok(());
    }
    let _lock = lock::take(place, "stock")?;
    let stage = Stage::new(format!("indexing the modules of {}", packages.release));
    let base = Path::new(WORK).join("usr");
    let mut cmd = Root::build(place)?.command(&packages.dir, &packages.dir);
    cmd.arg("depmod").arg("-b").arg(base).arg(&packages.release);
    stage.run(&mut cmd, &place.logs().join("fetch.log"))
}

/// Builds the module for installed headers or a folder of objects, by default those of the running
/// kernel, in target/module/RELEASE unless `out` names another folder. Returns the module and the
/// release.
pub fn for_headers(
    place: &Place,
    headers: Option<&Path>,
    out: &OutArgs,
) -> Result<(PathBuf, String)> {
    let running =
        nix::sys::utsname::uname().context("querying the release of the running kernel")?;
    let running = running.release().to_string_lossy().into_owned();
    let headers = match headers {
        // Absolute, because make runs in another folder. check.sh reports a missing one.
        Some(dir) => std::path::absolute(dir)?,
        None => Path::new("/lib/modules").join(&running).join("build"),
    };
    let release = fs::read_to_string(headers.join("include/config/kernel.release"));
    let release = release.map_or(running, |text| text.trim().to_owned());
    let config = kconfig::read(&headers.join("include/config/auto.conf"));
    let clang = config.is_ok_and(|config| config.has(CLANG));
    let needs: &[Need] = match clang {
        true => &[Need::Module, Need::Clang],
        false => &[Need::Module],
    };
    let make = Make {
        place,
        name: release.clone(),
        headers,
        out: out.folder(place, &format!("module/{release}"))?,
        site: Site::Here {
            tools: tools::ensure(place, needs)?.into(),
            clang,
        },
        target: Target::Module(None),
    };
    Ok((make.run()?, release))
}
