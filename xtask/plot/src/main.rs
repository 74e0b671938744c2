// SPDX-License-Identifier: GPL-2.0
//! `plot RESULTS DIR`: draws the pictures of an earlier results.json, or renews those of a saved
//! one: `cargo run -p plot -- c-shim/results/stock-7.3/blk.json c-shim/results/stock-7.3`.

use std::path::PathBuf;

use anyhow::Result;
use clap::Parser;

/// Draw the results of a benchmark
#[derive(Parser)]
struct Args {
    /// The results.json of the benchmark
    results: PathBuf,
    /// Write the pictures to this folder
    dir: PathBuf,
}

fn main() -> Result<()> {
    let args = Args::parse();
    plot::draw(&measure::judge::read(&args.results)?, &args.dir)
}
