// SPDX-License-Identifier: GPL-2.0
//! `plot RESULTS DIR`: pictures of a results.json, gain.svg of a disk and net.svg of a network card;
//! of a report.json, which has those of several hosts, hosts.svg.
//!
//! It is a program of its own because cargo compiles all that a program links before it runs any of
//! it: as a part of xtask, plotters and what that needs came before the first `gen-patches`. bench
//! starts it by cargo, and so does whoever wants results of another day drawn:
//! `cargo run -p plot -- c-shim/results/7.3/blk.json .`

use std::path::PathBuf;

use anyhow::Result;
use clap::Parser;

/// Draw what a benchmark measured
#[derive(Parser)]
struct Args {
    /// results.json, or report.json
    results: PathBuf,
    /// The folder of the pictures
    dir: PathBuf,
}

fn main() -> Result<()> {
    let args = Args::parse();
    plot::draw(&args.results, &args.dir)
}
