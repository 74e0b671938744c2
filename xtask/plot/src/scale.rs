// SPDX-License-Identifier: GPL-2.0
//! The vertical scale of panels, chosen by what is drawn there.

use guest_protocol::Variant;

use crate::panel::Bar;

/// Another variant may be this many times as high as poll_source before its bar is cut.
const OTHERS: f64 = 2.5;
/// An interval that goes on a little longer than that is shown: nothing is cut by a hair.
const SLACK: f64 = 1.3;
/// Of the scale, beyond the highest and lowest that it shows.
const MARGIN: f64 = 0.04;
/// About as many lines of the grid.
const TICKS: f64 = 5.0;

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Axis {
    pub low: f64,
    pub high: f64,
}

impl Axis {
    /// All bars as a whole. An interval may go on for `reach` times the highest bar, or for as long as
    /// is usual here; else it is cut. So one wide interval does not make all others flat.
    pub fn of_bars<'a>(bars: impl Iterator<Item = &'a Bar> + Clone, reach: f64) -> Axis {
        Axis::new(bars.clone(), bars, reach, f64::INFINITY)
    }

    /// The same for gains, whose plot is about poll_source: io_poll may gain ten times as much on a
    /// device without latency, and is cut there.
    pub fn of_gains<'a>(bars: impl Iterator<Item = &'a Bar> + Clone) -> Axis {
        let own = bars
            .clone()
            .filter(|bar| bar.variant == Variant::PollSource);
        match own.clone().next() {
            Some(_) => Axis::new(own, bars, 1.0, OTHERS),
            None => Axis::of_bars(bars, 1.0),
        }
    }

    fn new<'a>(
        own: impl Iterator<Item = &'a Bar> + Clone,
        all: impl Iterator<Item = &'a Bar> + Clone,
        reach: f64,
        others: f64,
    ) -> Axis {
        let amplitude = own.clone().map(|bar| bar.top.abs()).fold(0.0, f64::max);
        let mut lengths: Vec<f64> = own.clone().filter_map(Bar::whisker_length).collect();
        lengths.sort_by(f64::total_cmp);
        let middle = lengths.len().saturating_sub(1) / 2;
        let usual = lengths.get(middle).copied().unwrap_or(0.0);
        let extent = |sign: f64| {
            let highest = |values: &mut dyn Iterator<Item = f64>| {
                values.map(|value| sign * value).fold(0.0, f64::max)
            };
            let bars = highest(&mut own.clone().map(|bar| bar.top));
            let shown = highest(&mut all.clone().map(|bar| bar.top)).min(others * amplitude);
            let whiskers = all.clone().filter_map(|bar| bar.whisker);
            let limit = (bars + usual.max(reach * amplitude)) * SLACK;
            let near = |end: &f64| sign * end <= limit;
            let mut ends = whiskers.flat_map(|(lo, hi)| [lo, hi]).filter(near);
            bars.max(shown).max(highest(&mut ends))
        };
        let (low, high) = (-extent(-1.0), extent(1.0));
        if high == low {
            return Axis {
                low: 0.0,
                high: 1.0,
            };
        }
        let margin = (high - low) * MARGIN;
        Axis {
            low: if low < 0.0 { low - margin } else { 0.0 },
            high: high + margin,
        }
    }

    /// Where the grid has lines, and with how many digits they are written.
    pub fn ticks(&self) -> (Vec<f64>, usize) {
        let rough = (self.high - self.low) / TICKS;
        let power = 10f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0]
            .map(|factor| factor * power)
            .into_iter()
            .find(|step| *step >= rough)
            .unwrap_or(10.0 * power);
        let first = (self.low / step).ceil() as i64;
        let last = (self.high / step).floor() as i64;
        let digits = (-step.log10().floor()).max(0.0) as usize;
        ((first..=last).map(|at| at as f64 * step).collect(), digits)
    }

    pub fn shows(&self, value: f64) -> bool {
        (self.low..=self.high).contains(&value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bar(variant: Variant, top: f64, lo: f64, hi: f64) -> Bar {
        let bar = Bar::new(0, variant, top, String::new());
        Bar {
            whisker: Some((lo, hi)),
            ..bar
        }
    }

    #[test]
    fn one_wide_interval_does_not_make_the_others_flat() {
        let bars = [
            bar(Variant::PollSource, 20.0, 10.0, 30.0),
            bar(Variant::PollSource, 22.0, -60.0, 160.0),
            bar(Variant::AsItComes, -10.0, -12.0, 5.0),
        ];
        let scale = Axis::of_gains(bars.iter());
        assert!(scale.shows(30.0) && !scale.shows(160.0), "{scale:?}");
        assert!(scale.high < 50.0 && scale.shows(-12.0), "{scale:?}");
        assert!(!scale.shows(-60.0), "{scale:?}");
    }

    #[test]
    fn nothing_is_cut_by_a_hair() {
        let bars = [
            bar(Variant::PollSource, 20.0, 15.0, 25.0),
            bar(Variant::PollSource, 10.0, -25.0, 44.0),
        ];
        let scale = Axis::of_gains(bars.iter());
        assert!(scale.shows(44.0) && scale.shows(-25.0), "{scale:?}");
    }

    #[test]
    fn where_all_intervals_are_wide_they_are_shown() {
        let wide = |top: f64| bar(Variant::PollSource, top, top - 30.0, top + 30.0);
        let scale = Axis::of_gains([wide(1.0), wide(-1.0), wide(0.0)].iter());
        assert!(scale.shows(31.0) && scale.shows(-31.0), "{scale:?}");
    }

    #[test]
    fn a_peer_that_gains_ten_times_as_much_is_cut() {
        let bars = [
            bar(Variant::PollSource, 20.0, 15.0, 25.0),
            bar(Variant::IoPoll, 400.0, 300.0, 500.0),
        ];
        assert!(!Axis::of_gains(bars.iter()).shows(60.0));
        assert!(Axis::of_bars(bars.iter(), 1.0).shows(500.0));
        assert!(Axis::of_gains(bars[1..].iter()).shows(500.0));
    }

    #[test]
    fn the_grid_has_round_numbers_and_zero() {
        let ticks = |low, high| Axis { low, high }.ticks();
        assert_eq!(ticks(-17.0, 48.0), (vec![0.0, 20.0, 40.0], 0));
        let (lines, digits) = ticks(0.0, 2.1);
        assert_eq!((lines.len(), digits), (5, 1));
        assert_eq!(ticks(0.0, 0.0021).1, 4);
        assert!(Axis::of_gains([].iter()).ticks().0.contains(&0.0));
    }
}
