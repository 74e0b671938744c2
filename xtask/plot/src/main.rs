// SPDX-License-Identifier: GPL-2.0
//! `plot RESULTS DIR`: pictures of a results.json of another day, or of a saved one whose picture is to
//! be renewed: `cargo run -p plot -- c-shim/results/stock-7.3/blk.json c-shim/results/stock-7.3`.

use std::path::PathBuf;

use anyhow::Result;
use clap::Parser;

/// Draw what a benchmark measured
#[derive(Parser)]
struct Args {
    /// results.json
    results: PathBuf,
    /// The folder of the pictures
    dir: PathBuf,
}

fn main() -> Result<()> {
    let args = Args::parse();
    plot::draw(&measure::judge::read(&args.results)?, &args.dir)
}
