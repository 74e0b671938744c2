// SPDX-License-Identifier: GPL-2.0
//! `gen-patches`: the series, as mails that `git am` takes, and whether the
//! ones in patches/ are those. The files of a folder of mails are
//! `gen_patches/folder.rs`.

mod folder;

use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::commit::Scratch;
use crate::cover::{Cover, Figures};
use crate::results::page::Tips;
use crate::{b4, mail, port, readme, results};
use folder::Base;
use source::Source;
use toolbox::fault;
use toolbox::git::Git;
use toolbox::line::LINES;
use toolbox::options::{BaseArgs, BasesArgs};
use toolbox::place::Place;
use toolbox::tools::{self, Need};

/// Generate the patch series from c-shim/ and rust-core/
///
/// Writes mails for `git am` into patches/LINE/, with a cover letter and the
/// base they were made on, and checks that `git am` reproduces the same commits.
/// The cover letter has the results that `bench --save` left for this series;
/// results of another series are left out. The blocks of README.md and c-shim/results/README.md
/// that show results are written and checked as well, whatever the line. The mails are drafts: a person reviews
/// them, opens them as commits (`series open`), and sends those with b4.
/// `--base all` makes every line that patches/ has.
#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(flatten)]
    base: BasesArgs,

    /// Write nothing; fail with 1 if patches/ or a page of results is not what would be written
    #[arg(long, conflicts_with = "out")]
    check: bool,

    /// Write nothing; fail with 1 if b4 does not make the same commits of the mails
    #[arg(long, conflicts_with_all = ["check", "out"])]
    try_b4: bool,

    /// Write here instead of patches/LINE
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// What is generated and where to.
#[derive(Clone, Debug, Default)]
pub struct GenOptions {
    pub out: PathBuf,
    /// Results of this tree fit as well: what the committed series makes on the patch level that it
    /// was made on.
    pub also: Option<String>,
    /// Whether to read the mails back and compare.
    pub round_trip: bool,
}

/// A series that was generated.
#[derive(Clone, Debug)]
pub struct Generated {
    /// The folder of the mails.
    pub dir: PathBuf,
    /// The last commit.
    pub tip: String,
    /// git tree hash of the kernel with the series.
    pub tree: String,
    /// Which results the cover letter lacks, and why.
    pub lacking: Vec<String>,
}

pub fn main(args: Args) -> Result<()> {
    let place = Place::find()?;
    for base in bases(&place, &args)? {
        let source = source::get(&place, &base)?;
        let name = source.line.name;
        if !source.is_of_line() && args.out.is_none() && !args.try_b4 {
            return Err(fault::usage(format!(
                "patches/ has no place for Linux {}, which is of no line: name a folder with --out",
                source.version
            )));
        }
        if base.tree.linux.is_some() && !source.public {
            eprintln!(
                "the cover letter names no base-commit: no release's tag leads to {}, so others may not have it",
                source.base
            );
        }
        if args.check {
            check(&place, &source)?;
            println!(
                "{} is what would be generated",
                place.short(&folder::committed(&place, name)).display()
            );
        } else if args.try_b4 {
            try_b4(&place, &source)?;
            println!(
                "b4 makes the same commits of the mails for Linux {}",
                source.version
            );
        } else {
            write(&place, &source, &args)?;
        }
    }
    // After the mails: what the pages say of results depends on the series that is there.
    if args.check {
        readme::check(&place.root, &tips(&place)?)?;
        println!("README.md and c-shim/results/README.md show the results that are there");
    } else if args.out.is_none() && !args.try_b4 {
        readme::write(&place.root, &tips(&place)?)?;
    }
    Ok(())
}

/// The tree that each line's committed series makes.
pub fn tips(place: &Place) -> Result<Tips> {
    let mut tips = Tips::new();
    for line in &LINES {
        let base = Base::read(&folder::committed(place, line.name))?;
        if let Some(tip) = base.and_then(|base| base.tip) {
            tips.insert(line.name, tip);
        }
    }
    Ok(tips)
}

/// The bases that are asked for; of all lines, those with patches.
fn bases(place: &Place, args: &Args) -> Result<Vec<BaseArgs>> {
    let mut bases = args.base.each()?;
    if bases.len() > 1 {
        if args.out.is_some() {
            return Err(fault::usage("--out is for one line: name it with --base"));
        }
        let has_patches = |base: &BaseArgs| {
            let line = base.base;
            line.is_some_and(|line| folder::committed(place, line.name).is_dir())
        };
        bases.retain(has_patches);
    }
    Ok(bases)
}

fn write(place: &Place, source: &Source, args: &Args) -> Result<()> {
    let out = args.out.clone();
    let options = GenOptions {
        out: out.unwrap_or_else(|| folder::committed(place, source.line.name)),
        also: None,
        round_trip: true,
    };
    let series = generate(place, source, &options)?;
    for lack in &series.lacking {
        eprintln!("warning: the cover letter goes without some results: {lack}");
    }
    println!(
        "{}: on Linux {}, tree {}",
        series.dir.display(),
        source.version,
        series.tree
    );
    Ok(())
}

/// Generates the series for `source`.
pub fn generate(place: &Place, source: &Source, options: &GenOptions) -> Result<Generated> {
    let scratch = Scratch::new(source)?;
    let git = &scratch.git;
    let (spec, commits) = port::commit(place, git, source)?;
    let tip = commits.last().context("the base is there")?;
    let tree = git.tree_of(tip)?;
    let landed = results::find(&place.root, source.line, &tree, options.also.as_deref())?;
    let figures = Figures {
        results: landed.text(),
        soaks: landed.soaked(),
    };
    let cover = Cover::new(&spec, &figures)?;
    let mails = scratch.dir.path().join("mails");
    mail::write(git, source, tip, &cover, &mails)?;
    Base::of(git, source, &tree)?.write(&mails, source)?;
    if options.round_trip {
        mail::round_trip(git, &source.base, tip, &mails)?;
    }
    folder::install(&mails, &options.out)?;
    Ok(Generated {
        dir: options.out.clone(),
        tip: tip.clone(),
        tree,
        lacking: [landed.lacking, landed.left_out].concat(),
    })
}

/// Whether patches/LINE was made on this very base, so that it must be fresh.
/// Patch levels move on; then only a new generation can tell.
pub fn is_made_on(place: &Place, source: &Source) -> Result<bool> {
    let committed = Base::read(&folder::committed(place, source.line.name))?;
    let Some(committed) = committed else {
        return Ok(true);
    };
    let git = Git::bare(&source.git)?;
    Ok(committed.is_same_base(&Base::of(&git, source, "")?))
}

/// Fails if patches/LINE is not what would be generated on `source`. On
/// another patch level than it was made on, only what it changes must be.
pub fn check(place: &Place, source: &Source) -> Result<Generated> {
    let dir = folder::committed(place, source.line.name);
    let is_exact = is_made_on(place, source)?;
    // There its results are of the tree that it makes on its own base.
    let also = match is_exact {
        true => None,
        false => Base::read(&dir)?.and_then(|base| base.tip),
    };
    let tmp = tempfile::tempdir()?;
    let options = GenOptions {
        out: tmp.path().to_path_buf(),
        also,
        round_trip: false,
    };
    let fresh = generate(place, source, &options)?;
    let stale = folder::compare(&fresh.dir, &dir, is_exact)?;
    if stale.is_empty() {
        return Ok(Generated { dir, ..fresh });
    }
    Err(fault::test_failed(format!(
        "{} is stale; `{}` renews it:{}",
        place.short(&dir).display(),
        folder::renew(source),
        stale.concat()
    )))
}

/// Has b4 make commits of the mails.
fn try_b4(place: &Place, source: &Source) -> Result<()> {
    let tools = tools::ensure(place, &[Need::B4])?;
    let tmp = tempfile::tempdir()?;
    let options = GenOptions {
        out: tmp.path().to_path_buf(),
        ..GenOptions::default()
    };
    let series = generate(place, source, &options)?;
    b4::check(&tools.b4, source, &series.dir, &series.tip)
}
