// SPDX-License-Identifier: GPL-2.0
//! Quantiles of a histogram: the value at or below which that share of all samples is.

use guest_protocol::Quantiles;

/// Of values in rising order, each with how often it came; None without any.
pub fn of(histogram: &[(f64, u64)]) -> Option<Quantiles> {
    let samples: u64 = histogram.iter().map(|&(_, count)| count).sum();
    let (max_us, _) = *histogram.iter().rfind(|&&(_, count)| count > 0)?;
    let at = |per_mille: u64| {
        let rank = (samples * per_mille).div_ceil(1000);
        let mut seen = 0;
        let mut reaches = histogram.iter().filter(|&&(_, count)| {
            seen += count;
            seen >= rank
        });
        reaches.next().map_or(max_us, |&(us, _)| us)
    };
    Some(Quantiles {
        samples,
        p50_us: at(500),
        p99_us: at(990),
        p999_us: at(999),
        max_us,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_share_at_or_below() {
        let histogram = [(1.0, 500), (2.0, 490), (3.0, 9), (70.0, 1), (80.0, 0)];
        let quantiles = of(&histogram).unwrap();
        assert_eq!(
            quantiles,
            Quantiles {
                samples: 1000,
                p50_us: 1.0,
                p99_us: 2.0,
                p999_us: 3.0,
                max_us: 70.0,
            }
        );
        let few = of(&[(5.0, 1), (9.0, 1)]).unwrap();
        assert_eq!((few.p50_us, few.p999_us), (5.0, 9.0));
        assert_eq!(of(&[]), None);
        assert_eq!(of(&[(1.0, 0)]), None);
    }
}
