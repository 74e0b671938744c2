// SPDX-License-Identifier: GPL-2.0
//! The kunit scenario's guest: a kernel that runs its KUnit tests once it is asked to. Those of the poll
//! core are the files that the host runs as unit tests.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use guest_protocol::{Kunit, KunitSuite, Scenario};

use super::Guest;
use toolbox::fault;
use toolbox::place::Place;
use vm::machine::Machine;

/// Finds the names of the tests in a source.
type Names = fn(&str) -> Vec<String>;

/// Each suite, and where its tests are.
const SUITES: [(&str, &str, Names); 5] = [
    ("poll_core", "rust-core/src/poll/tests.rs", rust_names),
    (
        "poll_borrow",
        "rust-core/src/poll/borrow_tests.rs",
        rust_names,
    ),
    (
        "poll_flags",
        "rust-core/src/poll/flags_tests.rs",
        rust_names,
    ),
    ("irq_polled", "c-shim/edits/irq-polled.diff", c_names),
    (
        "poll_irq",
        "c-shim/kernel/drivers/cpuidle/poll/irq_test.c",
        c_names,
    ),
];

pub fn guest(place: &Place) -> Result<Guest> {
    let suites = SUITES
        .iter()
        .map(|&(name, file, names)| suite(&place.root, name, file, names))
        .collect::<Result<_>>()?;
    Ok(Guest {
        label: None,
        machine: Machine {
            // Some tests want a hit on one CPU and something else on the other.
            cpus: 2,
            kernel_args: vec!["kunit.enable=1", "kunit.autorun=0"],
            ..Machine::bare()
        },
        scenario: Scenario::Kunit(Kunit { suites }),
        programs: Vec::new(),
    })
}

fn suite(root: &Path, name: &str, file: &str, names: Names) -> Result<KunitSuite> {
    let path = root.join(file);
    let source =
        fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
    let tests = names(&source);
    if tests.is_empty() {
        return Err(fault::usage(format!("{file} has no tests")));
    }
    Ok(KunitSuite {
        name: name.into(),
        tests,
    })
}

/// The functions marked `#[test]`.
fn rust_names(source: &str) -> Vec<String> {
    let marked = source.split("#[test]").skip(1);
    marked
        .filter_map(|after| {
            let (name, _) = after.trim_start().strip_prefix("fn ")?.split_once('(')?;
            Some(name.to_owned())
        })
        .collect()
}

/// The tests in a C file, or those that a patch adds to one.
fn c_names(source: &str) -> Vec<String> {
    source
        .lines()
        .filter_map(|line| {
            let line = line.strip_prefix('+').unwrap_or(line);
            let case = line.strip_prefix("\tKUNIT_CASE(")?;
            Some(case.strip_suffix("),")?.to_owned())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{c_names, rust_names};
    use toolbox::place::Place;

    #[test]
    fn tests_are_found_and_helpers_are_not() {
        let source =
            "fn helper() {}\n    #[test]\n    fn one() {}\n\n    #[test]\n    fn two() {}\n";
        assert_eq!(rust_names(source), ["one", "two"]);
    }

    #[test]
    fn tests_that_were_there_before_the_patch_are_left_out() {
        let patch = " \tKUNIT_CASE(old),\n+static void one(void) {}\n+\tKUNIT_CASE(one),\n";
        assert_eq!(c_names(patch), ["one"]);
        let file = "static void one(void) {}\n\tKUNIT_CASE(one),\n\tKUNIT_CASE(two),\n\t{}\n";
        assert_eq!(c_names(file), ["one", "two"]);
    }

    #[test]
    fn each_suite_has_tests() {
        super::guest(&Place::find().unwrap()).unwrap();
    }
}
