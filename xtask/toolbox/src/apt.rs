// SPDX-License-Identifier: GPL-2.0
//! A private apt with its own lists, cache and sources, which uses the system's mirror. It gets
//! packages of suites that the system does not use. The system is not changed, no special rights
//! are needed, and apt checks the signatures.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use fs_err as fs;
use xshell::{Shell, cmd};

use crate::distro::OsRelease;
use crate::fault;
use crate::place::Place;
use crate::run::{self, Stage};

const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// Subcommand and options of apt-cache that list only the dependencies that a package cannot work
/// without.
const DEPENDS: [&str; 8] = [
    "depends",
    "--recurse",
    "--no-recommends",
    "--no-suggests",
    "--no-conflicts",
    "--no-breaks",
    "--no-replaces",
    "--no-enhances",
];

/// The private apt, with up-to-date lists.
pub struct Apt<'a> {
    place: &'a Place,
    stage: &'a Stage,
    /// The options that keep apt-get from changing the system.
    options: Vec<String>,
}

impl<'a> Apt<'a> {
    /// An apt for `suite`; without a suite, for the system's own sources. `name` is its folder in
    /// the cache. `types` is "deb" for packages, "deb-src" for their sources.
    pub fn new(
        place: &'a Place,
        stage: &'a Stage,
        name: &str,
        suite: Option<&str>,
        types: &str,
    ) -> Result<Apt<'a>> {
        let dir = place.cache.join("apt").join(name);
        for sub in ["sources", "lists/partial", "cache/archives/partial"] {
            fs::create_dir_all(dir.join(sub))?;
        }
        let shown = dir.display();
        let mut options = vec![
            format!("-oDir::State::Lists={shown}/lists"),
            format!("-oDir::Cache={shown}/cache"),
            "-oAPT::Sandbox::User=root".into(),
            // Without this option a failed fetch is only a warning.
            "-oAPT::Update::Error-Mode=any".into(),
        ];
        if let Some(suite) = suite {
            let text = sources(place, stage, types, suite)?;
            fs::write(dir.join("sources/line.sources"), text)?;
            options.push("-oDir::Etc::SourceList=/dev/null".into());
            options.push(format!("-oDir::Etc::SourceParts={shown}/sources"));
            // The system's own package may be newer than the suite's, or installed.
            options.push(format!("-oAPT::Default-Release={suite}"));
        }
        let apt = Apt {
            place,
            stage,
            options,
        };
        apt.get(&["update"], &dir)?;
        Ok(apt)
    }

    /// Downloads `packages` into `dir`.
    pub fn download(&self, packages: &[&str], dir: &Path) -> Result<()> {
        self.get(&[&["download"], packages].concat(), dir)
    }

    /// Downloads the source of `package` into `dir`.
    pub fn download_source(&self, package: &str, dir: &Path) -> Result<()> {
        self.get(&["source", "--download-only", package], dir)
    }

    /// Downloads `packages` and unpacks them, both into new folders in `scratch`. Returns the
    /// folder with their content.
    pub fn fetch(&self, packages: &[&str], scratch: &Path) -> Result<PathBuf> {
        let (debs, tree) = (scratch.join("debs"), scratch.join("tree"));
        fs::create_dir(&debs)?;
        fs::create_dir(&tree)?;
        self.download(packages, &debs)?;
        unpack(self.place, self.stage, &debs, &tree)?;
        Ok(tree)
    }

    /// Returns the version of the packages `roots`, and the names of `roots` and of all packages
    /// that they depend on, directly or indirectly.
    pub fn closure(&self, roots: &[&str]) -> Result<(String, Vec<String>)> {
        let sh = Shell::new()?;
        let ask = |words: &[&str]| {
            let cmd = cmd!(sh, "apt-cache").args(&self.options).args(words);
            run::read(cmd.args(roots).env("LC_ALL", "C"))
        };
        let shown = ask(&["show", "--no-all-versions"])?;
        let version = shown
            .lines()
            .find_map(|line| line.strip_prefix("Version: "));
        let version = version
            .context("`apt-cache show` prints no version")?
            .to_owned();
        // The output has a line with the name of each package. Its dependencies follow, indented.
        let all = ask(&DEPENDS)?;
        let names = all.lines().filter(|line| !line.starts_with([' ', '<']));
        Ok((version, names.map(str::to_owned).collect()))
    }

    fn get(&self, words: &[&str], dir: &Path) -> Result<()> {
        let log = self.place.logs().join("fetch.log");
        let mut cmd = apt_get(&self.options, words);
        self.stage.run(cmd.current_dir(dir), &log)
    }
}

fn apt_get(options: &[String], words: &[&str]) -> Command {
    let mut cmd = Command::new("apt-get");
    cmd.arg("-q").args(options).args(words).env("LC_ALL", "C");
    cmd
}

/// Unpacks the packages in `from` into `to`.
pub fn unpack(place: &Place, stage: &Stage, from: &Path, to: &Path) -> Result<()> {
    for package in list(from, ".deb")? {
        let mut cmd = Command::new("dpkg-deb");
        cmd.arg("-x").arg(package).arg(to);
        stage.run(&mut cmd, &place.logs().join("fetch.log"))?;
    }
    Ok(())
}

/// The files in a folder whose names end with `suffix`. Fails if there are none.
pub fn list(dir: &Path, suffix: &str) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(dir)?;
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let found: Vec<PathBuf> = paths
        .filter(|path| path.to_string_lossy().ends_with(suffix))
        .collect();
    if found.is_empty() {
        return Err(fault::environment(format!(
            "{} has no file *{suffix}",
            dir.display()
        )));
    }
    Ok(found)
}

/// The entry of sources.list.d for a suite that comes from the system's mirror.
pub fn sources(place: &Place, stage: &Stage, types: &str, suite: &str) -> Result<String> {
    let uri = system_mirror(place, stage)?;
    Ok(format!(
        "Types: {types}\nURIs: {uri}\nSuites: {suite}\nComponents: main\nSigned-By: {KEYRING}\n"
    ))
}

/// The mirror of the system's own release, found in the list of files that `apt-get update` would
/// fetch.
fn system_mirror(place: &Place, stage: &Stage) -> Result<String> {
    let suite = OsRelease::read().codename;
    let words = ["--print-uris", "update"];
    let log = place.logs().join("fetch.log");
    let (_, uris) = stage.ask(&mut apt_get(&[], &words), &log)?;
    let end = format!("/dists/{suite}/InRelease'");
    let mirror = |line: &str| Some(line.strip_prefix('\'')?.split_once(&end)?.0.to_owned());
    uris.lines().find_map(mirror).ok_or_else(|| {
        fault::environment(format!(
            "`apt-get -q --print-uris update` lists no mirror of {suite}: check that \
                 /etc/apt/sources.list has one\n  log: {}",
            log.display()
        ))
    })
}
