// SPDX-License-Identifier: GPL-2.0
//! Collects the results of a benchmark, and writes its output: the tables on the terminal and in
//! table.md, results.json, the plots.

use anyhow::Result;
use fs_err as fs;
use guest_protocol::Facts;

use super::environment::Ticks;
use super::setup::BenchSetup;
use super::{environment, floors, page};
use kernel::image::KernelArgs;
use measure::judge;
use measure::results::{Comparison, Results, SCHEMA};
use series::results as saved;
use toolbox::place::Place;

/// Returns results without cases, which [`add`] adds.
pub fn begin(setup: &BenchSetup) -> Results {
    let image = &setup.bed.image;
    Results {
        schema: SCHEMA,
        base: image.version.clone(),
        tree: image.tree.clone(),
        module: image.module.clone(),
        accel: setup.bed.accel.name().into(),
        env: environment::collect(setup),
        cases: Vec::new(),
        missed: Vec::new(),
    }
}

/// Adds the results of one boot. The guests of one bench differ only in their device, so facts that
/// a guest does not report are kept from an earlier guest.
pub fn add(results: &mut Results, facts: Facts, cases: Vec<Comparison>) {
    let env = &mut results.env;
    let own = &env.guest;
    let either = |one: String, other: &str| match one.is_empty() {
        true => other.to_owned(),
        false => one,
    };
    env.guest = Facts {
        disk_features: either(facts.disk_features, &own.disk_features),
        nic_features: either(facts.nic_features, &own.nic_features),
        job_cpus: either(facts.job_cpus, &own.job_cpus),
        pace: own.pace.or(facts.pace),
        ..facts
    };
    results.cases.extend(cases);
}

/// Adds what is known only after the measurement, which began at `before`. Writes the results if
/// there are any.
pub fn finish(setup: &BenchSetup, results: &mut Results, before: Ticks) -> Result<()> {
    let env = &mut results.env;
    env.kernel.clone_from(&env.guest.kernel);
    env.scale = environment::scale(setup, env.guest.pace);
    env.warnings = setup.warnings_since(before)?;
    results.missed = floors::missed(&results.cases);
    if results.cases.is_empty() {
        return Ok(());
    }
    let out = &setup.bed.out;
    let text = page::page(results);
    print!("\n{text}");
    for (name, content) in [("table.md", text), ("results.json", json(results)?)] {
        fs::write(out.join(name), content)?;
    }
    plot::draw(results, out)?;
    println!("results in {}", out.display());
    Ok(())
}

/// Saves the results of each device for the cover letter and the page of results. Fails for
/// results that these would refuse.
pub fn save(place: &Place, kernel: &KernelArgs, results: &Results) -> Result<()> {
    let name = saved_as(kernel);
    let folder = saved::folder(&place.root, &name);
    fs::create_dir_all(&folder)?;
    for device in ["blk", "net"] {
        let mut own = results.clone();
        own.cases.retain(|case| case.device() == device);
        if own.cases.is_empty() {
            continue;
        }
        own.missed = floors::missed(&own.cases);
        let text = json(&own)?;
        judge::check(&text)?;
        let path = saved::path(&place.root, &name, device);
        fs::write(&path, text)?;
        println!("saved {}", place.short(&path).display());
        if kernel.stock().is_some() {
            plot::draw(&own, &folder)?;
        }
    }
    let what = match kernel.stock() {
        Some(_) => "c-shim/results/README.md",
        None => "the cover letter and c-shim/results/README.md",
    };
    println!(
        "next, run `cargo xtask gen-patches --base {}`: it puts them into {what}",
        kernel.line().name
    );
    Ok(())
}

/// Returns the name of the kernel's folder in c-shim/results.
fn saved_as(kernel: &KernelArgs) -> String {
    match kernel.stock() {
        Some(stock) => saved::stock(&stock.to_string()),
        None => kernel.line().name.to_owned(),
    }
}

fn json(results: &Results) -> Result<String> {
    Ok(serde_json::to_string_pretty(results)? + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::Args;
    use crate::bench::blk::cases;
    use crate::testbed::TestBed;
    use clap::Parser;
    use guest_protocol::Variant;
    use kernel::image::Image;
    use measure::sample;
    use toolbox::tools::Tools;
    use vm::accel::Accelerator;
    use vm::initramfs::GuestBase;
    use vm::session::Rig;

    #[derive(Parser)]
    struct BenchWords {
        #[command(flatten)]
        args: Args,
    }

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

    /// The kit's results from inside a machine once lacked the warnings.
    #[test]
    fn warnings_that_were_told_are_in_the_results() {
        let dir = tempfile::tempdir().unwrap();
        let rig = Rig {
            place: Place::of_results(dir.path()),
            tools: Tools::default(),
            base: GuestBase::Init("init".into()),
        };
        let out = dir.path().to_owned();
        let bed = TestBed::new(rig, Image::default(), Accelerator::Tcg, out);
        let warning = "its disk is only read".to_owned();
        let args = BenchWords::parse_from(["bench"]).args;
        let setup = BenchSetup::inside(bed, args, vec![warning.clone()]).unwrap();
        let mut results = begin(&setup);
        let cases = cases::cases(0, &cases::tests::two_rounds());
        add(&mut results, Facts::default(), cases);
        finish(&setup, &mut results, Ticks::now().unwrap()).unwrap();
        let json = fs::read_to_string(dir.path().join("results.json")).unwrap();
        let written: Results = serde_json::from_str(&json).unwrap();
        assert!(written.env.warnings.contains(&warning), "{json}");
    }

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
            results.env.rounds = rounds;
            results.cases = vec![blk];
            judge::check(&serde_json::to_string(&results).unwrap())
        };
        run(8).unwrap();
        let refused = run(7).unwrap_err().to_string();
        assert!(refused.contains("pairs: 7 are too few"), "{refused}");
    }
}
