// SPDX-License-Identifier: GPL-2.0
//! Whether results say how sure they are: what the cover letter takes, and `bench --save` keeps.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use guest_protocol::Variant;
use toolbox::fault;

use crate::results::{Comparison, Design, Results, Runs, SCHEMA};
use crate::stats::Ratio;

/// Fewer pairs than this give no interval worth its name.
pub const FEWEST_PAIRS: u32 = 8;

/// Reads a results.json and refuses one that does not say how sure it is.
pub fn read(path: &Path) -> Result<Results> {
    let text = fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
    parse(&text).map_err(|reason| fault::usage(format!("{}: {reason}", path.display())))
}

/// Whether results may land: the cover letter would refuse others.
pub fn check(json: &str) -> Result<()> {
    parse(json)
        .map(drop)
        .map_err(|reason| fault::test_failed(format!("these results say too little: {reason}")))
}

pub fn parse(text: &str) -> Result<Results, String> {
    let results: Results = serde_json::from_str(text).map_err(|err| err.to_string())?;
    if results.schema != SCHEMA {
        return Err(format!("schema {} is not known", results.schema));
    }
    if results.cases.is_empty() {
        return Err("nothing was measured".into());
    }
    // A distribution's kernel is not built here: its version says what was measured.
    let is_module = results
        .cases
        .iter()
        .all(|case| case.design().is_some_and(Design::is_module));
    if results.tree.is_none() && !is_module {
        return Err("the tree is not known".into());
    }
    for case in &results.cases {
        judge(case).map_err(|reason| format!("{}: {reason}", case.name))?;
    }
    Ok(results)
}

fn judge(case: &Comparison) -> Result<(), String> {
    let kind = case.design().ok_or("not the name of a case")?;
    for variant in [Variant::Before, Variant::PollSource] {
        let samples = case.samples(variant);
        let samples = samples.ok_or_else(|| format!("{variant} was not measured"))?;
        number(samples.irqs_per_op, &format!("{variant}: the interrupts"))?;
    }
    for variant in [Variant::PollSource, kind.peer()] {
        match (case.ratio.get(variant.name()), case.variants.get(&variant)) {
            (Some(ratio), _) => judge_ratio(ratio),
            (None, Some(Runs::Not { .. })) => Ok(()),
            (None, _) => Err("there is no ratio".into()),
        }
        .map_err(|reason: String| format!("{variant}: {reason}"))?;
    }
    Ok(())
}

fn judge_ratio(ratio: &Ratio) -> Result<(), String> {
    let &Ratio {
        median,
        lo,
        hi,
        pairs,
    } = ratio;
    number(median, "the median")?;
    number(lo, "the interval's lower end")?;
    number(hi, "the interval's upper end")?;
    if !(lo <= median && median <= hi) {
        return Err(format!("{median} is not in its interval [{lo}, {hi}]"));
    }
    if pairs < FEWEST_PAIRS as usize {
        return Err(format!(
            "{pairs} pairs are too few for an interval, {FEWEST_PAIRS} are needed"
        ));
    }
    Ok(())
}

fn number(value: f64, what: &str) -> Result<(), String> {
    match value.is_finite() && value >= 0.0 {
        true => Ok(()),
        false => Err(format!("{what} is missing or not finite")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;
    use serde_json::{Value, json};

    /// With the value at `place` another one; None: gone.
    fn with(place: &str, value: Option<Value>) -> String {
        let mut report = sample::results();
        let (parent, name) = place.rsplit_once('/').unwrap();
        let parent = report.pointer_mut(parent).unwrap().as_object_mut().unwrap();
        match value {
            Some(value) => parent.insert(name.into(), value),
            None => parent.remove(name),
        };
        report.to_string()
    }

    #[test]
    fn what_is_read_is_what_was_written() {
        let written = sample::results();
        let read = parse(&written.to_string()).unwrap();
        assert_eq!(serde_json::to_value(read).unwrap(), written);
    }

    #[test]
    fn results_that_do_not_say_how_sure_they_are_are_refused() {
        parse(&sample::results().to_string()).unwrap();
        let ratio = "/cases/0/ratio/poll_source";
        let at = |name: &str| format!("{ratio}/{name}");
        let before = "/cases/0/variants/before";
        let cases = [
            ("/tree".into(), None, "the tree is not known"),
            ("/tree".into(), Some(Value::Null), "the tree is not known"),
            ("/schema".into(), Some(json!(2)), "schema 2"),
            ("/cases".into(), Some(json!([])), "nothing was measured"),
            (
                ratio.into(),
                None,
                "randread@0us: poll_source: there is no ratio",
            ),
            (at("pairs"), None, "0 pairs are too few"),
            (at("pairs"), Some(json!(7)), "7 pairs are too few"),
            (at("lo"), None, "lower end is missing or not finite"),
            (
                at("hi"),
                Some(Value::Null),
                "upper end is missing or not finite",
            ),
            (
                at("median"),
                Some(json!(f64::NAN)),
                "median is missing or not finite",
            ),
            (at("median"), Some(json!(4.0)), "4 is not in its interval"),
            (
                "/cases/0/ratio/io_poll".into(),
                None,
                "io_poll: there is no ratio",
            ),
            (
                format!("{before}/irqs_per_op"),
                None,
                "before: the interrupts",
            ),
            (before.into(), None, "before was not measured"),
            (
                "/cases/0/name".into(),
                Some(json!("x/y")),
                "not the name of a case",
            ),
        ];
        for (place, value, reason) in cases {
            let refused = parse(&with(&place, value)).expect_err(reason);
            assert!(refused.contains(reason), "{place}: {refused}");
        }
        // An infinity that some other program wrote.
        let infinite = sample::results().to_string().replace("3.5", "1e999");
        assert!(parse(&infinite).unwrap_err().contains("out of range"));
    }

    #[test]
    fn only_the_modules_results_may_lack_a_tree() {
        let mut report: Value = serde_json::from_str(&with("/tree", None)).unwrap();
        let case = &mut report["cases"][0];
        for of in ["variants", "ratio"] {
            let of = case[of].as_object_mut().unwrap();
            let peer = of.remove("io_poll").unwrap();
            of.insert("as_it_comes".into(), peer);
        }
        parse(&report.to_string()).unwrap();
        let ratio = report["cases"][0]["ratio"].as_object_mut().unwrap();
        ratio.remove("as_it_comes");
        let refused = parse(&report.to_string()).unwrap_err();
        assert!(
            refused.contains("as_it_comes: there is no ratio"),
            "{refused}"
        );
    }

    #[test]
    fn a_peer_may_be_not_measured_if_that_is_said() {
        let not = json!({"not_measured": "the queue says io_poll=0"});
        let mut report: Value =
            serde_json::from_str(&with("/cases/0/ratio/io_poll", None)).unwrap();
        report["cases"][0]["variants"]["io_poll"] = not;
        parse(&report.to_string()).unwrap();
    }
}
