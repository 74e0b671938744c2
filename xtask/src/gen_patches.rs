// SPDX-License-Identifier: GPL-2.0
//! `gen-patches`: the series, as mails that `git am` takes, and whether the
//! ones in patches/ are those.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::fault;
use crate::fetch::{self, Source};
use crate::git::Git;
use crate::line::LINES;
use crate::options::BaseArgs;
use crate::place::Place;
use crate::series::commit::{self, Person, Scratch};
use crate::series::{mail, port};

/// Generate the patch series from c-shim/ and rust-core/
///
/// Writes mails for `git am` into patches/LINE/, with a cover letter and the
/// base they were made on, and checks that `git am` gives back what went in.
/// They are drafts: a person reviews them, signs them off and sends them.
/// `--base all` does every line that patches/ has.
#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(flatten)]
    base: BaseArgs,

    /// Write nothing; fail if patches/ is not what would be written
    #[arg(long, conflicts_with_all = ["out", "signoff"])]
    check: bool,

    /// Write here instead of patches/LINE
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,

    /// Sign every patch off as this person, who then is the author
    #[arg(long, value_name = "NAME <MAIL>", value_parser = person, requires = "out")]
    signoff: Option<Person>,
}

/// What is generated and where to.
#[derive(Clone, Debug)]
pub struct GenOptions {
    pub out: PathBuf,
    pub signoff: Option<Person>,
    /// Whether to read the mails back and compare.
    pub round_trip: bool,
}

/// A series that was generated.
#[derive(Clone, Debug)]
pub struct Series {
    /// The folder of the mails.
    pub dir: PathBuf,
    /// git tree hash of the kernel with the series.
    pub tree: String,
}

pub fn main(args: Args) -> Result<()> {
    let place = Place::find()?;
    let bases: Vec<BaseArgs> = match args.base.base.as_deref() {
        Some("all") if args.base.linux.is_some() || args.out.is_some() => {
            return Err(fault::usage(
                "--linux and --out are for one line: name it with --base",
            ));
        }
        Some("all") => {
            let names = LINES.iter().map(|line| line.name);
            let names = names.filter(|name| committed(&place, name).is_dir());
            let base = |name: &str| BaseArgs {
                base: Some(name.into()),
                ..args.base.clone()
            };
            names.map(base).collect()
        }
        _ => vec![args.base.clone()],
    };
    for base in bases {
        let source = fetch::source(&place, &base)?;
        let name = source.line.name;
        if !source.is_of_line() && args.out.is_none() {
            return Err(fault::usage(format!(
                "patches/ has no place for Linux {}, which is of no line: name a folder with --out",
                source.version
            )));
        }
        if base.linux.is_some() && !source.public {
            eprintln!(
                "the cover letter names no base-commit: no release's tag leads to {}, so others may not have it",
                source.base
            );
        }
        if args.check {
            check(&place, &source)?;
            println!(
                "{} is what would be generated",
                committed(&place, name).display()
            );
            continue;
        }
        let out = args.out.clone().unwrap_or_else(|| committed(&place, name));
        let signoff = args.signoff.clone();
        let series = generate(
            &place,
            &source,
            &GenOptions {
                out,
                signoff,
                round_trip: true,
            },
        )?;
        println!(
            "{}: on Linux {}, tree {}",
            series.dir.display(),
            source.version,
            series.tree
        );
    }
    Ok(())
}

/// Where the series that the repository carries is.
pub fn committed(place: &Place, line: &str) -> PathBuf {
    place.root.join("patches").join(line)
}

/// Generates the series for `source`.
pub fn generate(place: &Place, source: &Source, options: &GenOptions) -> Result<Series> {
    let signoff = options.signoff.as_ref();
    let scratch = Scratch::new(source)?;
    let git = &scratch.git;
    let (spec, commits) = port::commit(place, git, source)?;
    let tip = match signoff {
        Some(person) => commit::sign(git, &spec, &commits, person)?,
        None => commits.last().context("the base is there")?.clone(),
    };
    let tree = git.tree_of(&tip)?;
    let mails = scratch.dir.path().join("mails");
    mail::write(git, source, &spec, &tip, signoff, &mails)?;
    fs::write(mails.join(BASE), describe_base(git, source)?)?;
    if options.round_trip {
        mail::round_trip(git, &source.base, &tip, &mails)?;
    }
    install(&mails, &options.out)?;
    let dir = options.out.clone();
    Ok(Series { dir, tree })
}

/// The file beside the mails that says what they were made on.
const BASE: &str = "base.toml";

fn describe_base(git: &Git, source: &Source) -> Result<String> {
    Ok(format!(
        "# Generated by `{}`; do not edit.\nversion = \"{}\"\ntree = \"{}\"\n",
        renew(source),
        source.version,
        git.tree_of(&source.base)?
    ))
}

fn renew(source: &Source) -> String {
    format!("cargo xtask gen-patches --base {}", source.line.name)
}

/// Replaces the generated files of `out`, and leaves all others alone.
fn install(from: &Path, out: &Path) -> Result<()> {
    fs::create_dir_all(out).with_context(|| format!("creating {}", out.display()))?;
    let new = generated(from)?;
    for old in generated(out)?.difference(&new) {
        fs::remove_file(out.join(old))?;
    }
    for name in &new {
        let to = out.join(name);
        let text = fs::read(from.join(name))?;
        fs::write(&to, text).with_context(|| format!("writing {}", to.display()))?;
    }
    Ok(())
}

/// Names of the generated files of a folder.
fn generated(dir: &Path) -> Result<BTreeSet<OsString>> {
    let entries = fs::read_dir(dir).with_context(|| format!("reading {}", dir.display()))?;
    let names = entries.filter_map(|entry| Some(entry.ok()?.file_name()));
    Ok(names
        .filter(|name| mail::is_patch(Path::new(name)) || name == BASE)
        .collect())
}

/// Whether patches/LINE was made on this very base, so that it must be fresh.
/// Patch levels move on; then only a new generation can tell.
pub fn is_made_on(place: &Place, source: &Source) -> Result<bool> {
    let Ok(text) = fs::read_to_string(committed(place, source.line.name).join(BASE)) else {
        return Ok(true);
    };
    Ok(text == describe_base(&Git::bare(&source.git)?, source)?)
}

/// Fails if patches/LINE is not what would be generated on `source`. On
/// another patch level than it was made on, only what it changes must be.
pub fn check(place: &Place, source: &Source) -> Result<Series> {
    let tmp = tempfile::tempdir()?;
    let options = GenOptions {
        out: tmp.path().to_path_buf(),
        signoff: None,
        round_trip: false,
    };
    let fresh = generate(place, source, &options)?;
    let dir = committed(place, source.line.name);
    let essence = if is_made_on(place, source)? {
        <[u8]>::to_vec
    } else {
        without_positions
    };
    let stale = compare(&fresh.dir, &dir, essence)?;
    if stale.is_empty() {
        return Ok(Series { dir, ..fresh });
    }
    Err(fault::test_failed(format!(
        "{} is stale; `{}` renews it:{}",
        place.short(&dir).display(),
        renew(source),
        stale.concat()
    )))
}

/// A mail, or the description of the base, without what names the base or
/// tells where in a file a hunk goes.
fn without_positions(text: &[u8]) -> Vec<u8> {
    let names_base = |line: &&[u8]| {
        let starts: [&[u8]; 4] = [b"index ", b"@@ ", b"version = ", b"tree = "];
        !starts.iter().any(|start| line.starts_with(start))
    };
    let lines: Vec<&[u8]> = text
        .split(|byte| *byte == b'\n')
        .filter(names_base)
        .collect();
    lines.join(&b'\n')
}

/// What is wrong with `dir`, a line each.
fn compare(fresh: &Path, dir: &Path, essence: fn(&[u8]) -> Vec<u8>) -> Result<Vec<String>> {
    let old = if dir.is_dir() {
        generated(dir)?
    } else {
        BTreeSet::new()
    };
    let new = generated(fresh)?;
    let read = |dir: &Path, name| fs::read(dir.join(name)).map(|text| essence(&text));
    let mut stale = Vec::new();
    for name in new.union(&old) {
        let shown = name.display();
        match (read(fresh, name), read(dir, name)) {
            (Ok(new), Ok(old)) if new == old => {}
            (Ok(_), Ok(_)) => stale.push(format!("\n  {shown} differs")),
            (Ok(_), Err(_)) => stale.push(format!("\n  {shown} is missing")),
            (Err(_), _) => stale.push(format!("\n  {shown} is left over")),
        }
    }
    Ok(stale)
}

fn person(text: &str) -> Result<Person, String> {
    let parts = text
        .strip_suffix('>')
        .and_then(|text| text.split_once(" <"));
    match parts {
        Some((name, mail)) if !name.trim().is_empty() && mail.contains('@') => Ok(Person {
            name: name.trim().into(),
            mail: mail.into(),
        }),
        _ => Err("expected \"Name <mail@host>\"".into()),
    }
}
