// SPDX-License-Identifier: GPL-2.0
//! A stock kernel's image and headers, from its packages. The packages are unpacked in the cache
//! and not installed, so the system does not change.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use fs_err as fs;

use super::stock::Stock;
use toolbox::apt::Apt;
use toolbox::distro::OsRelease;
use toolbox::fault;
use toolbox::lock;
use toolbox::place::Place;
use toolbox::run::Stage;
use toolbox::scratch;

/// Disk space for the packages and their unpacked content, which exist together for a moment, in
/// bytes.
const SPACE_NEEDED: u64 = 1 << 30;

/// The unpacked packages of one kernel.
#[derive(Clone, Debug)]
pub struct Packages {
    /// The folder with the files that the packages would install in `/`.
    pub dir: PathBuf,
    /// "7.3.4+deb13-amd64"
    pub release: String,
}

impl Packages {
    /// The kernel's image. Since 7.x it is beside the modules.
    pub fn bzimage(&self) -> Result<PathBuf> {
        self.of_boot("vmlinuz")
    }

    pub fn config(&self) -> Result<PathBuf> {
        self.of_boot("config")
    }

    /// The folder lib/modules/RELEASE.
    pub fn modules(&self) -> PathBuf {
        self.dir.join("usr/lib/modules").join(&self.release)
    }

    fn of_boot(&self, name: &str) -> Result<PathBuf> {
        let boot = self
            .dir
            .join("boot")
            .join(format!("{name}-{}", self.release));
        let found = [self.modules().join(name), boot]
            .into_iter()
            .find(|path| path.is_file());
        found.ok_or_else(|| {
            fault::environment(format!(
                "the packages of Linux {} have no {name}: remove {} and try again",
                self.release,
                self.dir.display()
            ))
        })
    }

    fn at(dir: PathBuf) -> Result<Packages> {
        let modules = dir.join("usr/lib/modules");
        let release = fs::read_dir(&modules)
            .and_then(|mut entries| entries.next().transpose())
            .with_context(|| format!("reading {}", modules.display()))?
            .with_context(|| format!("{} is empty", modules.display()))?
            .file_name();
        Ok(Packages {
            dir,
            release: release.to_string_lossy().into_owned(),
        })
    }
}

/// The kernel's packages in the cache. Fetches the newest if there are none, or on `update`.
pub fn get(place: &Place, stock: Stock, update: bool) -> Result<Packages> {
    let _lock = lock::take(place, "stock")?;
    if let Some(packages) = cached(place, stock).filter(|_| !update) {
        return Ok(packages);
    }
    fetch(place, stock)?;
    cached(place, stock).context("the packages that were just put into the cache are not there")
}

/// The packages of a kernel that the cache has, if any.
fn cached(place: &Place, stock: Stock) -> Option<Packages> {
    let link = folder(place).join(stock.to_string());
    Packages::at(link.canonicalize().ok()?).ok()
}

fn fetch(place: &Place, stock: Stock) -> Result<()> {
    let os = OsRelease::read();
    if os.id != "debian" {
        return Err(fault::environment(format!(
            "stock kernels come from Debian, but this is {}: build for your own headers with \
             `cargo xtask module build --headers DIR`",
            os.id
        )));
    }
    let stage = Stage::new(format!("fetching Debian's Linux {stock}"));
    let folder = folder(place);
    let tmp = scratch::dir(place, &folder, SPACE_NEEDED)?;
    let suite = stock.line.stock_suite;
    let name = format!("stock-{stock}");
    let meta = stock.meta_packages();
    let roots = meta.each_ref().map(String::as_str);
    let getting = || format!("getting Linux {stock} from {suite}");
    let apt = Apt::new(place, &stage, &name, Some(suite), "deb").with_context(getting)?;
    let (version, packages) = apt.closure(&roots).with_context(getting)?;
    let key = format!("{version}-{stock}");
    if !folder.join(&key).is_dir() {
        let names = packages.iter().map(String::as_str);
        let names: Vec<&str> = names.filter(|name| is_of_one_kernel(name)).collect();
        let tree = apt.fetch(&names, tmp.path()).with_context(getting)?;
        check(&tree, stock)?;
        fs::rename(&tree, folder.join(&key))?;
    }
    scratch::point(&folder, &stock.to_string(), &key)
}

/// Whether a package belongs to one patch level of the kernel. A meta package depends on packages
/// of one patch level, which have it in their names. These depend on each other, and on tools
/// without it. An unsigned package is an alternative to the signed one, and is left out.
fn is_of_one_kernel(package: &str) -> bool {
    let name = package.strip_prefix("linux-").unwrap_or_default();
    name.contains(|c: char| c.is_ascii_digit()) && !name.ends_with("-unsigned")
}

fn check(tree: &Path, stock: Stock) -> Result<()> {
    let packages = Packages::at(tree.to_owned())?;
    packages.bzimage()?;
    packages.config()?;
    if toolbox::line::of(&packages.release) != Some(stock.line) {
        return Err(fault::environment(format!(
            "{} now has Linux {} instead of {}: update the list in xtask/toolbox/src/line.rs",
            stock.line.stock_suite, packages.release, stock.line.name
        )));
    }
    Ok(())
}

fn folder(place: &Place) -> PathBuf {
    place.cache.join("stock")
}
