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
        let text = json(&env, setup, &[part.as_ref()])?;
        results::check(&text)?;
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
fn json(env: &Environment, setup: &Setup, parts: &[&dyn Part]) -> Result<String> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::Workloads;
    use crate::bench::blk::cases;
    use guest_protocol::{Facts, Shape, Variant};

    /// What is written here, the cover letter must be able to read.
    #[test]
    fn the_cover_letter_reads_what_a_benchmark_writes() {
        let env = Environment {
            cpu: "cpu".into(),
            host_cpus: 2,
            qemu: "qemu-system-x86_64 10.0.7".into(),
            fio: None,
            sockperf: None,
            iperf3: None,
            rustc: "rustc".into(),
            tools: Vec::new(),
            kernel: "7.3.4".into(),
            accel: "tcg",
            workload: Workloads::Blk,
            shape: Shape::Fit,
            network: None,
            seed: 1,
            rounds: 8,
            seconds: 0.7,
            pinned: false,
            busy_poll_us: None,
            halt_poll_ns: None,
            warnings: Vec::new(),
            guest: Facts::default(),
        };
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
            let results = Results {
                schema: 1,
                base: "7.3.4".into(),
                tree: Some("1234".into()),
                accel: "tcg",
                env: serde_json::to_value(&env).unwrap(),
                cases: vec![blk.case],
                missed: Vec::new(),
            };
            results::check(&serde_json::to_string(&results).unwrap())
        };
        run(8).unwrap();
        let refused = run(7).unwrap_err().to_string();
        assert!(refused.contains("7 pairs are too few"), "{refused}");
    }
}
