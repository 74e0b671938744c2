// SPDX-License-Identifier: GPL-2.0

//! Properties of the machine, for every sequence of inputs, nonsense included.
//! What is owned is tracked here, by the answers given, not by the machine.

use std::collections::BTreeSet;

use poll_core::poll::machine::CLOCK_LOOKS;
use poll_core::poll::{Action, Input, Machine, Reason, Slot};
use proptest::prelude::*;

const LIMIT: u64 = 10_000;
const BUDGET: u64 = 2_000;

/// One answer: to the last action, or to something that was not asked.
#[derive(Clone, Copy, Debug)]
struct Answer {
    /// Which of the answers that make sense; or which input, if nonsense.
    choice: u8,
    nonsense: bool,
    resched: bool,
    /// How far the clock moves, and how long a handler takes.
    elapsed: u64,
}

fn answers() -> impl Strategy<Value = Vec<Answer>> {
    let answer = (
        any::<u8>(),
        prop::bool::weighted(0.2),
        prop::bool::weighted(0.02),
        0..300u64,
    );

    prop::collection::vec(
        answer.prop_map(|(choice, nonsense, resched, elapsed)| Answer {
            choice,
            nonsense,
            resched,
            elapsed,
        }),
        1..400,
    )
}

/// The shim, as the machine's invariants see it.
struct Shim {
    machine: Machine,
    action: Action,
    owned: BTreeSet<u8>,
    now: u64,
    started: u64,
    /// The last time that the machine was told.
    told: u64,
    spent: u64,
    looks: u8,
    /// Hand-backs and hits still allowed, once `resched` was seen.
    left: Option<(usize, usize)>,
    /// The slot that has work, if the last answer said so.
    work: Option<u8>,
}

impl Shim {
    fn new(sources: usize) -> Self {
        let mut machine = Machine::new();

        for _ in 0..sources {
            machine.add().expect("there is room");
        }
        Self {
            machine,
            action: Action::Done(Reason::Limit),
            owned: BTreeSet::new(),
            now: 0,
            started: 0,
            told: 0,
            spent: 0,
            looks: 0,
            left: None,
            work: None,
        }
    }

    fn start(&mut self, resched: bool) {
        self.started = self.now;
        self.told = self.now;
        self.spent = 0;
        self.looks = 0;
        self.left = resched.then_some((0, 0));
        self.work = None;
        self.action = self.machine.start(self.now, LIMIT, BUDGET, resched);
        self.check();
    }

    fn answer(&mut self, answer: Answer) {
        self.now += answer.elapsed;
        if answer.nonsense {
            self.misanswer(answer);
        } else {
            self.answer_truly(answer);
        }
    }

    /// An input that answers another action than the last one.
    fn misanswer(&mut self, answer: Answer) {
        let before = self.action;
        let now = self.now;
        let inputs = [
            Input::NotMine,
            Input::Nothing,
            Input::Work,
            Input::HitDone { now, spent: 1 },
            Input::HandedBack,
            Input::HandedBackWork,
            Input::Rested,
            Input::Clock { now },
        ];
        let input = inputs[usize::from(answer.choice) % inputs.len()];

        if !fits(before, input) {
            self.action = self.machine.step(input, answer.resched);
            assert_eq!(self.action, before, "{input:?} is no answer");
        }
    }

    fn answer_truly(&mut self, answer: Answer) {
        let Answer { elapsed, .. } = answer;
        let now = self.now;
        let asked = self.action;

        self.work = None;
        let input = match asked {
            Action::Look(Slot(slot)) => match answer.choice % 3 {
                0 if !self.owned.contains(&slot) => Input::NotMine,
                1 => {
                    self.owned.insert(slot);
                    self.work = Some(slot);
                    Input::Work
                }
                _ => {
                    self.owned.insert(slot);
                    Input::Nothing
                }
            },
            Action::Hit(_) => Input::HitDone {
                now,
                spent: elapsed,
            },
            Action::HandBack(Slot(slot)) => {
                assert!(self.owned.remove(&slot), "{slot} is not owned");
                if answer.choice.is_multiple_of(2) {
                    Input::HandedBack
                } else {
                    self.work = Some(slot);
                    Input::HandedBackWork
                }
            }
            Action::Rest => Input::Rested,
            Action::Clock => Input::Clock { now },
            Action::Done(_) => return self.start(answer.resched),
        };
        if let Input::HitDone { spent, .. } = input {
            self.spent += spent;
        }
        if matches!(input, Input::HitDone { .. } | Input::Clock { .. }) {
            self.told = now;
            self.looks = 0;
        }
        if answer.resched && self.left.is_none() {
            // Handed back just now, and its hit yet to come.
            let owed = usize::from(input == Input::HandedBackWork);
            self.left = Some((self.owned.len(), self.owned.len() + owed));
        }
        self.action = self.machine.step(input, answer.resched);
        self.check_hit(asked);
        self.check();
    }

    /// A hit is for work just reported, and within bounds.
    fn check_hit(&self, asked: Action) {
        let Action::Hit(Slot(slot)) = self.action else {
            return;
        };
        assert_eq!(self.work, Some(slot), "a hit without work");
        if matches!(asked, Action::Look(_)) {
            assert!(self.spent <= BUDGET, "a hit beyond the budget");
            assert!(self.told - self.started <= LIMIT, "a hit after the limit");
        }
    }

    fn check(&mut self) {
        match self.action {
            Action::Done(_) => assert!(self.owned.is_empty(), "{:?} stay owned", self.owned),
            Action::Look(_) | Action::Rest => {
                self.looks += 1;
                assert!(self.looks <= CLOCK_LOOKS, "the clock is not read");
            }
            _ => {}
        }
        if let Some((hand_backs, hits)) = &mut self.left {
            let left = match self.action {
                Action::HandBack(_) => hand_backs,
                Action::Hit(_) => hits,
                Action::Done(_) => return,
                action => panic!("{action:?} after resched"),
            };
            *left = left.checked_sub(1).expect("work after resched is bounded");
        }
    }
}

/// Whether `input` answers `action`.
fn fits(action: Action, input: Input) -> bool {
    match action {
        Action::Look(_) => matches!(input, Input::NotMine | Input::Nothing | Input::Work),
        Action::Hit(_) => matches!(input, Input::HitDone { .. }),
        Action::HandBack(_) => matches!(input, Input::HandedBack | Input::HandedBackWork),
        Action::Rest => input == Input::Rested,
        Action::Clock => matches!(input, Input::Clock { .. }),
        Action::Done(_) => false,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2000) })]

    #[test]
    fn invariants_hold_for_any_input(sources in 0..6usize, answers in answers()) {
        let mut shim = Shim::new(sources);

        for answer in answers {
            shim.answer(answer);
        }
    }

    /// With true answers and a clock that moves, every episode ends.
    #[test]
    fn every_episode_ends(sources in 0..6usize, choices in prop::collection::vec(any::<u8>(), 64)) {
        let mut shim = Shim::new(sources);
        let mut choices = choices.into_iter().cycle();

        shim.start(false);
        // The clock is read once in CLOCK_LOOKS looks; each source then takes
        // a hand-back and a hit.
        let steps = (LIMIT / 100 + 2) * (u64::from(CLOCK_LOOKS) + 1) * 2 + 20;
        for _ in 0..steps {
            if let Action::Done(_) = shim.action {
                return Ok(());
            }
            let choice = choices.next().expect("endless");
            shim.answer(Answer { choice, nonsense: false, resched: false, elapsed: 100 });
        }
        prop_assert!(false, "still {:?}", shim.action);
    }
}
