// SPDX-License-Identifier: GPL-2.0
//! `module package`: makes the Debian package from which DKMS builds the module, and a tarball of
//! the source. The same source makes the same bytes: every file has the time of the changelog's
//! newest entry, and belongs to root.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use fs_err as fs;
use tempfile::TempDir;
use xshell::{Shell, cmd};

use super::identity;
use super::tree::{self, ModuleFiles, PACKAGING};
use toolbox::fault::{self, Kind};
use toolbox::options::OutArgs;
use toolbox::place::Place;
use toolbox::run::{self, Stage};
use toolbox::tools::{self, Need};

/// The name of the module in DKMS; its source folder is named after it.
pub const SOURCE: &str = "poll-source";
pub const PACKAGE: &str = "poll-source-dkms";
/// The placeholder for the version in the packaging files, the same as that of dh_dkms.
const PLACEHOLDER: &str = "#MODULE_VERSION#";
const MAKE_ALIKE: &str = r#"
    find "$1" \( -type d -o -name '*.sh' -o -name postinst -o -name prerm \) \
        -exec chmod 755 {} + -o -exec chmod 644 {} +
    find "$1" -exec touch -d "$2" {} +
"#;

/// Make the Debian package, and the tarball of the module's source
///
/// Leaves poll-source-dkms_VERSION_all.deb and poll-source-VERSION.tar.xz in target/module/package.
/// The version is that of the newest entry of c-shim/module/packaging/changelog.
#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(flatten)]
    out: OutArgs,
}

/// The package and the tarball.
pub struct Packed {
    pub deb: PathBuf,
    pub tarball: PathBuf,
    /// Modification time of every file in them, in seconds since 1970.
    pub time: i64,
}

pub fn main(args: Args) -> Result<()> {
    let place = Place::find()?;
    let packages = package(&place, &args.out)?;
    for path in [&packages.deb, &packages.tarball] {
        println!("{}", place.short(path).display());
    }
    Ok(())
}

pub fn package(place: &Place, out: &OutArgs) -> Result<Packed> {
    tools::ensure(place, &[Need::Package])?;
    let files = tree::files(place)?;
    let packaging = tree::dir(place).join(PACKAGING);
    let release = Release::read(&packaging.join("changelog"))?;
    release.is_everywhere(&files)?;
    let out = out.folder(place, "module/package")?;
    let scratch = TempDir::with_prefix_in(".package-", &out).context("making a scratch folder")?;
    let job = Job {
        place,
        stage: Stage::new("packaging the module").fails_as(Kind::Build),
        release,
        scratch: scratch.path(),
    };
    let (deb, tarball) = (job.deb(&files, &packaging)?, job.tarball(&files)?);
    let deliver = |path: PathBuf| -> Result<PathBuf> {
        let to = out.join(path.file_name().expect("it has a file name"));
        fs::rename(&path, &to)?;
        Ok(to)
    };
    Ok(Packed {
        deb: deliver(deb)?,
        tarball: deliver(tarball)?,
        time: job.release.time,
    })
}

/// The newest entry of the changelog.
struct Release {
    version: String,
    /// Seconds since 1970.
    time: i64,
}

impl Release {
    fn read(changelog: &Path) -> Result<Release> {
        let sh = Shell::new()?;
        let field = |name: &str| {
            let parse = cmd!(sh, "dpkg-parsechangelog -l {changelog} -S {name}");
            run::read(parse.env("LC_ALL", "C"))
        };
        let time = field("Timestamp")?;
        Ok(Release {
            version: field("Version")?,
            time: time
                .parse()
                .with_context(|| format!("parsing the changelog's time {time:?}"))?,
        })
    }

    /// Fails unless dkms.conf and main.c have this version. They cannot take it from the changelog.
    fn is_everywhere(&self, files: &ModuleFiles) -> Result<()> {
        let version = &self.version;
        let others = [
            ("dkms.conf", format!("PACKAGE_VERSION=\"{version}\"")),
            ("main.c", format!("MODULE_VERSION(\"{version}\")")),
        ];
        for (file, expected) in others {
            let bytes = files.get(Path::new(file)).map_or(&b""[..], Vec::as_slice);
            if !String::from_utf8_lossy(bytes).contains(&expected) {
                return Err(fault::usage(format!(
                    "the changelog's newest version is {version}, but {file} does not say {expected}"
                )));
            }
        }
        Ok(())
    }
}

struct Job<'a> {
    place: &'a Place,
    stage: Stage,
    release: Release,
    scratch: &'a Path,
}

impl Job<'_> {
    fn deb(&self, files: &ModuleFiles, packaging: &Path) -> Result<PathBuf> {
        let version = &self.release.version;
        let root = self.scratch.join("deb");
        let (control, doc) = (
            root.join("DEBIAN"),
            root.join("usr/share/doc").join(PACKAGE),
        );
        self.write_source(files, &root.join("usr/src"))?;
        for (name, dir) in [
            ("control", &control),
            ("postinst", &control),
            ("prerm", &control),
            ("copyright", &doc),
            ("changelog", &doc),
        ] {
            let text = fs::read_to_string(packaging.join(name))?;
            fs::create_dir_all(dir)?;
            fs::write(dir.join(name), text.replace(PLACEHOLDER, version))?;
        }
        self.run(Command::new("gzip").arg("-9n").arg(doc.join("changelog")))?;
        if let Some(readme) = files.get(Path::new("README.md")) {
            fs::write(doc.join("README.md"), readme)?;
        }
        self.make_alike(&root)?;
        let deb = self.scratch.join(format!("{PACKAGE}_{version}_all.deb"));
        // With several threads, xz divides the data into other blocks.
        let mut cmd = Command::new("dpkg-deb");
        cmd.args(["--root-owner-group", "-Zxz", "--threads-max=1", "--build"])
            .args([&root, &deb]);
        self.run(&mut cmd)?;
        Ok(deb)
    }

    fn tarball(&self, files: &ModuleFiles) -> Result<PathBuf> {
        let root = self.scratch.join("tarball");
        self.write_source(files, &root)?;
        self.make_alike(&root)?;
        let tarball = self.scratch.join(format!("{}.tar.xz", self.folder()));
        let mut cmd = Command::new("tar");
        cmd.args(["--sort=name", "--format=gnu", "--owner=0", "--group=0"])
            .args(["--numeric-owner", "-cJf"])
            .args([&tarball, Path::new("-C"), &root])
            .arg(self.folder())
            .env("XZ_OPT", "-6 -T1");
        self.run(&mut cmd)?;
        Ok(tarball)
    }

    fn write_source(&self, files: &ModuleFiles, root: &Path) -> Result<()> {
        let dir = root.join(self.folder());
        tree::write(files, &dir)?;
        identity::write(files, &dir)
    }

    /// "poll-source-1.0"
    fn folder(&self) -> String {
        format!("{SOURCE}-{}", self.release.version)
    }

    /// Gives everything in `dir` the same time, and modes that do not depend on the umask.
    fn make_alike(&self, dir: &Path) -> Result<()> {
        let time = format!("@{}", self.release.time);
        let mut cmd = Command::new("sh");
        cmd.args(["-ec", MAKE_ALIKE, "sh"]).arg(dir).arg(time);
        self.run(&mut cmd)
    }

    fn run(&self, cmd: &mut Command) -> Result<()> {
        cmd.env("LC_ALL", "C")
            .env("SOURCE_DATE_EPOCH", self.release.time.to_string());
        self.stage
            .run(cmd, &self.place.logs().join("module-package.log"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_that_was_forgotten_is_named() {
        let release = Release {
            version: "1.1".into(),
            time: 0,
        };
        let mut files = ModuleFiles::new();
        files.insert("dkms.conf".into(), b"PACKAGE_VERSION=\"1.1\"\n".into());
        files.insert("main.c".into(), b"MODULE_VERSION(\"1.0\");\n".into());
        let err = release.is_everywhere(&files).unwrap_err().to_string();
        assert!(
            err.contains("main.c does not say MODULE_VERSION(\"1.1\")"),
            "{err}"
        );
        files.insert("main.c".into(), b"MODULE_VERSION(\"1.1\");\n".into());
        release.is_everywhere(&files).unwrap();
    }
}
