// SPDX-License-Identifier: GPL-2.0
//! `sanitize`: runs the C shim's harness under AddressSanitizer and ThreadSanitizer, both the C and
//! the Rust code. Both use the runtime of rustc, because gcc and LLVM agree on its interface.

use anyhow::Result;

use toolbox::fault::Kind;
use toolbox::options::spelled;
use toolbox::place::Place;
use toolbox::program::TARGET;
use toolbox::run::Stage;
use toolbox::tools::{self, Need};

/// Run the C shim's tests under AddressSanitizer and ThreadSanitizer
///
/// Builds the C code, the poll core and the tests with each sanitizer, with the
/// usual toolchain.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Sanitizers to use [default: both]
    #[arg(value_enum)]
    sanitizers: Vec<Sanitizer>,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Sanitizer {
    Address,
    Thread,
}

impl Sanitizer {
    /// Returns cargo's arguments that choose the tests. ThreadSanitizer runs only the test with
    /// several threads. std and libtest are not built with the sanitizer, so it does not see how
    /// they order accesses.
    fn tests(self) -> &'static [&'static str] {
        match self {
            Sanitizer::Address => &[
                "--test", "shim", "--test", "ring", "--test", "lying", "--test", "threads",
            ],
            Sanitizer::Thread => &["--test", "threads", "--", "--test-threads", "1"],
        }
    }

    fn run(self, place: &Place) -> Result<()> {
        let name = &spelled(self);
        let suppressions = place.root.join("c-shim/harness/tsan.supp");
        let mut cmd = place.cargo();
        cmd.args(["test", "--locked", "--package", "shim-harness"])
            .args(["--target", TARGET])
            .args(self.tests())
            .env(
                "CARGO_TARGET_DIR",
                place.target().join("sanitize").join(name),
            )
            // With this, a finding shows files and lines.
            .env("CARGO_PROFILE_DEV_DEBUG", "line-tables-only")
            // rustc has the sanitizers and their runtime, but they are unstable features.
            .env("RUSTC_BOOTSTRAP", "1")
            .env(
                "RUSTFLAGS",
                format!("-Zsanitizer={name} -Cunsafe-allow-abi-mismatch=sanitizer"),
            )
            .env_remove("CARGO_ENCODED_RUSTFLAGS")
            .env(
                "TSAN_OPTIONS",
                format!("suppressions={}", suppressions.display()),
            );
        Stage::new(format!("testing the C shim with the {name} sanitizer"))
            .fails_as(Kind::TestFailed)
            .run(&mut cmd, &place.logs().join(format!("sanitize-{name}.log")))
    }
}

pub fn main(args: Args) -> Result<()> {
    let place = Place::find()?;
    tools::ensure(&place, &[Need::Harness])?;
    let sanitizers = match args.sanitizers.is_empty() {
        true => vec![Sanitizer::Address, Sanitizer::Thread],
        false => args.sanitizers,
    };
    for sanitizer in sanitizers {
        sanitizer.run(&place)?;
        println!("{}: nothing found", spelled(sanitizer));
    }
    Ok(())
}
