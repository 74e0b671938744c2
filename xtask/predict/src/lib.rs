// SPDX-License-Identifier: GPL-2.0
//! Predicts what polling gains under KVM. TCG has no VM exits, so its percentages say nothing about
//! KVM. But the number of events in one operation carries over from TCG. This crate multiplies
//! these counts by published costs (`costs.rs`), which gives the gain as a range.
//!
//! Pure arithmetic: no I/O, no clock. `lab` counts the events; `measure`, `series` and `report`
//! print the tables.
//!
//! ```text
//! counts (before) - counts (polled) --x cost per event--> saved time s --T / (T - s)--> gain
//! ```

mod costs;
#[cfg(test)]
mod rfc;
pub mod tables;

use std::fmt;

pub use costs::EVENTS;

/// A range from `low` to `high`, in nanoseconds or as a ratio.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Range {
    pub low: f64,
    pub high: f64,
}

/// The kind of KVM under which the guest runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Setting {
    /// KVM, and interrupts reach a running vCPU without an exit (Intel APICv, AMD AVIC).
    Posted,
    /// KVM, and each interrupt makes the vCPU exit.
    NotPosted,
    /// KVM inside a guest of KVM.
    Nested,
}

impl Setting {
    pub const ALL: [Setting; 3] = [Setting::Posted, Setting::NotPosted, Setting::Nested];
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Setting::Posted => "KVM, posted interrupts",
            Setting::NotPosted => "KVM, no posted interrupts",
            Setting::Nested => "nested KVM",
        })
    }
}

/// How often each event happens in one operation.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Counts {
    pub device_interrupts: f64,
    pub halts: f64,
    pub timers: f64,
    pub ipis: f64,
    pub notifications: f64,
    pub context_switches: f64,
}

/// The gain T / (T - s) of a saving s in a round trip T; infinite unless s is less than T.
pub fn gain(round_trip: f64, saved: f64) -> f64 {
    match saved < round_trip {
        true => round_trip / (round_trip - saved),
        false => f64::INFINITY,
    }
}

/// Predicts the gain, as a ratio, from the difference between the events of two variants. In the
/// first variant, `before`, an operation takes `round_trip` nanoseconds. Infinite where the saving
/// may be the whole round trip: the costs are then too high for this round trip.
pub fn predict(before: &Counts, polled: &Counts, round_trip: f64, setting: Setting) -> Range {
    let saved = saved(before, polled, setting);
    Range {
        low: gain(round_trip, saved.low),
        high: gain(round_trip, saved.high),
    }
}

/// Returns the time that polling saves in one operation, in ns; negative where polling adds more
/// time than it saves.
fn saved(before: &Counts, polled: &Counts, setting: Setting) -> Range {
    let mut saved = Range {
        low: 0.0,
        high: 0.0,
    };
    for event in EVENTS {
        let fewer = (event.count)(before) - (event.count)(polled);
        let price = event.cost(setting);
        // Where polling adds events, `fewer` is negative: then the high price gives the lowest
        // saving.
        let (least, most) = match fewer >= 0.0 {
            true => (price.low, price.high),
            false => (price.high, price.low),
        };
        saved.low += fewer * least;
        saved.high += fewer * most;
    }
    saved
}

#[cfg(test)]
mod tests {
    use super::*;

    fn interrupts(device_interrupts: f64) -> Counts {
        Counts {
            device_interrupts,
            ..Counts::default()
        }
    }

    /// A variant that interrupts less and halts more may gain or lose, and the range includes both.
    #[test]
    fn what_polling_adds_is_paid() {
        let before = interrupts(1.0);
        let polled = Counts {
            halts: 1.0,
            ..interrupts(0.0)
        };
        let gain = predict(&before, &polled, 50_000.0, Setting::Posted);
        assert!(gain.low < 1.0 && 1.0 < gain.high);
        let there = saved(&before, &polled, Setting::Posted);
        let back = saved(&polled, &before, Setting::Posted);
        assert_eq!((back.low, back.high), (-there.high, -there.low));
    }

    /// If the saving may be the whole round trip, the gain has no upper end.
    #[test]
    fn a_round_trip_shorter_than_the_saving_has_no_upper_end() {
        let (before, polled) = (interrupts(1.0), interrupts(0.0));
        let gain = predict(&before, &polled, 10_000.0, Setting::Nested);
        assert!(gain.low.is_finite());
        assert_eq!(gain.high, f64::INFINITY);
    }
}
