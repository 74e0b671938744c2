// SPDX-License-Identifier: GPL-2.0
//! Starts `plot`, which is a program of its own: its `main.rs` says why.

use std::path::{self, Path};

use anyhow::Result;
use toolbox::place::Place;
use toolbox::run::Stage;

/// Pictures of a results.json or of several hosts' report.json, in the folder `out`.
pub fn draw(place: &Place, results: &Path, out: &Path) -> Result<()> {
    let mut cmd = place.cargo();
    cmd.args(["run", "--locked", "--quiet", "--package", "plot", "--"])
        .args([path::absolute(results)?, path::absolute(out)?]);
    Stage::new("drawing the plots").run(&mut cmd, &place.logs().join("plot.log"))
}
