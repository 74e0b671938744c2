// SPDX-License-Identifier: GPL-2.0
//! `gen-patches`: generates the series as mails for `git am`, or checks that the mails in patches/
//! are up to date. `gen_patches/folder.rs` handles the files of a folder of mails.

mod folder;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::commit::Scratch;
use crate::module::{identity, tree};
use crate::results::page::Tips;
use crate::{b4, cover, mail, port, readme, results};
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
/// Writes mails for `git am` into patches/LINE/, with a cover letter and a record of the base they
/// were made on, and checks that `git am` makes the same commits from them. The cover letter has
/// the results that `bench --save` saved for this series; results of another series are left out.
/// The blocks of README.md and c-shim/results/README.md that show results are written or checked
/// too, whatever the line is. The mails are drafts: a person reviews them, opens them as commits
/// (`series open`), and sends those with b4. `--base all` generates every line that patches/ has.
#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(flatten)]
    base: BasesArgs,

    /// Write nothing; exit with 1 if patches/ or a page of results is not what would be written
    #[arg(long, conflicts_with = "out")]
    check: bool,

    /// Write nothing; exit with 1 if b4 does not make the same commits from the mails
    #[arg(long, conflicts_with_all = ["check", "out"])]
    try_b4: bool,

    /// Write here instead of patches/LINE
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// A generated series.
#[derive(Clone, Debug)]
pub struct Generated {
    /// The folder of the mails.
    pub dir: PathBuf,
    /// The last commit.
    pub tip: String,
    /// git tree hash of the kernel with the series.
    pub tree: String,
    /// The results that the cover letter lacks, each with the reason.
    pub lacking: Vec<String>,
}

pub fn main(args: Args) -> Result<()> {
    let place = Place::find()?;
    for base in bases(&place, &args)? {
        let source = source::get(&place, &base)?;
        let name = source.line.name;
        if !source.is_of_line() && args.out.is_none() && !args.try_b4 {
            return Err(fault::usage(format!(
                "patches/ has no folder for Linux {}, which belongs to no line: name a \
                 folder with --out",
                source.version
            )));
        }
        if base.tree.linux.is_some() && !source.public {
            eprintln!(
                "the cover letter names no base-commit: no release's tag contains {}, so others \
                 may not have it",
                source.base
            );
        }
        if args.check {
            check(&place, &source)?;
            println!(
                "{} is up to date",
                place.short(&folder::committed(&place, name)).display()
            );
        } else if args.try_b4 {
            try_b4(&place, &source)?;
            println!(
                "b4 makes the same commits from the mails for Linux {}",
                source.version
            );
        } else {
            write(&place, &source, &args)?;
        }
    }
    // After the mails: which results the pages call current depends on the series in patches/.
    if args.out.is_none() && !args.try_b4 {
        readme::renew(&place.root, &tips(&place)?, args.check)?;
    }
    if args.check {
        println!("README.md and c-shim/results/README.md show the saved results");
    }
    Ok(())
}

/// Returns the trees of what is in the checkout: each line's committed series, and the module.
pub fn tips(place: &Place) -> Result<Tips> {
    let mut series = BTreeMap::new();
    for line in &LINES {
        if let Some(base) = Base::read(&folder::committed(place, line.name))? {
            series.insert(line.name, base.tip);
        }
    }
    let module = identity::of(&tree::files(place)?)?;
    Ok(Tips { series, module })
}

/// Returns the bases that were asked for. Of several lines, only those with patches are kept.
fn bases(place: &Place, args: &Args) -> Result<Vec<BaseArgs>> {
    let mut bases = args.base.each()?;
    if bases.len() > 1 {
        if args.out.is_some() {
            return Err(fault::usage(
                "--out works for one line only: name that line with --base",
            ));
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
    let out = out.unwrap_or_else(|| folder::committed(place, source.line.name));
    let series = make(place, source, &out, None, true)?;
    for lack in &series.lacking {
        eprintln!("warning: the cover letter lacks results: {lack}");
    }
    println!(
        "{}: on Linux {}, tree {}",
        series.dir.display(),
        source.version,
        series.tree
    );
    Ok(())
}

/// Generates the series for `source` into the folder `out`.
pub fn generate(place: &Place, source: &Source, out: &Path) -> Result<Generated> {
    make(place, source, out, None, false)
}

/// Generates the series. `also` is a second tree whose results are accepted: the one that the
/// committed series makes on the patch level that it was made on. With `round_trip`, checks that
/// git am makes the same commits from the mails.
fn make(
    place: &Place,
    source: &Source,
    out: &Path,
    also: Option<&str>,
    round_trip: bool,
) -> Result<Generated> {
    let scratch = Scratch::new(source)?;
    let git = &scratch.git;
    let (spec, commits) = port::commit(place, git, source)?;
    let tip = commits.last().context("the series has no base")?;
    let tree = git.tree_of(tip)?;
    let figures = results::find(&place.root, source.line, &tree, also)?;
    let cover = cover::text(&spec, &figures)?;
    let mails = scratch.dir.path().join("mails");
    mail::write(git, source, tip, &spec, &cover, &mails)?;
    Base::of(git, source, &tree)?.write(&mails, source)?;
    if round_trip {
        mail::round_trip(git, &source.base, tip, &mails)?;
    }
    folder::install(&mails, out)?;
    Ok(Generated {
        dir: out.to_owned(),
        tip: tip.clone(),
        tree,
        lacking: figures.lacking,
    })
}

/// Returns whether patches/LINE was made on exactly this base. Then it must be up to date, to the
/// byte. On another patch level only a new generation shows whether it is up to date. Also true if
/// patches/LINE records no base.
pub fn is_made_on(place: &Place, source: &Source) -> Result<bool> {
    let committed = Base::read(&folder::committed(place, source.line.name))?;
    let Some(committed) = committed else {
        return Ok(true);
    };
    let git = Git::bare(&source.git)?;
    Ok(committed.is_same_base(&Base::of(&git, source, "")?))
}

/// Fails if patches/LINE is not what would be generated on `source`. On another patch level than
/// the one that it was made on, only the changes in it are compared.
pub fn check(place: &Place, source: &Source) -> Result<Generated> {
    let dir = folder::committed(place, source.line.name);
    let is_exact = is_made_on(place, source)?;
    // Made on another base, its results are of the tree that it makes on that base.
    let also = match is_exact {
        true => None,
        false => Base::read(&dir)?.map(|base| base.tip),
    };
    let tmp = tempfile::tempdir()?;
    let fresh = make(place, source, tmp.path(), also.as_deref(), false)?;
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

/// Generates the mails into a temporary folder and checks that b4 makes the same commits from them.
fn try_b4(place: &Place, source: &Source) -> Result<()> {
    let tools = tools::ensure(place, &[Need::B4])?;
    let tmp = tempfile::tempdir()?;
    let series = generate(place, source, tmp.path())?;
    b4::check(&tools.b4, source, &series.dir, &series.tip)
}
