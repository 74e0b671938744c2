// SPDX-License-Identifier: GPL-2.0
//! Chance that can be had again: all of it comes from the seed.

use std::time::Duration;

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

pub struct Chance(SmallRng);

impl Chance {
    pub fn new(seed: u64) -> Chance {
        Chance(SmallRng::seed_from_u64(seed))
    }

    /// Another one, for a thread of its own: what it gives depends on the seed alone, and not on
    /// how often this one is asked.
    pub fn branch(&mut self) -> Chance {
        Chance(SmallRng::from_rng(&mut self.0))
    }

    /// Both ends may come.
    pub fn between(&mut self, least: u64, most: u64) -> u64 {
        self.0.random_range(least..=most)
    }

    pub fn time(&mut self, least: Duration, most: Duration) -> Duration {
        self.0.random_range(least..=most)
    }

    /// True so many times in a hundred.
    pub fn percent(&mut self, percent: u32) -> bool {
        self.0.random_ratio(percent, 100)
    }

    /// None of nothing.
    pub fn pick<'a, T>(&mut self, of: &'a [T]) -> Option<&'a T> {
        match of.len() {
            0 => None,
            length => of.get(self.0.random_range(0..length)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_same_again_on_every_branch() {
        let draw = |disturb: bool| {
            let mut chance = Chance::new(7);
            let mut first = chance.branch();
            if disturb {
                first.between(0, 1000);
            }
            let mut second = chance.branch();
            let numbers: Vec<u64> = (0..10).map(|_| second.between(0, 1000)).collect();
            numbers
        };
        assert_eq!(draw(false), draw(true));
        assert_ne!(
            Chance::new(1).between(0, u64::MAX),
            Chance::new(2).between(0, u64::MAX)
        );
    }

    #[test]
    fn picks_are_of_what_there_is() {
        let mut chance = Chance::new(1);
        assert_eq!(chance.pick::<u8>(&[]), None);
        let seen: std::collections::BTreeSet<u8> = (0..100)
            .filter_map(|_| chance.pick(&[1, 2, 3]).copied())
            .collect();
        assert_eq!(seen.len(), 3);
    }
}
