// SPDX-License-Identifier: GPL-2.0
//! Everything that a benchmark leaves: the tables on the terminal and in table.md, results.json,
//! the plots.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use super::environment;
use super::part::{BenchSetup, Part};
use super::Args;
use kernel::image::KernelArgs;
use measure::environment::Environment;
use measure::judge;
use measure::results::{Results, SCHEMA};
use measure::scale;
use series::results as saved;
use vm::session::Rig;

pub fn write(
    rig: &Rig,
    setup: &BenchSetup,
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
    let results = results(&env, setup, &all);
    save("results.json", &json(&results)?)?;
    plot::draw(&results, out)?;
    println!("results in {}", out.display());
    Ok(())
}

/// Lands each part's results for the cover letter and README.md.
pub fn save(
    rig: &Rig,
    setup: &BenchSetup,
    args: &Args,
    kernel: &KernelArgs,
    parts: &[Box<dyn Part>],
) -> Result<()> {
    let env = environment::collect(rig, setup, args, parts);
    let name = saved_as(kernel);
    let folder = saved::folder(&rig.place.root, &name);
    fs::create_dir_all(&folder).with_context(|| format!("creating {}", folder.display()))?;
    for part in parts {
        let results = results(&env, setup, &[part.as_ref()]);
        let text = json(&results)?;
        judge::check(&text)?;
        let path = saved::path(&rig.place.root, &name, part.name());
        fs::write(&path, text).with_context(|| format!("writing {}", path.display()))?;
        println!("saved {}", rig.place.short(&path).display());
        if kernel.stock().is_some() {
            plot::draw(&results, &folder)?;
        }
    }
    let what = match kernel.stock() {
        Some(_) => "README.md",
        None => "the cover letter and README.md",
    };
    println!(
        "now `cargo xtask gen-patches --base {}` puts them into {what}",
        kernel.line().name
    );
    Ok(())
}

/// The name of the kernel's folder in c-shim/results.
fn saved_as(kernel: &KernelArgs) -> String {
    match kernel.stock() {
        Some(stock) => saved::stock(&stock.to_string()),
        None => kernel.line().name.to_owned(),
    }
}

/// results.json of these parts.
fn results(env: &Environment, setup: &BenchSetup, parts: &[&dyn Part]) -> Results {
    Results {
        schema: SCHEMA,
        base: setup.image.version.clone(),
        tree: setup.image.tree.clone(),
        module: setup.image.module.clone(),
        accel: setup.accel.name().into(),
        env: env.clone(),
        cases: parts.iter().flat_map(|part| part.cases()).collect(),
        missed: parts.iter().flat_map(|part| part.missed()).collect(),
    }
}

fn json(results: &Results) -> Result<String> {
    Ok(serde_json::to_string_pretty(results)? + "\n")
}

/// table.md: the same as on the terminal.
fn page(env: &Environment, setup: &BenchSetup, parts: &[Box<dyn Part>]) -> String {
    let mut text = format!("# Polling off and on\n\n{}\n\n", env.summary());
    if let Some(slow) = scale::sentence(env.scale.as_ref()) {
        text += &format!("{slow}.\n\n");
    }
    for warning in &setup.warnings {
        text += &format!("Warning: {warning}.\n\n");
    }
    text + &parts.iter().map(|part| part.tables()).collect::<String>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::blk::cases;
    use clap::Parser;
    use guest_protocol::Variant;
    use measure::sample;

    #[derive(Parser)]
    struct Words {
        #[command(flatten)]
        kernel: KernelArgs,
    }

    #[test]
    fn each_kernel_has_a_folder_of_its_own() {
        let of = |words: &[&str]| saved_as(&Words::parse_from([&["bench"], words].concat()).kernel);
        assert_eq!(of(&[]), "7.3");
        assert_eq!(of(&["--base", "6.12"]), "6.12");
        assert_eq!(of(&["--stock", "7.3"]), "stock-7.3");
        assert_eq!(of(&["--stock", "6.12-cloud"]), "stock-6.12-cloud");
    }

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
        assert!(refused.contains("pairs: 7 are too few"), "{refused}");
    }
}
