// SPDX-License-Identifier: GPL-2.0
//! `report`: the results of many hosts in one table and one picture, and the prices that predictions
//! are made of. Which files are refused is `measure::foreign`'s business, what an event costs
//! `predict`'s.

mod prices;
mod table;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use measure::foreign::{self, Hosts, LineTree};
use measure::picture;
use series::gen_patches;
use series::results;
use toolbox::options::OutArgs;
use toolbox::place::Place;
use toolbox::{fault, line};

/// Put the results of many hosts side by side
///
/// Takes the results.json of each host, by the name HOST.json, and refuses with exit code 2 what it
/// cannot vouch for: another schema, a tree that the series does not make, trees of two kernels,
/// figures that do not fit each other. Prints a table and leaves report.md, report.json and
/// hosts.svg in the folder of results (target/report unless --out says otherwise).
#[derive(clap::Args, Debug)]
pub struct Args {
    /// results.json of each host
    #[arg(value_name = "HOST.json", required_unless_present = "prices")]
    files: Vec<PathBuf>,

    #[command(flatten)]
    out: OutArgs,

    /// Also keep the files in c-shim/results/LINE/others, from which gen-patches fills the cover
    /// letter
    #[arg(long)]
    save: bool,

    /// Only write c-shim/results/prices.md: what each event costs under KVM, who says so, and what
    /// follows for the 2021 RFC
    #[arg(long, conflicts_with_all = ["files", "save", "out"])]
    prices: bool,
}

pub fn main(args: Args) -> Result<()> {
    let place = Place::find()?;
    if args.prices {
        let path = prices::path(&place.root);
        write(&path, &prices::page())?;
        println!("wrote {}", place.short(&path).display());
        return Ok(());
    }
    let trees = gen_patches::committed_trees(&place)?;
    let hosts = foreign::read_all(&args.files, &trees)?;
    let text = table::page(&hosts);
    print!("{text}");
    let out = args.out.folder(&place, "report")?;
    write(&out.join("report.md"), &text)?;
    let merged = out.join("report.json");
    write(&merged, &(serde_json::to_string_pretty(&hosts)? + "\n"))?;
    picture::draw(&place, &merged, &out)?;
    println!("report in {}", out.display());
    if args.save {
        save(&place, &args.files, &hosts, &trees)?;
    }
    Ok(())
}

/// Lands the files as they came: what gen-patches reads is judged once more.
fn save(place: &Place, files: &[PathBuf], hosts: &Hosts, trees: &[LineTree]) -> Result<()> {
    let line = line_of(hosts, trees)?;
    let folder = results::others(&place.root, line::find(line)?);
    fs::create_dir_all(&folder).with_context(|| format!("creating {}", folder.display()))?;
    for (path, foreign) in files.iter().zip(&hosts.hosts) {
        let landed = folder.join(format!("{}.json", foreign.host));
        fs::copy(path, &landed)
            .with_context(|| format!("copying {} to {}", path.display(), landed.display()))?;
        println!("saved {}", place.short(&landed).display());
    }
    println!("now `cargo xtask gen-patches --base {line}` puts them into the cover letter");
    Ok(())
}

fn line_of<'a>(hosts: &Hosts, trees: &'a [LineTree]) -> Result<&'a str> {
    let tree = hosts
        .hosts
        .first()
        .and_then(|host| host.results.tree.as_ref());
    let line = trees.iter().find(|(_, known)| Some(known) == tree);
    line.map(|(line, _)| line.as_str())
        .ok_or_else(|| fault::usage("these results are of no line"))
}

fn write(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).with_context(|| format!("writing {}", path.display()))
}
