// SPDX-License-Identifier: GPL-2.0
//! Medians and paired ratios. Absolute figures drift by a third within one boot, but the ratio of
//! two runs of the same round is stable.

use std::fmt;

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use serde::{Deserialize, Deserializer, Serialize};

const RESAMPLES: usize = 10_000;
/// The seed is fixed: the same samples give the same interval.
const SEED: u64 = 2021;
/// The share below a 95 % interval, and above it.
const OUTSIDE: f64 = 0.025;

/// The median of paired ratios and its 95 % bootstrap interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ratio {
    #[serde(default = "nan", deserialize_with = "or_nan")]
    pub median: f64,
    #[serde(default = "nan", deserialize_with = "or_nan")]
    pub lo: f64,
    #[serde(default = "nan", deserialize_with = "or_nan")]
    pub hi: f64,
    #[serde(default)]
    pub pairs: usize,
}

/// "1.22 [1.00, 1.36]"
impl fmt::Display for Ratio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Ratio { median, lo, hi, .. } = self;
        write!(f, "{median:.2} [{lo:.2}, {hi:.2}]")
    }
}

/// The value of a missing figure, which `judge` refuses in words.
pub fn nan() -> f64 {
    f64::NAN
}

/// Reads null as NaN. JSON has no infinity and no NaN: serde_json writes null for both.
pub fn or_nan<'de, D: Deserializer<'de>>(from: D) -> Result<f64, D::Error> {
    Option::deserialize(from).map(|value| value.unwrap_or(f64::NAN))
}

/// Returns NaN for no values.
pub fn median(values: &[f64]) -> f64 {
    quantile(&sorted(values), 0.5)
}

/// Returns NaN for no values.
pub fn lower_quartile(values: &[f64]) -> f64 {
    quantile(&sorted(values), 0.25)
}

fn sorted(values: &[f64]) -> Vec<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted
}

/// Returns the median of `over / under`, pair by pair, with its interval. None without values, or
/// if there are not as many `over` as `under`.
pub fn ratio(over: &[f64], under: &[f64]) -> Option<Ratio> {
    let ratios: Vec<f64> = over.iter().zip(under).map(|(o, u)| o / u).collect();
    if ratios.is_empty() || over.len() != under.len() {
        return None;
    }
    let mut rng = SmallRng::seed_from_u64(SEED);
    let mut resample = vec![0.0; ratios.len()];
    let mut medians: Vec<f64> = (0..RESAMPLES)
        .map(|_| {
            for value in &mut resample {
                *value = ratios[rng.random_range(0..ratios.len())];
            }
            median(&resample)
        })
        .collect();
    medians.sort_by(f64::total_cmp);
    Some(Ratio {
        median: median(&ratios),
        lo: quantile(&medians, OUTSIDE),
        hi: quantile(&medians, 1.0 - OUTSIDE),
        pairs: ratios.len(),
    })
}

/// Interpolates if the place is between two values.
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else {
        return f64::NAN;
    };
    let place = share * last as f64;
    let (below, above) = (place.floor() as usize, place.ceil() as usize);
    sorted[below] + (sorted[above] - sorted[below]) * place.fract()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_interpolate() {
        let sorted = [10.0, 20.0, 30.0, 40.0, 50.0];
        assert_eq!(quantile(&sorted, 0.625), 35.0);
        assert_eq!(quantile(&sorted, 1.0), 50.0);
        assert_eq!(lower_quartile(&[30.0, 10.0, 50.0, 20.0, 40.0]), 20.0);
        assert_eq!(median(&[4.0, 1.0, 3.0, 2.0]), 2.5);
        assert!(median(&[]).is_nan());
    }

    #[test]
    fn pairs_cancel_a_drift_that_medians_of_each_side_would_not() {
        let under = [100.0, 150.0, 220.0, 300.0];
        let over = under.map(|value| value * 1.25);
        let ratio = ratio(&over, &under).unwrap();
        assert_eq!((ratio.median, ratio.lo, ratio.hi), (1.25, 1.25, 1.25));
        assert_eq!(ratio.pairs, 4);
    }

    /// By order statistics, the interval of a median of 8 values is from the 2nd value to the 7th
    /// at 93 %, and from the 1st to the 8th at 99 %.
    #[test]
    fn the_interval_holds_the_median_and_is_as_wide_as_theory_says() {
        let over = [1.10, 1.14, 1.18, 1.20, 1.24, 1.26, 1.30, 1.34];
        let ratio = ratio(&over, &[1.0; 8]).unwrap();
        assert!((ratio.median - 1.22).abs() < 1e-9);
        assert!(ratio.lo >= 1.10 && ratio.lo <= 1.16, "{ratio:?}");
        assert!(ratio.hi <= 1.34 && ratio.hi >= 1.28, "{ratio:?}");
        assert_eq!(
            Some(ratio),
            super::ratio(&over, &[1.0; 8]),
            "not repeatable"
        );
    }

    #[test]
    fn unpaired_samples_have_no_ratio() {
        assert_eq!(ratio(&[], &[]), None);
        assert_eq!(ratio(&[1.0, 2.0], &[1.0]), None);
    }
}
