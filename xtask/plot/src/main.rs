// SPDX-License-Identifier: GPL-2.0
//! `plot RESULTS DIR`: pictures of a results.json, gain.svg of a disk and net.svg of a network card.
//!
//! It is a program of its own because cargo compiles all that a program links before it runs any of
//! it: as a part of xtask, plotters and what that needs came before the first `gen-patches`. bench
//! starts it by cargo, and so does whoever wants results of another day drawn:
//! `cargo run -p plot -- c-shim/results/7.3/blk.json .`

mod blk;
mod net;
#[cfg(test)]
mod sample;

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Parser;
use measure::results::{BlkCase, NetCase, Results};

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
    let path = &args.results;
    let text = fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
    let results: Results =
        serde_json::from_str(&text).with_context(|| format!("reading {}", path.display()))?;
    let subtitle = results.env.summary();
    let blk: Vec<BlkCase> = results.cases.iter().filter_map(BlkCase::of).collect();
    if !blk.is_empty() {
        blk::write(&args.dir.join("gain.svg"), &subtitle, &blk)?;
    }
    let net: Vec<NetCase> = results.cases.iter().filter_map(NetCase::of).collect();
    if !net.is_empty() {
        let network = results.env.network.as_deref().unwrap_or("unknown");
        net::write(&args.dir.join("net.svg"), network, &subtitle, &net)?;
    }
    Ok(())
}
