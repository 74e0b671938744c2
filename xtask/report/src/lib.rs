// SPDX-License-Identifier: GPL-2.0
//! `report`: puts the results of many hosts into one table and one picture. `measure::foreign`
//! decides which files are refused.

mod table;

use std::path::PathBuf;

use anyhow::{Context, Result};
use fs_err as fs;
use guest_protocol::Form;
use measure::foreign::{self, Foreign};
use measure::origin::Origin;
use series::gen_patches;
use series::results;
use series::results::page::Tips;
use toolbox::fault;
use toolbox::line::{self, Line};
use toolbox::options::OutArgs;
use toolbox::place::Place;

/// Compare the results of many hosts in one table
///
/// Reads the results.json of each host, from a file with the name HOST.json. All files must be of
/// the series, or all of the module. Refuses with exit code 2 what it cannot verify: another
/// schema, a tree that the series does not make, another source of the module, files of two
/// sources, figures that contradict each other. Prints a table, and writes report.md and hosts.svg
/// to target/report, or to the folder that --out names.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// results.json of each host
    #[arg(value_name = "HOST.json", required = true)]
    files: Vec<PathBuf>,

    #[command(flatten)]
    out: OutArgs,

    /// Also copy the files to c-shim/results/LINE/others, from which gen-patches fills the cover
    /// letter; only for results of the series
    #[arg(long)]
    save: bool,
}

pub fn main(args: Args) -> Result<()> {
    let place = Place::find()?;
    let tips = gen_patches::tips(&place)?;
    let hosts = foreign::read_all(&args.files, &known(&tips))?;
    let line = match args.save {
        true => Some(line_of(&hosts, &tips)?),
        false => None,
    };
    let text = table::page(&hosts);
    print!("{text}");
    let out = args.out.folder(&place, "report")?;
    fs::write(out.join("report.md"), &text)?;
    plot::draw_hosts(&hosts, &out)?;
    println!("report in {}", out.display());
    match line {
        Some(line) => save(&place, &args.files, &hosts, line),
        None => Ok(()),
    }
}

/// The origins that results may have: the series on each line, and the module.
fn known(tips: &Tips) -> Vec<Origin> {
    let of = |form, tree| Origin { form, tree };
    let series = tips
        .series
        .values()
        .map(|tip| of(Form::Series, tip.clone()));
    let module = of(Form::Module, tips.module.clone());
    series.chain([module]).collect()
}

/// Copies the files unchanged to the line's folder for other hosts. gen-patches checks them again
/// when it reads them.
fn save(place: &Place, files: &[PathBuf], hosts: &[Foreign], line: &Line) -> Result<()> {
    let folder = results::others(&place.root, line);
    fs::create_dir_all(&folder)?;
    for (path, foreign) in files.iter().zip(hosts) {
        let landed = folder.join(format!("{}.json", foreign.host));
        fs::copy(path, &landed)?;
        println!("saved {}", place.short(&landed).display());
    }
    println!(
        "next, run `cargo xtask gen-patches --base {}`: it puts them into the cover letter",
        line.name
    );
    Ok(())
}

/// The line whose series was measured. Fails for results of the module.
fn line_of(hosts: &[Foreign], tips: &Tips) -> Result<&'static Line> {
    let origin = hosts.first().and_then(|host| host.results.origin());
    match origin {
        Some(Origin {
            form: Form::Series,
            tree,
        }) => {
            let line = tips.series.iter().find(|(_, tip)| **tip == tree);
            let (line, _) = line.context("no kernel line has a series that makes this tree")?;
            line::find(line)
        }
        _ => Err(fault::usage(
            "--save keeps results for the cover letter, which is about the series. These results \
             are of the module: leave --save out",
        )),
    }
}
