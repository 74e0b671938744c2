// SPDX-License-Identifier: GPL-2.0
//! `fuzz`: runs the polled wait and every text parser on arbitrary inputs, guided by the code
//! that the inputs reach. The fuzz targets are in fuzz/; cargo-fuzz builds them and libFuzzer runs
//! them.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;
use fs_err as fs;

use toolbox::fault::{self, Kind};
use toolbox::place::Place;
use toolbox::run::Stage;
use toolbox::tools::{self, Need};

const TARGETS: [&str; 3] = ["wait", "host", "guest"];
/// Fuzz target with a bug that the fuzzer must find.
const PLANTED: &str = "planted";
const LONGEST_INPUT_S: u32 = 10;

/// Fuzz the polled wait and all parsers
///
/// Starts with the inputs in fuzz/seeds/ and with those that earlier runs kept in
/// target/fuzz/corpus/. An input that fails is kept in target/fuzz/artifacts/, and the log has the
/// command that runs it again.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// What to fuzz [default: all targets]
    #[arg(value_parser = clap::builder::PossibleValuesParser::new(TARGETS))]
    targets: Vec<String>,

    /// How long to fuzz each target
    #[arg(long, value_name = "SECONDS", default_value_t = 5)]
    seconds: u32,

    /// Check that the fuzzer finds a planted bug, instead of fuzzing the targets
    #[arg(long, conflicts_with = "targets")]
    self_test: bool,
}

pub fn main(args: Args) -> Result<()> {
    let place = Place::find()?;
    let tools = tools::ensure(&place, &[Need::Fuzz])?;
    let fuzzer = Fuzzer {
        place: &place,
        program: tools.cargo_fuzz,
        seconds: args.seconds,
    };
    if args.self_test {
        return fuzzer.finds_planted();
    }
    let targets: Vec<&str> = match args.targets.is_empty() {
        true => TARGETS.to_vec(),
        false => args.targets.iter().map(String::as_str).collect(),
    };
    for target in targets {
        fuzzer.feed(target)?;
        println!("{target}: nothing found in {} s", args.seconds);
    }
    Ok(())
}

struct Fuzzer<'a> {
    place: &'a Place,
    program: PathBuf,
    seconds: u32,
}

impl Fuzzer<'_> {
    fn feed(&self, target: &str) -> Result<()> {
        self.build(target)?;
        Stage::new(format!("fuzzing {target}"))
            .fails_as(Kind::TestFailed)
            .run(&mut self.run(target)?, &self.log(target))
    }

    fn finds_planted(&self) -> Result<()> {
        self.build(PLANTED)?;
        let stage = Stage::new("looking for the planted bug");
        let (status, said) = stage.ask(&mut self.run(PLANTED)?, &self.log(PLANTED))?;
        if !status.success() && said.contains("the planted bug was found") {
            println!("the planted bug was found");
            return Ok(());
        }
        Err(fault::test_failed(format!(
            "the planted bug was not found in {} s\n  log: {}",
            self.seconds,
            self.log(PLANTED).display()
        )))
    }

    fn build(&self, target: &str) -> Result<()> {
        let mut cmd = self.cargo_fuzz("build", target);
        Stage::new(format!("building {target} for the fuzzer"))
            .fails_as(Kind::Build)
            .run(&mut cmd, &self.log(target))
    }

    /// Returns a command of cargo-fuzz. It uses no sanitizer, because all of the code is safe Rust.
    fn cargo_fuzz(&self, what: &str, target: &str) -> Command {
        let mut cmd = Command::new(&self.program);
        cmd.args(["fuzz", what, "--dev", "--sanitizer", "none", "--target-dir"])
            .arg(self.folder().join("build"))
            .arg(target)
            .current_dir(&self.place.root)
            // No backtrace of the fuzzer itself: the log must end with the finding.
            .env("RUST_BACKTRACE", "0");
        cmd
    }

    fn run(&self, target: &str) -> Result<Command> {
        let corpus = self.folder().join("corpus").join(target);
        let artifacts = self.folder().join("artifacts").join(target);
        for dir in [&corpus, &artifacts] {
            fs::create_dir_all(dir)?;
        }
        let mut cmd = self.cargo_fuzz("run", target);
        cmd.arg(corpus)
            .arg(self.place.root.join("fuzz/seeds").join(target))
            .arg("--")
            .arg(format!("-artifact_prefix={}/", artifacts.display()))
            .arg(format!("-max_total_time={}", self.seconds))
            .arg(format!("-timeout={LONGEST_INPUT_S}"));
        Ok(cmd)
    }

    fn folder(&self) -> PathBuf {
        self.place.target().join("fuzz")
    }

    fn log(&self, target: &str) -> PathBuf {
        self.place.logs().join(format!("fuzz-{target}.log"))
    }
}
