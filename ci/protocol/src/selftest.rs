// SPDX-License-Identifier: GPL-2.0
//! Judges the output of the series' selftest, possibly mixed with other lines. The selftest passes
//! only if every test of its plan passed, none was skipped, and it reported the gain.

/// Returns a summary of the results, or what is wrong.
pub fn judge(console: &str) -> Result<String, String> {
    let lines = || console.lines().map(str::trim_end);
    let plan = lines()
        .find_map(|line| line.strip_prefix("1.."))
        .ok_or("it printed no plan")?;
    let plan: usize = plan
        .parse()
        .map_err(|_| format!("its plan has no tests: 1..{plan}"))?;
    let bad = |line: &&str| {
        line.starts_with("not ok ") || line.starts_with("Bail out!") || line.contains("# SKIP")
    };
    if let Some(first) = lines().find(bad) {
        let why = lines().filter(|line| line.starts_with("# "));
        let why: String = why.map(|line| format!("\n    {line}")).collect();
        return Err(format!("{first}{why}"));
    }
    let passed = lines().filter(|line| line.starts_with("ok ")).count();
    if passed != plan || plan == 0 {
        return Err(format!(
            "only {passed} of {plan} tests passed before it ended"
        ));
    }
    let gain = lines()
        .find_map(|line| line.strip_prefix("# ratio "))
        .ok_or("it reported no ratio")?;
    Ok(format!("{passed} tests passed, ratio {gain}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "[    0.0] Linux version 7.3.4\r\nTAP version 13\r\n1..2\r\nok 1 switch\r\n\
        # ratio 1.20 (1.10 to 1.30): reads/s\r\nok 2 disk\r\n# Totals: pass:2 fail:0\r\n";

    #[test]
    fn all_passed_with_the_gain_told() {
        let said = judge(GOOD).unwrap();
        assert_eq!(said, "2 tests passed, ratio 1.20 (1.10 to 1.30): reads/s");
    }

    #[test]
    fn anything_less_is_a_failure() {
        let worse = [
            GOOD.replace("ok 2", "not ok 2"),
            GOOD.replace("ok 2 disk", "ok 2 disk # SKIP"),
            GOOD.replace("ok 1 switch", "    ok 1 part # SKIP\r\nok 1 switch"),
            GOOD.replace("ok 2 disk", "Bail out! no folder"),
            GOOD.replace("ok 2 disk\r\n", ""),
            GOOD.replace("# ratio", "# no ratio"),
            GOOD.replace("1..2", "1..0 # SKIP this takes root"),
            GOOD.replace("1..2", "1..0"),
            GOOD.replace("1..2", ""),
            String::new(),
        ];
        for console in worse {
            assert!(judge(&console).is_err(), "{console}");
        }
    }

    #[test]
    fn a_failed_test_is_told_with_what_it_found() {
        let err = judge(&GOOD.replace("ok 2", "# disk: 0.9\r\nnot ok 2")).unwrap_err();
        assert!(err.starts_with("not ok 2 disk"), "{err}");
        assert!(err.contains("# disk: 0.9"), "{err}");
    }
}
