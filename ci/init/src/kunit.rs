// SPDX-License-Identifier: GPL-2.0
//! Runs the kernel's own KUnit tests: each suite must exist, and each of its tests must run and
//! pass. Some tests need all CPUs and an idle driver, so the suites run now and not at boot: a test
//! that is skipped at boot stays skipped.

use anyhow::{Context, Result, ensure};

use crate::port::Port;
use crate::procfs::{self, read};

const RESULTS: &str = "/sys/kernel/debug/kunit";

pub fn run(port: &mut Port, suites: &[String]) -> Result<()> {
    suites.iter().try_for_each(|suite| check(port, suite))
}

fn check(port: &mut Port, suite: &str) -> Result<()> {
    let folder = format!("{RESULTS}/{suite}");
    procfs::write(format!("{folder}/run"), 1)
        .with_context(|| format!("the kernel has no KUnit suite {suite}"))?;
    let results = read(format!("{folder}/results"))?;
    for (passed, name) in tests(&results) {
        port.case(&format!("{suite}: {name}"), || {
            ensure!(passed, "{results}");
            Ok(String::new())
        })?;
    }
    port.case(&format!("{suite}: each of its tests ran"), || {
        Ok(format!("{} tests", all_ran(&results)?))
    })
}

/// Returns the number of tests that ran. Fails if none ran, or if the suite's plan has another
/// number.
pub fn all_ran(results: &str) -> Result<usize> {
    let mut lines = results.lines();
    let plan = lines.find_map(|line| line.strip_prefix("    1.."));
    let planned: usize = plan.context("the suite has no plan")?.parse()?;
    let ran = tests(results).count();
    ensure!(
        ran > 0 && ran == planned,
        "{ran} of {planned} tests ran:\n{results}"
    );
    Ok(ran)
}

/// The suite's tests, which are indented by one level, and whether each passed.
fn tests(results: &str) -> impl Iterator<Item = (bool, &str)> {
    results.lines().filter_map(|line| {
        let line = line.strip_prefix("    ")?;
        let (passed, rest) = match line.strip_prefix("not ok ") {
            Some(rest) => (false, rest),
            None => (true, line.strip_prefix("ok ")?),
        };
        let (_number, name) = rest.split_once(' ')?;
        // A skipped test counts as failed.
        let (name, passed) = match name.split_once(" #") {
            Some((name, _why)) => (name, false),
            None => (name, passed),
        };
        Some((passed, name))
    })
}

#[cfg(test)]
mod tests {
    use super::{all_ran, tests};

    const RESULTS: &str = "KTAP version 1\n1..1\n    KTAP version 1\n    # Subtest: poll_core\n    1..3\n    \
        ok 1 indices_wrap\n    # told_twice: ASSERTION FAILED at tests.rs:7\n    \
        not ok 2 told_twice\n    ok 3 skipped # SKIP for a reason\nnot ok 1 poll_core\n";

    #[test]
    fn only_a_test_that_passed_has_passed_and_all_must_run() {
        let outcomes: Vec<_> = tests(RESULTS).collect();
        assert_eq!(
            outcomes,
            [
                (true, "indices_wrap"),
                (false, "told_twice"),
                (false, "skipped")
            ]
        );
        assert_eq!(all_ran(RESULTS).unwrap(), 3);
        all_ran(&RESULTS.replace("    1..3", "    1..4")).unwrap_err();
        all_ran("    1..0\n").unwrap_err();
    }
}
