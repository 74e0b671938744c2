// SPDX-License-Identifier: GPL-2.0
//! `plot RESULTS DIR`: pictures of a results.json, gain.svg of a disk and net.svg of a network card;
//! of a report.json, which has those of several hosts, hosts.svg.
//!
//! It is a program of its own because cargo compiles all that a program links before it runs any of
//! it: as a part of xtask, plotters and what that needs came before the first `gen-patches`. bench
//! starts it by cargo, and so does whoever wants results of another day drawn:
//! `cargo run -p plot -- c-shim/results/7.3/blk.json .`

mod blk;
mod canvas;
#[cfg(test)]
mod geometry;
mod hosts;
mod net;
mod page;
mod panel;
#[cfg(test)]
mod sample;
mod scale;

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Parser;
use measure::foreign::Hosts;
use measure::results::{BlkCase, NetCase, Results};

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
    let path = &args.results;
    let text = fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
    if let Ok(hosts) = serde_json::from_str::<Hosts>(&text) {
        return hosts::write(&args.dir.join("hosts.svg"), &hosts);
    }
    let results: Results =
        serde_json::from_str(&text).with_context(|| format!("reading {}", path.display()))?;
    let subtitle = results.env.summary();
    let blk: Vec<BlkCase> = results.cases.iter().filter_map(BlkCase::of).collect();
    if !blk.is_empty() {
        let scale = results.env.scale.as_ref();
        blk::draw(&subtitle, scale, &blk).write(&args.dir.join("gain.svg"))?;
    }
    let net: Vec<NetCase> = results.cases.iter().filter_map(NetCase::of).collect();
    if !net.is_empty() {
        let network = results.env.network.as_deref().unwrap_or("unknown");
        net::draw(network, &subtitle, &net).write(&args.dir.join("net.svg"))?;
    }
    Ok(())
}
