// SPDX-License-Identifier: GPL-2.0
//! How LAVA judges a guest: two monitors that read the console one after the other.
//!
//! ```text
//! Linux version ... |checks, complaints ... "report":"verdict","pass":true|,"reason":"..."}
//!                   |<------------------ poll-source --------------------->|
//!  ... complaints ... reboot|: Power down
//!  <- poll-source-shutdown ->|
//! ```
//!
//! The first one ends inside the verdict, after the part that is its result. So a guest without a
//! verdict never ends it: QEMU's end or the timeout makes the job incomplete. The second one sees
//! to it that the kernel has nothing to complain of until the machine is off.
//!
//! A result must have both groups. A complaint has nothing but its text, so its group `result` is
//! empty, and empty means `fail`. What comes in pieces must not look like a complaint: each other
//! alternative matches only where all of it is there.

use std::collections::BTreeMap;

use crate::schema::Monitor;

const PASS: &str = "pass";
const FAIL: &str = "fail";
/// The kernel's last words, after "reboot".
const POWER_DOWN: &str = ": Power down";

pub fn monitors(complaints: &[&str]) -> Vec<Monitor> {
    let complaints: Vec<String> = complaints.iter().map(|text| escaped(text)).collect();
    let complaints = complaints.join("|");
    vec![
        Monitor {
            name: "poll-source",
            start: "Linux version ",
            end: r#","reason":""#,
            pattern: format!(
                r#"(?P<test_case_id>(?<="name":")[^"]+(?=","(?:pass|why)":.)|verdict(?=","pass":.)|{complaints})(?P<result>","pass":t|","pass":f|","why":|)"#
            ),
            fixupdict: BTreeMap::from([
                (r#"","pass":t"#, PASS),
                (r#"","pass":f"#, FAIL),
                (r#"","why":"#, "skip"),
                ("", FAIL),
            ]),
        },
        Monitor {
            name: "poll-source-shutdown",
            start: r#""\}"#,
            end: POWER_DOWN,
            pattern: format!(
                "(?P<test_case_id>reboot(?={POWER_DOWN})|{complaints})(?=(?P<result>{POWER_DOWN}|))"
            ),
            fixupdict: BTreeMap::from([(POWER_DOWN, PASS), ("", FAIL)]),
        },
    ]
}

/// As a regular expression that matches this text.
fn escaped(text: &str) -> String {
    let mut regex = String::new();
    for c in text.chars() {
        if r"\.^$*+?{}[]|()".contains(c) {
            regex.push('\\');
        }
        regex.push(c);
    }
    regex
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_complaint_is_taken_as_it_is_spelt() {
        assert_eq!(escaped("---[ cut here ]---"), r"---\[ cut here \]---");
        let monitors = monitors(&["BUG:", "] BUG "]);
        assert!(
            monitors
                .iter()
                .all(|monitor| monitor.pattern.contains(r"|BUG:|\] BUG )"))
        );
    }
}
