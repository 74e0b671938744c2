// SPDX-License-Identifier: GPL-2.0
//! Pictures of a results.json: gain.svg of a disk, net.svg of a network card. `main.rs` is a program
//! that draws them, and says why it is one; the runner of a kit, which nobody waits for to be
//! compiled, draws them by itself.

mod blk;
mod net;
#[cfg(test)]
mod sample;

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use measure::results::{BlkCase, NetCase, Results};

/// Draws what the results have, into a folder.
pub fn draw(results: &Path, dir: &Path) -> Result<()> {
    let reading = || format!("reading {}", results.display());
    let text = fs::read_to_string(results).with_context(reading)?;
    let results: Results = serde_json::from_str(&text).with_context(reading)?;
    let subtitle = results.env.summary();
    let blk: Vec<BlkCase> = results.cases.iter().filter_map(BlkCase::of).collect();
    if !blk.is_empty() {
        blk::write(&dir.join("gain.svg"), &subtitle, &blk)?;
    }
    let net: Vec<NetCase> = results.cases.iter().filter_map(NetCase::of).collect();
    if !net.is_empty() {
        let network = results.env.network.as_deref().unwrap_or("unknown");
        net::write(&dir.join("net.svg"), network, &subtitle, &net)?;
    }
    Ok(())
}
