// SPDX-License-Identifier: GPL-2.0

//! Compares the scheduler with a naive model of its rules: a map from slot to heat. The
//! order of sources of one heat is not checked. It is checked that each source comes up
//! when it should.

use std::collections::{BTreeMap, BTreeSet};

use poll_core::poll::sched::{Sched, Slot, MAX_SOURCES};
use poll_core::poll::sched::{COLD_MISSES, COLD_TURNS, HOT_MISSES};
use proptest::prelude::*;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Heat {
    Dead,
    Cold,
    Hot,
}

#[derive(Clone, Debug)]
enum Op {
    Add,
    Remove(usize),
    /// An interrupt of this source broke into the wait.
    Missed(usize),
    /// This number of waits, each of which owns this source without a hit.
    InVain(usize, u8),
    /// One wait. For each source that it owns:
    /// - the source,
    /// - whether a look had a hit,
    /// - whether there was a hit when the source was given back,
    /// - whether at this point of the wait all owned sources are given back and owned
    ///   again.
    Wait(Vec<(usize, bool, bool, bool)>),
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let index = any::<usize>;
    let owned = prop::collection::vec((index(), any::<bool>(), any::<bool>(), any::<bool>()), 0..8);

    prop::collection::vec(
        prop_oneof![
            3 => Just(Op::Add),
            1 => index().prop_map(Op::Remove),
            2 => index().prop_map(Op::Missed),
            2 => (index(), 1..COLD_MISSES + 2).prop_map(|(i, n)| Op::InVain(i, n)),
            2 => owned.prop_map(Op::Wait),
        ],
        1..60,
    )
}

/// The scheduler, and the model: each slot's heat and misses in a row.
#[derive(Default)]
struct Pair {
    sched: Sched,
    model: BTreeMap<u8, (Heat, u8)>,
}

impl Pair {
    /// The source that the number `index` picks. Any number picks one, if there is one.
    fn pick(&self, index: &usize) -> Option<u8> {
        let place = index.checked_rem(self.model.len())?;
        self.model.keys().nth(place).copied()
    }

    fn of(&self, heat: Heat) -> BTreeSet<u8> {
        let of_heat = self.model.iter().filter(|(_, source)| source.0 == heat);
        of_heat.map(|(slot, _)| *slot).collect()
    }

    fn apply(&mut self, op: &Op) {
        match op {
            Op::Add => self.add(),
            Op::Remove(index) => {
                if let Some(slot) = self.pick(index) {
                    self.sched.remove(Slot(slot));
                    self.model.remove(&slot);
                }
            }
            Op::Missed(index) => {
                if let Some(slot) = self.pick(index) {
                    self.sched.missed(Slot(slot));
                    self.model.insert(slot, (Heat::Hot, 0));
                }
            }
            Op::InVain(index, times) => {
                for _ in 0..*times {
                    self.wait(&[(*index, false, false, false)]);
                }
            }
            Op::Wait(owned) => self.wait(owned),
        }
    }

    fn add(&mut self) {
        match self.sched.add() {
            Some(Slot(slot)) => {
                let old = self.model.insert(slot, (Heat::Cold, 0));
                assert_eq!(old, None, "{slot} was in use already");
            }
            None => assert_eq!(self.model.len(), MAX_SOURCES),
        }
    }

    fn wait(&mut self, owned: &[(usize, bool, bool, bool)]) {
        let mut outcome = BTreeMap::new();

        self.sched.begin();
        for (index, looked, given_back, early) in owned {
            let Some(slot) = self.pick(index) else { return };
            self.sched.own(Slot(slot));
            if *looked {
                self.sched.hit(Slot(slot));
            }
            if *early {
                self.give_back_early();
            }
            let old = outcome.entry(slot).or_insert((false, *given_back));
            old.0 |= looked;
        }
        while let Some(Slot(slot)) = self.sched.any_owned() {
            let (looked, given_back) = outcome.remove(&slot).expect("each source is owned once");
            self.sched.disown(given_back, true);
            self.hit_or_miss(slot, looked || given_back);
        }
        assert_eq!(outcome, BTreeMap::new(), "some sources are still owned");
    }

    /// Gives back all owned sources and owns them again: the wait goes on.
    fn give_back_early(&mut self) {
        let mut back = Vec::new();

        while let Some(slot) = self.sched.any_owned() {
            self.sched.disown(false, false);
            back.push(slot);
        }
        back.into_iter().for_each(|slot| self.sched.own(slot));
    }

    /// Applies the rules of the module's documentation to the model.
    fn hit_or_miss(&mut self, slot: u8, hit: bool) {
        let (heat, misses) = self.model[&slot];
        let after = match (heat, misses + 1) {
            _ if hit => (Heat::Hot, 0),
            (Heat::Hot, HOT_MISSES) => (Heat::Cold, 0),
            (Heat::Cold, COLD_MISSES) => (Heat::Dead, 0),
            (Heat::Dead, _) => (Heat::Dead, 0),
            (heat, misses) => (heat, misses),
        };
        self.model.insert(slot, after);
    }

    /// Follows whole turns, and checks which sources come up and when.
    fn check_turns(&mut self) {
        let (hot, cold) = (self.of(Heat::Hot), self.of(Heat::Cold));

        self.sched.begin();
        if hot.is_empty() {
            assert_eq!(self.round(cold.len()), cold, "all cold ones in turn");
            assert_eq!(!self.sched.has_next(), cold.is_empty());
            return;
        }
        let mut cold_seen = BTreeSet::new();
        for _ in 0..cold.len().clamp(1, 3) {
            for _ in 0..COLD_TURNS {
                assert_eq!(self.round(hot.len()), hot, "each turn has every hot source");
            }
            cold_seen.extend(self.round(1.min(cold.len())));
        }
        assert!(cold_seen.is_subset(&cold), "not cold, after the hot turns");
        assert_eq!(cold_seen.len(), cold.len().min(3), "cold ones take turns");
    }

    fn round(&mut self, looks: usize) -> BTreeSet<u8> {
        let next = |_| {
            assert!(self.sched.has_next(), "there must be a source to look at");
            self.sched.next_source().0
        };
        (0..looks).map(next).collect()
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(500) })]

    #[test]
    fn sources_come_up_by_their_heat(sources in 0..20usize, ops in ops()) {
        let mut pair = Pair::default();

        (0..sources).for_each(|_| pair.add());
        for op in &ops {
            pair.apply(op);
            pair.check_turns();
        }
    }

    /// The order of looks stays right with the maximum number of sources, and when they
    /// are removed in any order.
    #[test]
    fn a_full_house_empties_in_any_order(order in Just((0..=u8::MAX).collect::<Vec<_>>()).prop_shuffle(), hot in 0..256usize) {
        let mut pair = Pair::default();

        (0..=MAX_SOURCES).for_each(|_| pair.add());
        prop_assert_eq!(pair.model.len(), MAX_SOURCES);
        for slot in &order[..hot] {
            pair.sched.missed(Slot(*slot));
            pair.model.insert(*slot, (Heat::Hot, 0));
        }
        for (gone, slot) in order.iter().enumerate() {
            if gone % 32 == 0 {
                pair.check_turns();
            }
            pair.sched.remove(Slot(*slot));
            pair.model.remove(slot);
        }
        pair.check_turns();
    }
}
