// SPDX-License-Identifier: GPL-2.0
//! The order of the timed runs. Each round runs every workload in every variant. The variants of
//! one workload follow each other, so there is little drift between the two runs of a pair. The
//! order of the workloads and of the variants is drawn again for each round.

use std::collections::BTreeMap;
use std::time::Duration;

use guest_protocol::{Segment, Variant};
use rand::SeedableRng;
use rand::rngs::SmallRng;
use rand::seq::SliceRandom;

/// Length of a warm-up before the first run: long enough for haltpoll's window to grow to its
/// full size.
pub const WARM_UP: Duration = Duration::from_millis(1500);

pub fn segments<W: Copy>(
    rounds: u32,
    workloads: &[W],
    variants: &[Variant],
    seed: u64,
) -> Vec<Segment<W>> {
    let mut rng = SmallRng::seed_from_u64(seed);
    let mut plan = Vec::new();
    for round in 1..=rounds {
        let mut workloads = workloads.to_vec();
        workloads.shuffle(&mut rng);
        for workload in workloads {
            let mut variants = variants.to_vec();
            variants.shuffle(&mut rng);
            plan.extend(variants.into_iter().map(|variant| Segment {
                round,
                workload,
                variant,
            }));
        }
    }
    plan
}

/// Returns the outcome of one workload in each variant. `outcome` makes it from the variant's runs,
/// which are sorted by round.
pub fn by_variant<'a, M, W: PartialEq, T>(
    measured: &'a [M],
    segment: fn(&M) -> &Segment<W>,
    workload: W,
    outcome: impl Fn(Variant, Vec<&'a M>) -> T,
) -> BTreeMap<Variant, T> {
    let mut runs: BTreeMap<Variant, Vec<&M>> = BTreeMap::new();
    for run in measured {
        if segment(run).workload == workload {
            runs.entry(segment(run).variant).or_default().push(run);
        }
    }
    let of_variant = |(variant, mut runs): (Variant, Vec<&'a M>)| {
        runs.sort_by_key(|run| segment(run).round);
        (variant, outcome(variant, runs))
    };
    runs.into_iter().map(of_variant).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use guest_protocol::Workload;
    use std::collections::HashSet;

    fn blk(seed: u64) -> Vec<Segment<Workload>> {
        segments(8, Workload::ALL, &Variant::BLK, seed)
    }

    #[test]
    fn each_round_has_each_pair_once() {
        let plan = blk(7);
        assert_eq!(plan.len(), 8 * 9);
        for round in plan.chunks(9) {
            let kinds: HashSet<_> = round.iter().map(|s| (s.workload, s.variant)).collect();
            assert_eq!(kinds.len(), 9);
            assert!(round.iter().all(|s| s.round == round[0].round));
        }
    }

    #[test]
    fn the_seed_decides_and_rounds_differ() {
        let plan = blk(7);
        assert_eq!(plan, blk(7));
        assert_ne!(plan, blk(8));
        let first: HashSet<_> = plan
            .chunks(9)
            .map(|s| (s[0].workload, s[0].variant))
            .collect();
        assert!(first.len() > 1, "the order never changes");
    }
}
