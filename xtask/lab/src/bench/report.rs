// SPDX-License-Identifier: GPL-2.0
//! Everything that a benchmark leaves: the tables on the terminal and in table.md, results.json,
//! the plots.

use std::env;
use std::fs;
use std::path::{self, Path};
use std::process::Command;

use anyhow::{Context, Result};

use super::environment;
use super::part::{BenchSetup, Part};
use super::{Args, Draw};
use kit::line::Line;
use kit::run::Stage;
use measure::environment::Environment;
use measure::judge;
use measure::results::{Results, SCHEMA};
use series::results;
use vm::session::Rig;

pub fn write(
    rig: &Rig,
    setup: &BenchSetup,
    args: &Args,
    parts: &[Box<dyn Part>],
    out: &Path,
    draw: Draw,
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
    draw(out)?;
    println!("results in {}", out.display());
    Ok(())
}

/// The plots are a program of their own: see there why.
pub fn draw(rig: &Rig, out: &Path) -> Result<()> {
    let out = path::absolute(out)?;
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut cmd = Command::new(cargo);
    cmd.args(["run", "--locked", "--quiet", "--package", "plot", "--"])
        .args([&out.join("results.json"), &out])
        .current_dir(&rig.place.root);
    let log = rig.place.logs().join("plot.log");
    Stage::new("drawing the plots").run(&mut cmd, &log)
}

/// Lands each part's results for the cover letter.
pub fn save(
    rig: &Rig,
    setup: &BenchSetup,
    args: &Args,
    parts: &[Box<dyn Part>],
    line: &Line,
) -> Result<()> {
    let env = environment::collect(rig, setup, args, parts);
    for part in parts {
        let text = json(&env, setup, &[part.as_ref()])?;
        judge::check(&text)?;
        let path = results::path(&rig.place.root, line, part.name());
        let folder = path.parent().expect("the path was joined");
        fs::create_dir_all(folder)
            .and_then(|()| fs::write(&path, text))
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
fn json(env: &Environment, setup: &BenchSetup, parts: &[&dyn Part]) -> Result<String> {
    let results = Results {
        schema: SCHEMA,
        base: setup.image.version.clone(),
        tree: setup.image.tree.clone(),
        accel: setup.accel.name().into(),
        env: env.clone(),
        cases: parts.iter().flat_map(|part| part.cases()).collect(),
        missed: parts.iter().flat_map(|part| part.missed()).collect(),
    };
    Ok(serde_json::to_string_pretty(&results)? + "\n")
}

/// table.md: the same as on the terminal.
fn page(env: &Environment, setup: &BenchSetup, parts: &[Box<dyn Part>]) -> String {
    let mut text = format!("# Polling off and on\n\n{}\n\n", env.summary());
    for warning in &setup.warnings {
        text += &format!("Warning: {warning}.\n\n");
    }
    text + &parts.iter().map(|part| part.tables()).collect::<String>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::blk::cases;
    use guest_protocol::Variant;
    use measure::sample;

    /// What is written here, the cover letter must be able to read.
    #[test]
    fn the_cover_letter_reads_what_a_benchmark_writes() {
        let variants = [Variant::Before, Variant::PollSource, Variant::IoPoll];
        let run = |rounds: u32| {
            let of_round = |round| {
                variants.map(|variant| {
                    let interrupts = u64::from(variant == Variant::Before) * 100;
                    cases::tests::run(round, variant, 1000, interrupts)
                })
            };
            let runs: Vec<_> = (1..=rounds).flat_map(of_round).collect();
            let blk = cases::cases(0, &runs).remove(0);
            let mut results: Results = serde_json::from_value(sample::results()).unwrap();
            results.cases = vec![blk.case];
            judge::check(&serde_json::to_string(&results).unwrap())
        };
        run(8).unwrap();
        let refused = run(7).unwrap_err().to_string();
        assert!(refused.contains("7 pairs are too few"), "{refused}");
    }
}
