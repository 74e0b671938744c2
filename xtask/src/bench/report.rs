// SPDX-License-Identifier: GPL-2.0
//! Everything that a benchmark leaves: the tables on the terminal and in table.md, results.json,
//! the plots.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use super::Args;
use super::case::Results;
use super::environment::{self, Environment};
use super::part::{Part, Setup};
use crate::guest::session::Rig;

pub fn write(
    rig: &Rig,
    setup: &Setup,
    args: &Args,
    parts: &[Box<dyn Part>],
    out: &Path,
) -> Result<()> {
    let env = environment::collect(rig, setup, args, parts);
    let text = page(&env, setup, parts);
    print!("\n{text}");
    let save = |name: &str, content: &str| {
        let path = out.join(name);
        fs::write(&path, content).with_context(|| format!("writing {}", path.display()))
    };
    save("table.md", &text)?;
    let results = Results {
        schema: 1,
        base: setup.image.version.clone(),
        tree: setup.image.tree.clone(),
        accel: setup.accel.name(),
        env: serde_json::to_value(&env)?,
        cases: parts.iter().flat_map(|part| part.cases()).collect(),
    };
    save(
        "results.json",
        &(serde_json::to_string_pretty(&results)? + "\n"),
    )?;
    for part in parts {
        part.plot(out, &env.summary())?;
    }
    println!("results in {}", out.display());
    Ok(())
}

/// table.md: the same as on the terminal.
fn page(env: &Environment, setup: &Setup, parts: &[Box<dyn Part>]) -> String {
    let mut text = format!("# Polling off and on\n\n{}\n\n", env.summary());
    for warning in &setup.warnings {
        text += &format!("Warning: {warning}.\n\n");
    }
    text + &parts.iter().map(|part| part.tables()).collect::<String>()
}
