// SPDX-License-Identifier: GPL-2.0
//! Pictures of a results.json: gain.svg of a disk, net.svg of a network card; of several hosts'
//! report.json, hosts.svg. `main.rs` is a program that draws them, and says why it is one; the runner
//! of a kit, which nobody waits for to be compiled, draws them by itself.

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
use std::path::Path;

use anyhow::{Context, Result};
use measure::foreign::Hosts;
use measure::results::{BlkCase, NetCase, Results};

/// Draws what the results have, into a folder.
pub fn draw(results: &Path, dir: &Path) -> Result<()> {
    let reading = || format!("reading {}", results.display());
    let text = fs::read_to_string(results).with_context(reading)?;
    if let Ok(hosts) = serde_json::from_str::<Hosts>(&text) {
        return hosts::write(&dir.join("hosts.svg"), &hosts);
    }
    let results: Results = serde_json::from_str(&text).with_context(reading)?;
    let subtitle = results.env.summary();
    let blk: Vec<BlkCase> = results.cases.iter().filter_map(BlkCase::of).collect();
    if !blk.is_empty() {
        let scale = results.env.scale.as_ref();
        blk::draw(&subtitle, scale, &blk).write(&dir.join("gain.svg"))?;
    }
    let net: Vec<NetCase> = results.cases.iter().filter_map(NetCase::of).collect();
    if !net.is_empty() {
        let network = results.env.network.as_deref().unwrap_or("unknown");
        net::draw(network, &subtitle, &net).write(&dir.join("net.svg"))?;
    }
    Ok(())
}
