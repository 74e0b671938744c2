// SPDX-License-Identifier: GPL-2.0
//! `instructions`: counts the instructions of a look, of a hit and of a polled disk operation, and
//! compares them with a file in the checkout. This shows a change that costs more.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use fs_err as fs;
use serde::{Deserialize, Serialize};
use xshell::{Shell, cmd};

use kernel::image::KernelArgs;
use lab::bench::blk::count;
use toolbox::fault::{self, Kind};
use toolbox::place::Place;
use toolbox::run::{self, Stage};
use toolbox::tools::Need;
use vm::session::Rig;

/// File name of the baseline in c-shim/results/LINE.
const BASELINE: &str = "instructions.json";
/// Upper limit for the ratio of a count to the baseline's.
const LIMIT: f64 = 1.02;
/// Lower limit for the number of polled operations: fewer give no stable count.
const FEWEST: usize = 20;
const RENEW: &str = "cargo xtask check instructions --save";

/// Compare the instructions of a look, a hit and a polled operation with the baseline
///
/// Counts a look with callgrind on the host. Counts a hit and an operation (4k randread of a disk
/// that takes 100 us) with a plugin in QEMU. Fails if one takes over 2 % more than in the baseline,
/// c-shim/results/LINE/instructions.json.
#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(flatten)]
    kernel: KernelArgs,

    /// Save the counts as the baseline
    #[arg(long)]
    save: bool,
}

/// The counts of the baseline, or of this run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Instructions {
    compilers: Vec<String>,
    look: f64,
    hit: f64,
    operation: f64,
}

pub fn main(args: Args) -> Result<()> {
    let place = Place::find()?;
    args.kernel.need_series("instructions")?;
    let needs = [Need::Fio, Need::Harness, Need::Valgrind];
    let kernel = args.kernel.resolve(&place, &needs)?;
    let rig = Rig::with_tools(&place, kernel.tools.clone())?;
    let image = kernel.image(&place)?;
    let mut compilers = image.config.compilers();
    let look = look(&place)?;
    let sh = Shell::new()?;
    let rustc = run::read(cmd!(sh, "rustc --version"))?;
    if !compilers.iter().any(|known| known == rustc.trim()) {
        compilers.push(rustc.trim().to_owned());
    }
    let guest = count::polled(rig, image)?;
    let found = Instructions {
        compilers,
        look,
        hit: guest.instructions_per_hit(),
        operation: guest.instructions_per_polled_op(),
    };
    let polled = guest.polled_ops();
    ensure!(
        polled >= FEWEST,
        fault::test_failed(format!(
            "only {polled} operations were polled, fewer than {FEWEST}: is the host busy?"
        ))
    );
    for (name, count) in found.counts() {
        println!("{name}: {count:.1} instructions");
    }
    let path = place.root.join("c-shim/results");
    let path = path.join(args.kernel.line().name).join(BASELINE);
    if args.save {
        let text = serde_json::to_string_pretty(&found)? + "\n";
        fs::write(&path, text)?;
        println!("saved {}", place.short(&path).display());
        return Ok(());
    }
    let baseline =
        read(&path).with_context(|| format!("no usable baseline; make one with `{RENEW}`"))?;
    compare(&found, &baseline)
}

fn read(path: &Path) -> Result<Instructions> {
    let text = fs::read_to_string(path)?;
    serde_json::from_str(&text).with_context(|| format!("parsing {}", path.display()))
}

/// Returns the instructions of a look. A test counts them in code that is compiled as for a kernel.
fn look(place: &Place) -> Result<f64> {
    let test = "cost::a_look_costs_few_instructions";
    let mut cmd = place.cargo();
    cmd.args(["test", "--locked", "--package", "poll-core-module", "--lib"])
        .args([test, "--", "--exact", "--nocapture"]);
    let log = place.logs().join("look.log");
    let stage = Stage::new("counting the instructions of a look").fails_as(Kind::TestFailed);
    let (status, text) = stage.ask(&mut cmd, &log)?;
    let count = |line: &str| line.strip_suffix(" instructions a look")?.parse().ok();
    text.lines()
        .find_map(count)
        .filter(|_| status.success())
        .with_context(|| format!("{test} failed, see {}", log.display()))
}

impl Instructions {
    fn counts(&self) -> [(&'static str, f64); 3] {
        [
            ("a look", self.look),
            ("a hit", self.hit),
            ("an operation", self.operation),
        ]
    }
}

/// Fails if a count has grown by more than [`LIMIT`] allows.
fn compare(found: &Instructions, baseline: &Instructions) -> Result<()> {
    let mut grown = String::new();
    for ((name, now), (_, before)) in found.counts().into_iter().zip(baseline.counts()) {
        let ratio = now / before;
        if ratio.is_nan() || ratio > LIMIT {
            let percent = (ratio - 1.0) * 100.0;
            grown += &format!(
                "\n  {name}: {now:.1}, {percent:+.1} % compared with the baseline's {before:.1}"
            );
        } else if ratio < 1.0 / LIMIT {
            println!(
                "{name} takes fewer instructions than the baseline's {before:.1}; to renew the \
                 baseline: {RENEW}"
            );
        }
    }
    if grown.is_empty() {
        return Ok(());
    }
    let advice = match found.compilers == baseline.compilers {
        true => format!("if the change is worth it, renew the baseline: {RENEW}"),
        false => format!(
            "compiled by {}, the baseline by {}; use the baseline's compilers, or renew the \
             baseline in a checkout without the change (`{RENEW}`) and compare again",
            found.compilers.join(" and "),
            baseline.compilers.join(" and ")
        ),
    };
    Err(fault::test_failed(format!(
        "the number of instructions has grown by more than {:.0} %:{grown}\n  {advice}",
        (LIMIT - 1.0) * 100.0
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn baseline() -> Instructions {
        Instructions {
            compilers: vec!["gcc 12.2.0".into(), "rustc 1.96.0".into()],
            look: 12.5,
            hit: 3000.0,
            operation: 20_000.0,
        }
    }

    #[test]
    fn each_count_that_grows_fails() {
        type Change = fn(&mut Instructions);
        let cases: [(&str, Change); 5] = [
            ("", |found| found.look *= 1.019),
            ("", |found| found.operation *= 0.5),
            ("a look: 12.8, +2.1 %", |found| found.look *= 1.021),
            ("a hit: 3063.0, +2.1 %", |found| found.hit *= 1.021),
            ("an operation: NaN", |found| found.operation = f64::NAN),
        ];
        for (line, change) in cases {
            let mut found = baseline();
            change(&mut found);
            let outcome = compare(&found, &baseline());
            assert_eq!(outcome.is_ok(), line.is_empty(), "{found:?}");
            if let Err(err) = outcome {
                let refused = err.to_string();
                assert!(refused.contains(line) && refused.contains(RENEW));
                assert!(!refused.contains("compiled by"), "{refused}");
            }
        }
    }

    #[test]
    fn another_compiler_is_named() {
        let mut found = baseline();
        found.compilers[0] = "gcc 14.2.0".into();
        found.look = 14.0;
        let refused = compare(&found, &baseline()).unwrap_err().to_string();
        let named = "compiled by gcc 14.2.0 and rustc 1.96.0, the baseline by gcc 12.2.0";
        assert!(refused.contains(named), "{refused}");
    }

    #[test]
    fn the_baseline_can_be_read() {
        let path = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../c-shim/results/7.3/instructions.json"
        );
        let baseline = read(Path::new(path)).unwrap();
        assert!(baseline.counts().iter().all(|&(_, count)| count > 1.0));
    }
}
