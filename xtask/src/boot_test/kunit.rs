// SPDX-License-Identifier: GPL-2.0
//! The kunit scenario's guest: a kernel that tests its poll core at boot, by the very file that the
//! host runs as unit tests.

use std::fs;

use anyhow::{Context, Result};
use guest_init::{Kunit, Scenario};

use super::Guest;
use crate::fault;
use crate::guest::machine::Machine;
use crate::place::Place;

const SUITE: &str = "poll_core";
const TESTS: &str = "rust-core/src/poll/tests.rs";

pub fn guest(place: &Place) -> Result<Guest> {
    let path = place.root.join(TESTS);
    let source =
        fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
    let tests = names(&source);
    if tests.is_empty() {
        return Err(fault::usage(format!("{TESTS} has no tests")));
    }
    Ok(Guest {
        label: None,
        machine: Machine {
            kernel_args: vec!["kunit.enable=1"],
            ..Machine::bare()
        },
        scenario: Scenario::Kunit(Kunit {
            suite: SUITE.into(),
            tests,
        }),
        programs: Vec::new(),
    })
}

/// The functions marked `#[test]`.
fn names(source: &str) -> Vec<String> {
    let marked = source.split("#[test]").skip(1);
    marked
        .filter_map(|after| {
            let (name, _) = after.trim_start().strip_prefix("fn ")?.split_once('(')?;
            Some(name.to_owned())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::names;

    #[test]
    fn tests_are_found_and_helpers_are_not() {
        let source =
            "fn helper() {}\n    #[test]\n    fn one() {}\n\n    #[test]\n    fn two() {}\n";
        assert_eq!(names(source), ["one", "two"]);
    }
}
