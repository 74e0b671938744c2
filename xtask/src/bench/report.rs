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
use crate::series::results;

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
    let all: Vec<&dyn Part> = parts.iter().map(AsRef::as_ref).collect();
    save("results.json", &json(&env, setup, &all)?)?;
    for part in parts {
        part.plot(out, &env.summary())?;
    }
    println!("results in {}", out.display());
    Ok(())
}

/// Lands each part's results for the cover letter.
pub fn save(rig: &Rig, setup: &Setup, args: &Args, parts: &[Box<dyn Part>]) -> Result<()> {
    let env = environment::collect(rig, setup, args, parts);
    let line = args.kernel.line()?;
    for part in parts {
        let path = results::path(&rig.place.root, line, part.name());
        let folder = path.parent().expect("the path was joined");
        fs::create_dir_all(folder)
            .and_then(|()| fs::write(&path, json(&env, setup, &[part.as_ref()])?))
            .with_context(|| format!("writing {}", path.display()))?;
        println!("saved {}", rig.place.short(&path).display());
    }
    println!(
        "now `cargo xtask gen-patches --base {}` puts them into the cover letter",
        line.name
    );
    Ok(())
}

/// results.json of these parts.
fn json(env: &Environment, setup: &Setup, parts: &[&dyn Part]) -> serde_json::Result<String> {
    let results = Results {
        schema: 1,
        base: setup.image.version.clone(),
        tree: setup.image.tree.clone(),
        accel: setup.accel.name(),
        env: serde_json::to_value(env)?,
        cases: parts.iter().flat_map(|part| part.cases()).collect(),
        missed: parts.iter().flat_map(|part| part.missed()).collect(),
    };
    Ok(serde_json::to_string_pretty(&results)? + "\n")
}

/// table.md: the same as on the terminal.
fn page(env: &Environment, setup: &Setup, parts: &[Box<dyn Part>]) -> String {
    let mut text = format!("# Polling off and on\n\n{}\n\n", env.summary());
    for warning in &setup.warnings {
        text += &format!("Warning: {warning}.\n\n");
    }
    text + &parts.iter().map(|part| part.tables()).collect::<String>()
}
