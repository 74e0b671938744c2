// SPDX-License-Identifier: GPL-2.0
//! Runs the host's checks of planted bugs. Each check is one test, `PACKAGE::BUG`. It plants the
//! bug in a copy of the sources and runs a test there, which must fail with the words that the
//! manifest names.
//!
//! All bugs together take many minutes. Without arguments, only the first bug in the manifest is
//! tried for each test program. This shows that the program's tests can fail. `--include-ignored`
//! tries all bugs. The name of a bug tries only that bug.

mod copy;

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use copy::Planted;
use libtest_mimic::{Arguments, Trial};

fn main() -> ExitCode {
    let plants = match plants::load(&top()) {
        Ok(plants) => plants,
        Err(err) => {
            eprintln!("error: {err:#}");
            return ExitCode::FAILURE;
        }
    };
    let mut args = Arguments::from_args();
    args.include_ignored |= args.filter.is_some();
    let mut trials = Vec::new();
    let mut programs = HashSet::new();
    for plant in plants {
        for check in &plant.caught {
            let Some((package, test)) = check.on_host() else {
                continue;
            };
            let name = format!("{package}::{}", plant.name);
            let planted = Planted {
                plant: plant.clone(),
                package,
                test: test.clone(),
            };
            let is_first = programs.insert(planted.program());
            let trial = Trial::test(name, move || {
                planted.is_seen();
                Ok(())
            });
            trials.push(trial.with_ignored_flag(!is_first));
        }
    }
    // Checks of one package follow each other, so that less is built.
    trials.sort_by_key(|trial| trial.name().split("::").next().map(str::to_owned));
    libtest_mimic::run(&args, trials).exit_code()
}

/// The top folder of the checkout.
fn top() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}
