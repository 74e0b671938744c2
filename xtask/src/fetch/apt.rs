// SPDX-License-Identifier: GPL-2.0
//! The distribution's linux-source package, by a private apt: its own lists,
//! cache and sources, the mirror taken from the system's. The system is not
//! changed, no rights are needed, and apt checks the signatures.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::doctor::distro::OsRelease;
use crate::fault;
use crate::line::Line;
use crate::place::Place;
use crate::run::Stage;

const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// Downloads linux-source-LINE into `dir`.
pub fn download(place: &Place, stage: &Stage, line: &Line, dir: &Path) -> Result<PathBuf> {
    let os = OsRelease::read();
    if os.id != "debian" {
        return Err(fault::environment(format!(
            "only Debian packages linux-source-{0}, and this is {1}: give --linux DIR, \
             or run `cargo xtask fetch --base {0} --tarball FILE`",
            line.name, os.id
        )));
    }
    let log = place.logs().join("fetch.log");
    let private = private_apt(place, line, &os)?;
    let apt = |words: &[&str]| {
        let mut cmd = Command::new("apt-get");
        cmd.args(&private)
            .args(words)
            .current_dir(dir)
            .env("LC_ALL", "C");
        stage.run(&mut cmd, &log)
    };
    apt(&["-q", "update"])
        .and_then(|()| apt(&["-q", "download", &format!("linux-source-{}", line.name)]))
        .with_context(|| {
            format!(
                "getting linux-source-{0} from the distribution; without a network give --linux DIR, \
                 or run `cargo xtask fetch --base {0} --tarball FILE`",
                line.name
            )
        })?;
    find(dir, ".deb")
}

/// Takes the tarball out of the package.
pub fn unpack(
    place: &Place,
    stage: &Stage,
    line: &Line,
    package: &Path,
    dir: &Path,
) -> Result<PathBuf> {
    let mut cmd = Command::new("dpkg-deb");
    cmd.arg("-x").arg(package).arg(dir);
    stage.run(&mut cmd, &place.logs().join("fetch.log"))?;
    find(
        &dir.join("usr/src"),
        &format!("linux-source-{}.tar.xz", line.name),
    )
}

fn find(dir: &Path, suffix: &str) -> Result<PathBuf> {
    let entries = fs::read_dir(dir).with_context(|| format!("reading {}", dir.display()))?;
    let mut paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    paths
        .find(|path| path.to_string_lossy().ends_with(suffix))
        .with_context(|| format!("{} has no file *{suffix}", dir.display()))
}

/// The options that make apt-get leave the system alone.
fn private_apt(place: &Place, line: &Line, os: &OsRelease) -> Result<Vec<String>> {
    let dir = place.cache.join("apt").join(line.name);
    for sub in ["sources", "lists/partial", "cache/archives/partial"] {
        fs::create_dir_all(dir.join(sub)).with_context(|| format!("creating {}", dir.display()))?;
    }
    let shown = dir.display();
    let mut options = vec![
        format!("-oDir::State::Lists={shown}/lists"),
        format!("-oDir::Cache={shown}/cache"),
        "-oAPT::Sandbox::User=root".into(),
        // Without this a fetch that failed is a warning.
        "-oAPT::Update::Error-Mode=any".into(),
    ];
    if let Some(suite) = line.suite {
        let mirror = system_mirror(os)?;
        let text = format!(
            "Types: deb\nURIs: {}\nSuites: {suite}\nComponents: main\nSigned-By: {}\n",
            mirror.uri,
            mirror.signed_by.as_deref().unwrap_or(KEYRING)
        );
        fs::write(dir.join("sources/line.sources"), text)?;
        options.push("-oDir::Etc::SourceList=/dev/null".into());
        options.push(format!("-oDir::Etc::SourceParts={shown}/sources"));
    }
    Ok(options)
}

#[derive(Debug, PartialEq, Eq)]
struct Mirror {
    uri: String,
    signed_by: Option<String>,
}

/// The mirror that the system takes its own release from.
fn system_mirror(os: &OsRelease) -> Result<Mirror> {
    let parts = fs::read_dir("/etc/apt/sources.list.d")
        .into_iter()
        .flatten();
    let mut files: Vec<PathBuf> = parts.filter_map(|entry| Some(entry.ok()?.path())).collect();
    files.push("/etc/apt/sources.list".into());
    files.sort();
    files
        .iter()
        .filter_map(|path| {
            let text = fs::read_to_string(path).ok()?;
            match path.extension()?.to_str()? {
                "sources" => from_deb822(&text, &os.codename),
                "list" => from_one_line(&text, &os.codename),
                _ => None,
            }
        })
        .next()
        .ok_or_else(|| {
            fault::environment(format!(
                "no mirror of {} in /etc/apt/sources.list or /etc/apt/sources.list.d",
                os.codename
            ))
        })
}

fn from_deb822(text: &str, suite: &str) -> Option<Mirror> {
    text.split("\n\n").find_map(|stanza| {
        let field = |name: &str| {
            stanza.lines().find_map(|line| {
                let (key, value) = line.split_once(':')?;
                key.eq_ignore_ascii_case(name).then(|| value.trim())
            })
        };
        field("Suites")?
            .split_whitespace()
            .find(|word| *word == suite)?;
        let types = field("Types")?;
        if field("Enabled") == Some("no") || !types.split_whitespace().any(|word| word == "deb") {
            return None;
        }
        Some(Mirror {
            uri: field("URIs")?.split_whitespace().next()?.to_owned(),
            // A key in the file itself spans lines: the default keyring has it.
            signed_by: field("Signed-By")
                .filter(|key| key.starts_with('/'))
                .map(str::to_owned),
        })
    })
}

fn from_one_line(text: &str, suite: &str) -> Option<Mirror> {
    text.lines().find_map(|line| {
        let rest = line.trim().strip_prefix("deb ")?.trim_start();
        let (options, rest) = match rest.strip_prefix('[') {
            Some(rest) => rest.split_once(']')?,
            None => ("", rest),
        };
        let mut words = rest.split_whitespace();
        let uri = words.next()?.to_owned();
        words.next().filter(|word| *word == suite)?;
        let signed_by = options
            .split_whitespace()
            .find_map(|option| option.strip_prefix("signed-by="))
            .map(str::to_owned);
        Some(Mirror { uri, signed_by })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mirror_of_either_format() {
        let deb822 = "Types: deb\n# a comment\nURIs: http://mirror.example/sec\nSuites: bookworm-security\n\n\
            Types: deb\nURIs: http://mirror.example/debian\nSuites: bookworm bookworm-updates\n\
            Signed-By: /usr/share/keyrings/k.gpg\n";
        let expected = Mirror {
            uri: "http://mirror.example/debian".into(),
            signed_by: Some("/usr/share/keyrings/k.gpg".into()),
        };
        assert_eq!(from_deb822(deb822, "bookworm"), Some(expected));
        let one_line = "# deb http://old.example x main\n\
            deb [arch=amd64 signed-by=/k.gpg] https://mirror.example/debian bookworm main\n";
        let expected = Mirror {
            uri: "https://mirror.example/debian".into(),
            signed_by: Some("/k.gpg".into()),
        };
        assert_eq!(from_one_line(one_line, "bookworm"), Some(expected));
        assert_eq!(
            from_one_line("deb http://x.example trixie main", "bookworm"),
            None
        );
    }
}
