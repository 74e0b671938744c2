// SPDX-License-Identifier: GPL-2.0
//! The least that the feature must gain on a two-core machine under TCG. Asserted only on demand:
//! a busy host gains less. The figures are `lab`'s, in `blk/floors.rs` and `net/floors.rs`.

use anyhow::Result;
use guest_protocol::Variant;
use toolbox::fault;

use crate::results::Comparison;

/// Fails with the floors that were missed.
pub fn reached(missed: &[String]) -> Result<()> {
    none_of("floors missed", missed)?;
    println!("all floors reached");
    Ok(())
}

/// Fails if there are such lines.
pub fn none_of(what: &str, lines: &[String]) -> Result<()> {
    match lines.is_empty() {
        true => Ok(()),
        false => Err(fault::test_failed(format!(
            "{what}:\n  {}",
            lines.join("\n  ")
        ))),
    }
}

/// A line for each floor that was missed or could not be looked at.
#[derive(Default)]
pub struct Missed {
    pub lines: Vec<String>,
}

impl Missed {
    pub fn not_measured(&mut self, what: &str) {
        self.lines.push(format!("{what}: not measured"));
    }

    /// The median of a ratio; `ratio` is its name in the results, `what` on paper.
    pub fn gain(&mut self, case: &Comparison, ratio: &str, what: &str, floor: f64) {
        let median = case.ratio.get(ratio).map(|ratio| ratio.median);
        self.at_least(&case.name, what, median, floor);
    }

    pub fn lower_bound(&mut self, case: &Comparison, ratio: &str, what: &str, floor: f64) {
        let lo = case.ratio.get(ratio).map(|ratio| ratio.lo);
        self.at_least(&case.name, &format!("{what}, lower bound"), lo, floor);
    }

    fn at_least(&mut self, name: &str, what: &str, value: Option<f64>, floor: f64) {
        match value {
            Some(value) if value >= floor => {}
            Some(value) => self
                .lines
                .push(format!("{name}: {what} is {value:.3}, floor {floor:.2}")),
            None => self
                .lines
                .push(format!("{name}: {what} was not measured, floor {floor:.2}")),
        }
    }

    /// Those that poll_source leaves.
    pub fn interrupts(&mut self, case: &Comparison, per: &str, ceiling: f64) {
        let irqs = case.samples(Variant::PollSource).map(|s| s.irqs_per_op);
        if !irqs.is_some_and(|irqs| irqs <= ceiling) {
            let value = irqs.map_or("not measured".into(), |irqs| format!("{irqs:.3}"));
            self.lines.push(format!(
                "{}: poll_source's interrupts per {per}: {value}, at most {ceiling:.2}",
                case.name
            ));
        }
    }
}
