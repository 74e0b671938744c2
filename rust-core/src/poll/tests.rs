// SPDX-License-Identifier: GPL-2.0

//! The rules of a wait by example, one CPU and one step at a time.
//!
//! The kernel runs these as a KUnit suite, a host as unit tests. Rings are in
//! `borrow_tests.rs` and `flags_tests.rs`.

#[cfg_attr(
    CONFIG_CPU_IDLE_POLL_SOURCE_KUNIT_TEST,
    kernel::macros::kunit_tests(poll_core)
)]
mod suite {
    use super::super::machine::CLOCK_LOOKS;
    use super::super::sched::{
        COLD_MISSES,
        COLD_TURNS,
        HOT_MISSES,
        SLOW_US, //
    };
    use super::super::{
        Action,
        Input,
        Look,
        Machine,
        Owed,
        Reason,
        Sched,
        Slot,
        Sources,
        MAX_SOURCES, //
    };

    const LIMIT: u64 = 10_000;
    /// Softirqs that take so long are slow.
    const SLOW: u64 = (SLOW_US as u64 + 1) * 1000;
    /// The first sources of a machine or a scheduler.
    const FIRST: Slot = Slot(0);
    const OTHER: Slot = Slot(1);

    /// A ring, and what there is to see.
    #[derive(Clone, Copy)]
    struct One {
        /// What the next look sees. Later ones see nothing.
        seen: Look,
        /// What is owed when it is given back.
        owed: Owed,
        borrowed: bool,
        looks: u16,
    }

    impl One {
        const QUIET: Self = Self {
            seen: Look::Nothing,
            owed: Owed::Nothing,
            borrowed: false,
            looks: 0,
        };
    }

    struct Rings {
        resched: bool,
        two: [One; 2],
    }

    impl Rings {
        const QUIET: Self = Self {
            resched: false,
            two: [One::QUIET; 2],
        };

        fn at(&mut self, slot: Slot) -> &mut One {
            let [first, other] = &mut self.two;

            if slot == FIRST {
                first
            } else {
                other
            }
        }

        /// The next look at `slot` finds work.
        fn work(&mut self, slot: Slot) {
            self.at(slot).seen = Look::Work;
        }

        fn owe(&mut self, slot: Slot) {
            self.at(slot).owed = Owed::News;
        }

        fn doubt(&mut self, slot: Slot) {
            self.at(slot).owed = Owed::Doubt;
        }

        fn owed(&self) -> [Owed; 2] {
            self.two.map(|one| one.owed)
        }

        fn borrowed(&self) -> [bool; 2] {
            self.two.map(|one| one.borrowed)
        }

        fn looks(&self) -> [u16; 2] {
            self.two.map(|one| one.looks)
        }
    }

    impl Sources for Rings {
        fn resched(&self) -> bool {
            self.resched
        }

        fn look(&mut self, slot: Slot, _now: u64) -> Look {
            let one = self.at(slot);
            let seen = core::mem::replace(&mut one.seen, Look::Nothing);

            one.looks += 1;
            let before = core::mem::replace(&mut one.borrowed, seen != Look::NotMine);
            match seen {
                Look::Nothing if !before => Look::Borrowed,
                seen => seen,
            }
        }

        fn give_back(&mut self, slot: Slot, _now: u64) -> Owed {
            let one = self.at(slot);

            one.borrowed = false;
            core::mem::replace(&mut one.owed, Owed::Nothing)
        }

        fn not_told(&mut self, slot: Slot) {
            self.owe(slot);
        }
    }

    /// So many sources, all hot.
    fn hot(sources: u8) -> Machine {
        let mut machine = Machine::new();

        for _ in 0..sources {
            if let Some(slot) = machine.add() {
                machine.missed(slot);
            }
        }
        machine
    }

    fn done(now: u64, spent: u64) -> Input {
        Input::HitDone { now, spent }
    }

    #[test]
    fn sources_come_and_go_between_waits_only() {
        let mut rings = Rings::QUIET;
        let mut machine = Machine::new();

        assert_eq!(machine.add(), Some(FIRST));
        assert_eq!(machine.start(&mut rings, 0, LIMIT), Action::Clock);
        assert_eq!(machine.add(), None);
        assert!(!machine.remove(FIRST));

        rings.resched = true;
        let action = machine.step(&mut rings, Input::Clock { now: 1 });
        assert_eq!(action, Action::Done(Reason::Resched));
        assert!(machine.remove(FIRST));
        rings.resched = false;
        assert_eq!(machine.start(&mut rings, 0, LIMIT), Action::Rest);
    }

    #[test]
    fn a_cpu_with_something_to_run_does_not_wait() {
        let mut rings = Rings::QUIET;

        rings.resched = true;
        let action = hot(1).start(&mut rings, 0, LIMIT);
        assert_eq!(action, Action::Done(Reason::Resched));
        assert_eq!(rings.looks(), [0; 2]);
    }

    #[test]
    fn the_limit_ends_a_wait() {
        let mut rings = Rings::QUIET;
        let mut machine = hot(2);

        assert_eq!(machine.start(&mut rings, 0, LIMIT), Action::Clock);
        assert_eq!(rings.looks(), [u16::from(CLOCK_LOOKS / 2); 2]);
        assert_eq!(rings.borrowed(), [true; 2]);
        let action = machine.step(&mut rings, Input::Clock { now: LIMIT });
        assert_eq!(action, Action::Clock);
        let action = machine.step(&mut rings, Input::Clock { now: LIMIT + 1 });
        assert_eq!(action, Action::Done(Reason::Limit));
        assert_eq!(rings.borrowed(), [false; 2]);
        assert_eq!(rings.looks(), [u16::from(CLOCK_LOOKS); 2]);
    }

    #[test]
    fn a_hit_does_not_end_a_wait() {
        let mut rings = Rings::QUIET;
        let mut machine = hot(2);

        rings.work(OTHER);
        let action = machine.start(&mut rings, 0, LIMIT);
        assert_eq!(action, Action::Hit(OTHER));
        assert_eq!(machine.step(&mut rings, done(1, 1)), Action::Clock);
        assert_eq!(rings.borrowed(), [true; 2]);
    }

    #[test]
    fn a_hit_beyond_the_limit_ends_a_wait() {
        let mut rings = Rings::QUIET;
        let mut machine = hot(2);

        rings.work(FIRST);
        machine.start(&mut rings, 0, LIMIT);
        let action = machine.step(&mut rings, done(LIMIT + 1, LIMIT));
        assert_eq!(action, Action::Done(Reason::Limit));
    }

    #[test]
    fn what_is_owed_at_the_end_is_delivered() {
        let mut rings = Rings::QUIET;
        let mut machine = hot(2);

        machine.start(&mut rings, 0, LIMIT);
        rings.owe(FIRST);
        rings.owe(OTHER);
        rings.resched = true;
        let action = machine.step(&mut rings, Input::Clock { now: 1 });
        assert_eq!(action, Action::HitAlone(OTHER));
        let action = machine.step(&mut rings, done(2, 1));
        assert_eq!(action, Action::HitAlone(FIRST));
        assert_eq!(rings.borrowed(), [false; 2]);
        assert_eq!(machine.step(&mut rings, done(3, 1)), Action::Softirqs);
        let action = machine.step(&mut rings, Input::SoftirqsDone { now: 4, spent: 1 });
        assert_eq!(action, Action::Done(Reason::Resched));
    }

    /// Nobody looks at the other ring while softirqs run.
    #[test]
    fn rings_are_given_back_before_long_softirqs() {
        let mut rings = Rings::QUIET;
        let mut machine = hot(2);

        rings.work(FIRST);
        let action = machine.start(&mut rings, 0, LIMIT + SLOW);
        assert_eq!(action, Action::Hit(FIRST));
        assert_eq!(machine.step(&mut rings, done(SLOW, SLOW)), Action::Clock);
        rings.work(FIRST);
        let action = machine.step(&mut rings, Input::Clock { now: SLOW });
        assert_eq!(action, Action::HitAlone(FIRST));
        assert_eq!(rings.borrowed(), [true; 2]);
        rings.owe(OTHER);
        let action = machine.step(&mut rings, done(SLOW, 1));
        assert_eq!(action, Action::HitAlone(OTHER));
        assert_eq!(machine.step(&mut rings, done(SLOW, 1)), Action::Softirqs);
        assert_eq!(rings.borrowed(), [false; 2]);

        // There is time left.
        let softirqs = Input::SoftirqsDone {
            now: SLOW,
            spent: 1,
        };
        assert_eq!(machine.step(&mut rings, softirqs), Action::Clock);
        assert_eq!(rings.borrowed(), [true; 2]);

        // They were short this time.
        rings.work(FIRST);
        let action = machine.step(&mut rings, Input::Clock { now: SLOW });
        assert_eq!(action, Action::Hit(FIRST));
    }

    #[test]
    fn long_softirqs_beyond_the_limit_end_a_wait() {
        let mut rings = Rings::QUIET;
        let mut machine = hot(1);
        let softirqs = Input::SoftirqsDone {
            now: LIMIT + 1,
            spent: LIMIT,
        };

        rings.work(FIRST);
        machine.start(&mut rings, 0, LIMIT);
        machine.step(&mut rings, done(1, SLOW));
        rings.work(FIRST);
        machine.step(&mut rings, Input::Clock { now: 1 });
        assert_eq!(machine.step(&mut rings, done(1, 1)), Action::Softirqs);
        let action = machine.step(&mut rings, softirqs);
        assert_eq!(action, Action::Done(Reason::Limit));
    }

    /// A wait may have many slow hits, and counts once.
    #[test]
    fn slow_hits_do_not_count_against_the_others() {
        let mut rings = Rings::QUIET;
        let mut machine = hot(2);

        rings.work(FIRST);
        machine.start(&mut rings, 0, LIMIT);
        machine.step(&mut rings, done(1, SLOW));
        for _ in 0..HOT_MISSES {
            rings.work(FIRST);
            let action = machine.step(&mut rings, Input::Clock { now: 1 });
            assert_eq!(action, Action::HitAlone(FIRST));
            assert_eq!(machine.step(&mut rings, done(1, 1)), Action::Softirqs);
            let softirqs = Input::SoftirqsDone {
                now: 1,
                spent: SLOW,
            };
            assert_eq!(machine.step(&mut rings, softirqs), Action::Clock);
        }
        // Still they take turns.
        rings.two = [One::QUIET; 2];
        let action = machine.step(&mut rings, Input::Clock { now: 1 });
        assert_eq!(action, Action::Clock);
        assert_eq!(rings.looks(), [u16::from(CLOCK_LOOKS / 2); 2]);
    }

    #[test]
    fn a_hit_that_was_refused_is_owed() {
        let mut rings = Rings::QUIET;
        let mut machine = hot(1);

        rings.work(FIRST);
        machine.start(&mut rings, 0, LIMIT);
        let action = machine.step(&mut rings, Input::HitRefused);
        assert_eq!(action, Action::Clock);
        rings.resched = true;
        let action = machine.step(&mut rings, Input::Clock { now: 1 });
        assert_eq!(action, Action::HitAlone(FIRST));
        // Refused again: it is owed in the next wait.
        let action = machine.step(&mut rings, Input::HitRefused);
        assert_eq!(action, Action::Softirqs);
        assert_eq!(rings.owed(), [Owed::News, Owed::Nothing]);
    }

    #[test]
    fn an_answer_to_another_question_changes_nothing() {
        let mut rings = Rings::QUIET;
        let mut machine = hot(1);
        let late = LIMIT + 1;

        rings.work(FIRST);
        machine.start(&mut rings, 0, LIMIT);
        let softirqs = Input::SoftirqsDone {
            now: late,
            spent: 1,
        };
        for input in [Input::Rested, Input::Clock { now: late }, softirqs] {
            assert_eq!(machine.step(&mut rings, input), Action::Hit(FIRST));
        }
        assert_eq!(rings.looks(), [1, 0]);
        assert_eq!(machine.step(&mut rings, done(1, 1)), Action::Clock);
    }

    #[test]
    fn a_hit_that_gives_the_cpu_something_to_run_is_no_failure() {
        let mut rings = Rings::QUIET;
        let mut machine = hot(1);

        rings.work(FIRST);
        machine.start(&mut rings, 0, LIMIT);
        rings.resched = true;
        let action = machine.step(&mut rings, done(LIMIT + 1, 1));
        assert_eq!(action, Action::Done(Reason::Resched));
    }

    /// How a wait ends at its limit, where the hits that are owed have been done.
    fn ends_after_hits(machine: &mut Machine, rings: &mut Rings) -> Action {
        let action = machine.step(rings, done(LIMIT + 1, 1));
        assert_eq!(action, Action::Softirqs);
        let now = LIMIT + 1;
        machine.step(rings, Input::SoftirqsDone { now, spent: 1 })
    }

    /// A driver that leaves its buffer has its thread woken, and the CPU is to halt.
    #[test]
    fn a_wait_that_ends_with_a_hit_in_doubt_is_in_vain() {
        let mut rings = Rings::QUIET;
        let mut machine = hot(1);

        machine.start(&mut rings, 0, LIMIT);
        rings.doubt(FIRST);
        let action = machine.step(&mut rings, Input::Clock { now: LIMIT + 1 });
        assert_eq!(action, Action::HitAlone(FIRST));
        rings.resched = true;
        let action = ends_after_hits(&mut machine, &mut rings);
        assert_eq!(action, Action::Done(Reason::Limit));

        // What a task brings counts in the next wait.
        rings.resched = false;
        machine.start(&mut rings, 0, LIMIT);
        rings.resched = true;
        let action = machine.step(&mut rings, Input::Clock { now: LIMIT + 1 });
        assert_eq!(action, Action::Done(Reason::Resched));
    }

    #[test]
    fn hits_in_doubt_do_not_keep_a_source_hot() {
        let mut rings = Rings::QUIET;
        let mut machine = hot(1);

        for _ in 0..HOT_MISSES + COLD_MISSES {
            assert_eq!(machine.start(&mut rings, 0, LIMIT), Action::Clock);
            rings.doubt(FIRST);
            machine.step(&mut rings, Input::Clock { now: LIMIT + 1 });
            ends_after_hits(&mut machine, &mut rings);
        }
        assert_eq!(machine.start(&mut rings, 0, LIMIT), Action::Rest);
    }

    /// Until it interrupts nobody would look at a source that is cold.
    #[test]
    fn a_refused_hit_in_doubt_is_tried_again() {
        let mut rings = Rings::QUIET;
        let mut machine = hot(1);

        for _ in 0..HOT_MISSES + COLD_MISSES {
            machine.start(&mut rings, 0, LIMIT);
            rings.doubt(FIRST);
            machine.step(&mut rings, Input::Clock { now: LIMIT + 1 });
            let action = machine.step(&mut rings, Input::HitRefused);
            assert_eq!(action, Action::Softirqs);
            let now = LIMIT + 1;
            machine.step(&mut rings, Input::SoftirqsDone { now, spent: 1 });
        }
        assert_eq!(machine.start(&mut rings, 0, LIMIT), Action::Clock);
    }

    #[test]
    fn what_a_hit_in_doubt_did_not_bring_counts() {
        for news_first in [true, false] {
            let mut rings = Rings::QUIET;
            let mut machine = hot(2);
            let (news, doubt) = if news_first {
                (OTHER, FIRST)
            } else {
                (FIRST, OTHER)
            };

            machine.start(&mut rings, 0, LIMIT);
            rings.owe(news);
            rings.doubt(doubt);
            let action = machine.step(&mut rings, Input::Clock { now: LIMIT + 1 });
            assert_eq!(action, Action::HitAlone(OTHER));
            rings.resched = true;
            let action = machine.step(&mut rings, done(LIMIT + 1, 1));
            assert_eq!(action, Action::HitAlone(FIRST));
            let action = ends_after_hits(&mut machine, &mut rings);
            assert_eq!(action, Action::Done(Reason::Resched));
        }
    }

    /// One wait that owns `slot`, with a hit or in vain.
    fn wait(sched: &mut Sched, slot: Slot, hit: bool) {
        sched.begin();
        sched.own(slot);
        sched.disown(hit, true);
    }

    #[test]
    fn a_full_cpu_takes_no_more() {
        let mut sched = Sched::new();

        for _ in 0..MAX_SOURCES {
            assert!(sched.add().is_some());
        }
        assert_eq!(sched.add(), None);
        sched.remove(Slot(7));
        assert_eq!(sched.add(), Some(Slot(7)));
    }

    #[test]
    fn hot_sources_take_turns_and_cold_ones_come_up_at_times() {
        let mut sched = Sched::new();
        let cold = Slot(2);

        for slot in [Slot(0), Slot(1), cold] {
            assert_eq!(sched.add(), Some(slot));
        }
        sched.missed(Slot(0));
        sched.missed(Slot(1));
        sched.begin();
        for _ in 0..COLD_TURNS {
            assert_eq!(sched.next_source(), Slot(0));
            assert_eq!(sched.next_source(), Slot(1));
        }
        assert_eq!(sched.next_source(), cold);
        assert_eq!(sched.next_source(), Slot(0));
    }

    #[test]
    fn a_source_never_hit_is_left_alone_until_it_interrupts() {
        let mut sched = Sched::new();

        assert_eq!(sched.add(), Some(FIRST));
        for _ in 0..COLD_MISSES {
            assert_eq!(sched.next_source(), FIRST);
            wait(&mut sched, FIRST, false);
        }
        assert!(!sched.has_next());
        sched.missed(FIRST);
        assert_eq!(sched.next_source(), FIRST);
    }

    #[test]
    fn a_hit_keeps_a_source_hot() {
        let mut sched = Sched::new();

        assert_eq!(sched.add(), Some(FIRST));
        assert_eq!(sched.add(), Some(OTHER));
        wait(&mut sched, FIRST, true);
        for _ in 1..HOT_MISSES {
            wait(&mut sched, FIRST, false);
        }
        wait(&mut sched, FIRST, true);
        sched.begin();
        assert_eq!(sched.next_source(), FIRST);
        assert_eq!(sched.next_source(), FIRST);

        // Cold again, it takes turns with the other.
        for _ in 0..HOT_MISSES {
            wait(&mut sched, FIRST, false);
        }
        sched.begin();
        assert!(sched.next_source() != sched.next_source());
    }

    #[test]
    fn what_was_slow_is_remembered_for_some_hits() {
        let mut sched = Sched::new();

        assert_eq!(sched.add(), Some(FIRST));
        sched.took(FIRST, SLOW - 1000);
        assert!(!sched.is_slow(FIRST));
        sched.took(FIRST, SLOW);
        assert!(sched.is_slow(FIRST));
        sched.took(FIRST, 0);
        assert!(!sched.is_slow(FIRST));

        // A source that takes long for ever is taken for 65 ms.
        sched.took(FIRST, u64::MAX);
        for _ in 0..30 {
            sched.took(FIRST, 0);
            assert!(sched.is_slow(FIRST));
        }
        for _ in 30..50 {
            sched.took(FIRST, 0);
        }
        assert!(!sched.is_slow(FIRST));
    }
}
