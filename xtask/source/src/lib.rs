// SPDX-License-Identifier: GPL-2.0
//! Gets a kernel line's source as a git commit. This file decides which source is used, and checks
//! it; `package` gets the distribution's, `import` turns a tarball into a commit, `tree` takes the
//! user's own git tree.

mod import;
mod package;
mod tree;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use fs_err as fs;
use sha2::{Digest, Sha256};
use tempfile::TempDir;

use toolbox::fault;
use toolbox::git::Git;
use toolbox::line::{self, Line};
use toolbox::lock;
use toolbox::options::BaseArgs;
use toolbox::place::Place;
use toolbox::run::Stage;
use toolbox::scratch;
use toolbox::tools::{self, Need, Tools};

/// The branch of a cached repository that holds the source.
const BRANCH: &str = "base";
/// Disk space that an import needs, in bytes: the source packed and unpacked, its tarball and the
/// package exist at the same time.
const SPACE_NEEDED: u64 = 3 << 30;

/// Options that replace the source of a line in the cache, for this run and all later ones.
#[derive(clap::Args, Debug)]
pub struct RenewArgs {
    /// Take the line's source from this kernel tarball instead of the distribution's package, now
    /// and in later runs
    #[arg(long, value_name = "FILE", conflicts_with = "linux")]
    tarball: Option<PathBuf>,

    /// Take the distribution's newest patch level even if the cache has a source of the line
    #[arg(long, conflicts_with_all = ["linux", "tarball", "offline"])]
    update: bool,
}

impl RenewArgs {
    pub fn renew(&self, place: &Place, line: &'static Line) -> Result<()> {
        match &self.tarball {
            Some(file) => from_tarball(place, line, file).map(drop),
            None if self.update => from_package(place, line).map(drop),
            None => Ok(()),
        }
    }
}

/// A kernel source to which the series can be applied. It is only read, never written.
#[derive(Clone, Debug)]
pub struct Source {
    /// The line whose edits and configuration are used: the line that the user named, otherwise the
    /// source's own line, otherwise the nearest line.
    pub line: &'static Line,
    /// Such as "7.3.4".
    pub version: String,
    /// The repository that holds the commit.
    pub git: PathBuf,
    /// The commit.
    pub base: String,
    /// Whether other people have the commit too: a release's tag contains it.
    pub public: bool,
    /// Whether nothing more may be fetched for this source from a network.
    pub offline: bool,
}

impl Source {
    /// The source at commit `base` of `git`. Fails if that is not Linux. `name` is the user's name
    /// for the source, `line` the line that the user named.
    fn find(git: &Git, base: &str, name: &Path, line: Option<&'static Line>) -> Result<Source> {
        let name = name.display();
        let makefile = git.file(base, "Makefile")?.unwrap_or_default();
        let has_kconfig = git.file(base, "Kconfig")?.is_some();
        let version = kernel_version(&makefile).filter(|_| has_kconfig);
        let version = version.ok_or_else(|| {
            fault::usage(format!(
                "{name} is not a Linux source: it lacks Kconfig or a Makefile with VERSION and PATCHLEVEL"
            ))
        })?;
        let line = line.or(line::of(&version));
        let line = line.unwrap_or_else(|| line::by_distance(&version).remove(0));
        Ok(Source {
            line,
            version,
            git: git.dir.clone(),
            base: base.to_owned(),
            public: false,
            offline: false,
        })
    }

    /// As `find()`, but fails if the source does not belong to `line`.
    pub fn of_line(line: &'static Line, git: &Git, base: &str, name: &Path) -> Result<Source> {
        let source = Source::find(git, base, name, Some(line))?;
        if !source.is_of_line() {
            return Err(fault::usage(format!(
                "{} is Linux {}, which is not of line {}: name its line with --base",
                name.display(),
                source.version,
                line.name
            )));
        }
        Ok(source)
    }

    /// Whether the line's edits were made for this source, patch levels aside.
    pub fn is_of_line(&self) -> bool {
        line::of(&self.version) == Some(self.line)
    }

    /// The name for what is built from this source: the line, or the version if the source does not
    /// belong to the line.
    pub fn name(&self) -> &str {
        if self.is_of_line() {
            self.line.name
        } else {
            &self.version
        }
    }

    /// The line. If the source does not belong to it, the minimum versions of the tools are those
    /// of the source.
    pub fn line_of_tools(&self) -> Result<Line> {
        let line = self.line.clone();
        if self.is_of_line() {
            return Ok(line);
        }
        let git = Git::bare(&self.git)?;
        let script = git.file(&self.base, "scripts/min-tool-version.sh")?;
        let script = script.unwrap_or_default();
        Ok(Line {
            min_rustc: line::min_version(&script, "rustc").unwrap_or(line.min_rustc),
            min_bindgen: line::min_version(&script, "bindgen").unwrap_or(line.min_bindgen),
            ..line
        })
    }
}

/// Returns the source that the user asked for, and the tools that `needs` names for its line.
/// Without --linux, missing tools are reported before anything is fetched.
pub fn with_tools(
    place: &Place,
    args: &BaseArgs,
    needs: impl FnOnce(&'static Line) -> Result<Vec<Need>>,
) -> Result<(Source, Tools)> {
    let offline = args.tree.offline;
    match (args.named_line(), &args.tree.linux) {
        (Some(line), None) => {
            let tools = tools::ensure_for(place, &needs(line)?, line, offline)?;
            Ok((get(place, args)?, tools))
        }
        _ => {
            let source = get(place, args)?;
            let needs = needs(source.line)?;
            let tools = tools::ensure_for(place, &needs, &source.line_of_tools()?, offline)?;
            Ok((source, tools))
        }
    }
}

/// Returns the source that the user asked for. Fetches it if the cache has none.
pub fn get(place: &Place, args: &BaseArgs) -> Result<Source> {
    let source = find(place, args)?;
    Ok(Source {
        offline: args.tree.offline,
        ..source
    })
}

fn find(place: &Place, args: &BaseArgs) -> Result<Source> {
    let tree = &args.tree;
    if let Some(dir) = &tree.linux {
        return tree::source(args.base, dir, tree.base_ref.as_deref());
    }
    let line = args.line();
    if let Some(source) = cached(place, line)? {
        return Ok(source);
    }
    if tree.offline {
        return Err(fault::environment(format!(
            "there is no Linux {0} in {1}, and --offline forbids fetching it: run `cargo xtask \
             build-kernel --fetch --base {0}` with a network, run it with --tarball FILE without \
             one, or give --linux DIR",
            line.name,
            folder(place).display()
        )));
    }
    from_package(place, line)
}

/// The source on which `line`'s edits were made. The edits are merged from there onto `source`.
/// Nothing is downloaded for a tree of the line itself. None if there is no such source, or if it
/// is `source`.
pub fn home(place: &Place, line: &'static Line, source: &Source) -> Result<Option<Source>> {
    let home = match cached(place, line)? {
        None if !source.offline && line::of(&source.version) != Some(line) => {
            Some(from_package(place, line)?)
        }
        cached => cached,
    };
    Ok(home.filter(|home| home.base != source.base))
}

fn from_package(place: &Place, line: &'static Line) -> Result<Source> {
    tools::ensure(place, &[Need::Fetch])?;
    let _lock = lock::take(place, "source")?;
    let tmp = scratch::dir(place, &folder(place), SPACE_NEEDED)?;
    let stage = Stage::new(format!("fetching Linux {}", line.name));
    let package = package::download(place, &stage, line, tmp.path())?;
    let key = key(line, &package)?;
    if !folder(place).join(&key).exists() {
        let tarball = package::unpack(place, &stage, line, tmp.path())?;
        drop(stage);
        import_as(place, line, &tarball, &package, &key, &tmp)?;
    }
    select(place, line, &key)
}

fn from_tarball(place: &Place, line: &'static Line, file: &Path) -> Result<Source> {
    if !file.is_file() {
        return Err(fault::usage(format!(
            "--tarball: there is no file {}",
            file.display()
        )));
    }
    let _lock = lock::take(place, "source")?;
    let tmp = scratch::dir(place, &folder(place), SPACE_NEEDED)?;
    let key = key(line, file)?;
    if !folder(place).join(&key).exists() {
        import_as(place, line, file, file, &key, &tmp)?;
    }
    select(place, line, &key)
}

/// Imports into `tmp`, and moves the result into the cache only when it is complete.
fn import_as(
    place: &Place,
    line: &'static Line,
    tarball: &Path,
    named: &Path,
    key: &str,
    tmp: &TempDir,
) -> Result<()> {
    let git = Git::bare(tmp.path().join("git"))?;
    git.init()?;
    let (tree, log) = (tmp.path().join("tree"), place.logs().join("fetch.log"));
    import::import(tarball, named, &git, &tree, &log)?;
    let base = git.read(["rev-parse", BRANCH])?;
    Source::of_line(line, &git, &base, named)?;
    let to = folder(place).join(key);
    Ok(fs::rename(&git.dir, &to)?)
}

/// Makes the entry `key` of the cache the current source of the line.
fn select(place: &Place, line: &'static Line, key: &str) -> Result<Source> {
    scratch::point(&folder(place), line.name, key)?;
    cached(place, line)?.context("the source that was just put into the cache is not there")
}

/// The line's current source in the cache; None if there is none.
pub fn cached(place: &Place, line: &'static Line) -> Result<Option<Source>> {
    let Ok(dir) = folder(place).join(line.name).canonicalize() else {
        return Ok(None);
    };
    let git = Git::bare(dir)?;
    let base = git
        .read(["rev-parse", "--verify", BRANCH])
        .with_context(|| format!("the cached source is damaged; remove {}", git.dir.display()))?;
    Source::of_line(line, &git, &base, &git.dir).map(Some)
}

fn folder(place: &Place) -> PathBuf {
    place.cache.join("source")
}

fn key(line: &Line, file: &Path) -> Result<String> {
    let mut hash = Sha256::new();
    let mut input = fs::File::open(file)?;
    std::io::copy(&mut input, &mut hash)?;
    let hash = format!("{:x}", hash.finalize());
    Ok(format!("{}-{}.git", line.name, &hash[..16]))
}

/// The version, such as "7.3.4", in a kernel's top Makefile.
fn kernel_version(makefile: &str) -> Option<String> {
    let value = |name: &str| {
        makefile.lines().take(10).find_map(|line| {
            let (key, value) = line.split_once('=')?;
            (key.trim() == name).then(|| value.trim().to_owned())
        })
    };
    let number = |name| value(name).filter(|text| text.parse::<u32>().is_ok());
    let (version, patchlevel) = (number("VERSION")?, number("PATCHLEVEL")?);
    let extra = value("EXTRAVERSION").unwrap_or_default();
    let text = match number("SUBLEVEL").as_deref() {
        None | Some("0") => format!("{version}.{patchlevel}{extra}"),
        Some(sublevel) => format!("{version}.{patchlevel}.{sublevel}{extra}"),
    };
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn version_of_a_makefile() {
        let makefile = |text: &str| kernel_version(&text.replace(';', "\n"));
        let full = "# SPDX;VERSION = 7;PATCHLEVEL = 3;SUBLEVEL = 4;EXTRAVERSION =;NAME = x;";
        assert_eq!(makefile(full).as_deref(), Some("7.3.4"));
        let rc = "VERSION = 7;PATCHLEVEL = 4;SUBLEVEL = 0;EXTRAVERSION = -rc1;";
        assert_eq!(makefile(rc).as_deref(), Some("7.4-rc1"));
        assert_eq!(makefile("all:;\tcc main.c;"), None);
    }
}
