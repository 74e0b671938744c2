// SPDX-License-Identifier: GPL-2.0
//! The kernel's own tests: each test that the host knows must run and pass, and no other. Some need all
//! processors and an idle driver, so they run now, and not at boot: what is skipped there stays so.

use anyhow::{Context, Result, bail, ensure};
use guest_protocol::{Kunit, KunitSuite};

use crate::port::Port;
use crate::procfs::{self, read};

const RESULTS: &str = "/sys/kernel/debug/kunit";

pub fn run(port: &mut Port, kunit: &Kunit) -> Result<()> {
    for suite in &kunit.suites {
        check(port, suite)?;
    }
    Ok(())
}

fn check(port: &mut Port, suite: &KunitSuite) -> Result<()> {
    let folder = format!("{RESULTS}/{}", suite.name);
    procfs::write(format!("{folder}/run"), 1)
        .with_context(|| format!("the kernel has no KUnit suite {}", suite.name))?;
    let results = read(format!("{folder}/results"))?;
    for name in &suite.tests {
        port.case(&format!("{}: {name}", suite.name), || {
            outcome(&results, name).map(|()| String::new())
        })?;
    }
    port.case(
        &format!("{}: no test is unknown to the host", suite.name),
        || {
            let ran = tests(&results).count();
            ensure!(ran == suite.tests.len(), "{ran} tests ran:\n{results}");
            Ok(format!("{ran} tests"))
        },
    )
}

pub fn outcome(results: &str, name: &str) -> Result<()> {
    match tests(results).find(|(_, test)| *test == name) {
        Some((true, _)) => Ok(()),
        Some((false, _)) => bail!("{results}"),
        None => bail!("it did not run:\n{results}"),
    }
}

/// The suite's tests, which are one level in, and whether they passed.
fn tests(results: &str) -> impl Iterator<Item = (bool, &str)> {
    results.lines().filter_map(|line| {
        let line = line.strip_prefix("    ")?;
        let (passed, rest) = match line.strip_prefix("not ok ") {
            Some(rest) => (false, rest),
            None => (true, line.strip_prefix("ok ")?),
        };
        let (_number, name) = rest.split_once(' ')?;
        // A skipped test has not passed.
        let (name, passed) = match name.split_once(" #") {
            Some((name, _why)) => (name, false),
            None => (name, passed),
        };
        Some((passed, name))
    })
}

#[cfg(test)]
mod tests {
    use super::outcome;

    const RESULTS: &str = "KTAP version 1\n1..1\n    KTAP version 1\n    # Subtest: poll_core\n    1..3\n    \
        ok 1 indices_wrap\n    # told_twice: ASSERTION FAILED at tests.rs:7\n    \
        not ok 2 told_twice\n    ok 3 skipped # SKIP for a reason\nnot ok 1 poll_core\n";

    #[test]
    fn only_a_test_that_passed_has_passed() {
        assert!(outcome(RESULTS, "indices_wrap").is_ok());
        for name in ["told_twice", "skipped", "poll_core", "indices"] {
            assert!(outcome(RESULTS, name).is_err(), "{name}");
        }
    }
}
