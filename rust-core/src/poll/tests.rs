// SPDX-License-Identifier: GPL-2.0

//! The core's rules by example, one CPU and one step at a time.
//!
//! The kernel runs these as a KUnit suite, a host as unit tests. What several
//! CPUs make of the gate takes a model checker, which only the host has.

#[cfg_attr(
    CONFIG_CPU_IDLE_POLL_SOURCE_KUNIT_TEST,
    kernel::macros::kunit_tests(poll_core)
)]
mod suite {
    use super::super::machine::CLOCK_LOOKS;
    use super::super::sched::{
        COLD_MISSES,
        COLD_TURNS,
        HOT_MISSES, //
    };
    use super::super::{
        gate,
        Action,
        Entry,
        Events,
        Input,
        Look,
        Machine,
        Owner,
        Reason,
        Sched,
        Slot,
        Word,
        MAX_SOURCES, //
    };
    use core::cell::Cell;

    /// A gate and its device, both on this CPU.
    #[derive(Default)]
    struct Gate {
        word: Cell<u32>,
        /// How many buffers the device has used.
        used: Cell<u16>,
        /// What the device was asked for last; nothing if suppressed.
        asked: Cell<Option<u16>>,
    }

    impl Gate {
        /// An open one whose driver wants events from `index` on.
        fn wanted(index: u16) -> Self {
            let gate = Self::default();

            gate::open(&gate);
            gate::driver_enable(&gate, index);
            gate.used.set(index);
            gate
        }
    }

    impl Word for Gate {
        fn load(&self) -> u32 {
            self.word.get()
        }

        fn cmpxchg(&self, old: u32, new: u32) -> Result<(), u32> {
            match self.word.get() {
                now if now == old => {
                    self.word.set(new);
                    Ok(())
                }
                now => Err(now),
            }
        }
    }

    impl Events for Gate {
        fn suppress(&self) {
            self.asked.set(None);
        }

        fn publish(&self, index: u16) {
            self.asked.set(Some(index));
        }

        fn pending(&self, index: u16) -> bool {
            (self.used.get().wrapping_sub(index) as i16) > 0
        }
    }

    #[test]
    fn a_closed_gate_shares_nothing() {
        let gate = Gate::default();

        assert_eq!(gate::driver_enable(&gate, 1), Owner::Unshared);
        assert_eq!(gate::driver_disable(&gate), Owner::Unshared);
        assert_eq!(gate::handler_enter(&gate, false), Entry::Closed);
        assert_eq!(gate::look(&gate, &gate), Look::NotMine);
        assert_eq!(gate.word.get(), 0);
    }

    #[test]
    fn an_open_gate_is_the_drivers() {
        let gate = Gate::default();

        gate::open(&gate);
        assert_eq!(gate::look(&gate, &gate), Look::NotMine);
        assert_eq!(gate::driver_enable(&gate, 7), Owner::Driver);
        assert!(!gate::is_polled(&gate));
    }

    #[test]
    fn a_look_takes_over_what_is_wanted() {
        let gate = Gate::wanted(7);

        gate.asked.set(Some(7));
        assert_eq!(gate::look(&gate, &gate), Look::Nothing);
        assert!(gate::is_polled(&gate));
        assert_eq!(gate.asked.get(), None);
    }

    #[test]
    fn what_the_driver_wants_meanwhile_is_published_at_the_end() {
        let gate = Gate::wanted(7);

        assert_eq!(gate::look(&gate, &gate), Look::Nothing);
        assert_eq!(gate::driver_enable(&gate, 8), Owner::Poller);
        assert_eq!(gate.asked.get(), None);
        assert!(!gate::hand_back(&gate, &gate));
        assert_eq!(gate.asked.get(), Some(8));
        assert!(!gate::is_polled(&gate));
    }

    #[test]
    fn a_driver_that_wants_nothing_gets_nothing() {
        let gate = Gate::wanted(7);

        gate::look(&gate, &gate);
        assert_eq!(gate::driver_disable(&gate), Owner::Poller);
        gate.used.set(8);
        assert_eq!(gate::look(&gate, &gate), Look::Nothing);
        assert!(!gate::hand_back(&gate, &gate));
        assert_eq!(gate.asked.get(), None);
        assert_eq!(gate::look(&gate, &gate), Look::NotMine);
    }

    #[test]
    fn work_that_nobody_was_told_of_is_found_at_the_end() {
        let gate = Gate::wanted(7);

        assert_eq!(gate::look(&gate, &gate), Look::Nothing);
        gate.used.set(8);
        assert!(gate::hand_back(&gate, &gate));
    }

    #[test]
    fn an_event_is_told_once() {
        let gate = Gate::wanted(7);

        gate.used.set(8);
        assert_eq!(gate::look(&gate, &gate), Look::Work);
        assert_eq!(gate::look(&gate, &gate), Look::Nothing);
        // Asked for anew, and once more by the hand-back, which cannot know.
        gate::driver_enable(&gate, 7);
        assert_eq!(gate::look(&gate, &gate), Look::Work);
        assert!(gate::hand_back(&gate, &gate));
    }

    #[test]
    fn indices_wrap() {
        let gate = Gate::wanted(u16::MAX);

        assert_eq!(gate::look(&gate, &gate), Look::Nothing);
        gate.used.set(0);
        assert_eq!(gate::look(&gate, &gate), Look::Work);
    }

    #[test]
    fn the_second_handler_leaves_a_note() {
        let gate = Gate::wanted(0);

        assert_eq!(gate::handler_enter(&gate, true), Entry::Run);
        assert_eq!(gate::handler_enter(&gate, false), Entry::Elsewhere);
        assert!(gate::handler_exit(&gate));
        assert!(!gate::handler_exit(&gate));
        assert_eq!(gate::handler_enter(&gate, false), Entry::Run);
    }

    #[test]
    fn a_hit_explains_one_late_interrupt() {
        let gate = Gate::wanted(0);

        gate::handler_enter(&gate, false);
        gate::handler_exit(&gate);
        assert!(!gate::late_interrupt(&gate));
        gate::handler_enter(&gate, true);
        gate::handler_exit(&gate);
        assert!(gate::late_interrupt(&gate));
        assert!(!gate::late_interrupt(&gate));
    }

    #[test]
    fn closing_leaves_a_running_handler_its_bits() {
        let gate = Gate::wanted(0);

        gate::handler_enter(&gate, false);
        assert!(!gate::close(&gate));
        assert!(!gate::handler_exit(&gate));
        assert_eq!(gate.word.get(), 0);
    }

    #[test]
    fn closing_under_the_poller_is_told() {
        let gate = Gate::wanted(0);

        gate::look(&gate, &gate);
        assert!(gate::close(&gate));
    }

    const LIMIT: u64 = 10_000;
    const BUDGET: u64 = 2_000;
    /// The first source of a machine or a scheduler.
    const FIRST: Slot = Slot(0);

    #[test]
    fn sources_come_and_go_between_episodes_only() {
        let mut machine = Machine::new();

        assert_eq!(machine.add(), Some(FIRST));
        let action = machine.start(0, LIMIT, BUDGET, false);
        assert_eq!(action, Action::Look(FIRST));
        assert_eq!(machine.add(), None);
        assert!(!machine.remove(FIRST));

        let action = machine.step(Input::NotMine, true);
        assert_eq!(action, Action::Done(Reason::Resched));
        assert!(machine.remove(FIRST));
        assert_eq!(machine.start(0, LIMIT, BUDGET, false), Action::Rest);
    }

    #[test]
    fn a_cpu_with_something_to_run_does_not_wait() {
        let mut machine = Machine::new();

        machine.add();
        let action = machine.start(0, LIMIT, BUDGET, true);
        assert_eq!(action, Action::Done(Reason::Resched));
    }

    #[test]
    fn the_limit_ends_an_episode() {
        let mut machine = Machine::new();

        machine.add();
        let mut action = machine.start(0, LIMIT, BUDGET, false);
        for _ in 0..CLOCK_LOOKS {
            assert_eq!(action, Action::Look(FIRST));
            action = machine.step(Input::Nothing, false);
        }
        assert_eq!(action, Action::Clock);
        action = machine.step(Input::Clock { now: LIMIT + 1 }, false);
        assert_eq!(action, Action::HandBack(FIRST));
        action = machine.step(Input::HandedBack, false);
        assert_eq!(action, Action::Done(Reason::Limit));
    }

    #[test]
    fn the_budget_ends_an_episode_and_what_is_owed_is_delivered() {
        let mut machine = Machine::new();
        let spent = BUDGET + 1;

        machine.add();
        machine.start(0, LIMIT, BUDGET, false);
        assert_eq!(machine.step(Input::Work, false), Action::Hit(FIRST));
        let action = machine.step(Input::HitDone { now: 1, spent }, false);
        assert_eq!(action, Action::HandBack(FIRST));
        let action = machine.step(Input::HandedBackWork, false);
        assert_eq!(action, Action::Hit(FIRST));
        let action = machine.step(Input::HitDone { now: 2, spent: 1 }, false);
        assert_eq!(action, Action::Done(Reason::Budget));
    }

    #[test]
    fn no_hit_with_something_to_run() {
        let mut machine = Machine::new();

        machine.add();
        machine.start(0, LIMIT, BUDGET, false);
        assert_eq!(machine.step(Input::Work, true), Action::HandBack(FIRST));
    }

    #[test]
    fn an_answer_to_another_question_changes_nothing() {
        let mut machine = Machine::new();

        machine.add();
        machine.start(0, LIMIT, BUDGET, false);
        let action = machine.step(Input::HandedBack, false);
        assert_eq!(action, Action::Look(FIRST));
        let action = machine.step(Input::Clock { now: LIMIT + 1 }, false);
        assert_eq!(action, Action::Look(FIRST));
    }

    #[test]
    fn a_hit_that_gives_the_cpu_something_to_run_is_no_failure() {
        let mut machine = Machine::new();
        let done = Input::HitDone {
            now: LIMIT + 1,
            spent: BUDGET + 1,
        };

        machine.add();
        machine.start(0, LIMIT, BUDGET, false);
        machine.step(Input::Work, false);
        machine.step(done, true);
        let action = machine.step(Input::HandedBack, true);
        assert_eq!(action, Action::Done(Reason::Resched));

        // What is owed at the end of a wait in vain.
        machine.start(0, LIMIT, BUDGET, false);
        machine.step(Input::Work, false);
        machine.step(done, false);
        machine.step(Input::HandedBackWork, false);
        let action = machine.step(done, true);
        assert_eq!(action, Action::Done(Reason::Resched));
    }

    /// One episode that owns `slot`, with a hit or in vain.
    fn episode(sched: &mut Sched, slot: Slot, hit: bool) {
        sched.begin();
        sched.own(slot);
        sched.disown(hit);
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
            assert_eq!(sched.next_source(), Some(Slot(0)));
            assert_eq!(sched.next_source(), Some(Slot(1)));
        }
        assert_eq!(sched.next_source(), Some(cold));
        assert_eq!(sched.next_source(), Some(Slot(0)));
    }

    #[test]
    fn a_source_never_hit_is_left_alone_until_it_interrupts() {
        let mut sched = Sched::new();

        assert_eq!(sched.add(), Some(FIRST));
        for _ in 0..COLD_MISSES {
            assert_eq!(sched.next_source(), Some(FIRST));
            episode(&mut sched, FIRST, false);
        }
        assert_eq!(sched.next_source(), None);
        sched.missed(FIRST);
        assert_eq!(sched.next_source(), Some(FIRST));
    }

    #[test]
    fn a_hit_keeps_a_source_hot() {
        let mut sched = Sched::new();
        let other = Slot(1);

        assert_eq!(sched.add(), Some(FIRST));
        assert_eq!(sched.add(), Some(other));
        episode(&mut sched, FIRST, true);
        for _ in 1..HOT_MISSES {
            episode(&mut sched, FIRST, false);
        }
        episode(&mut sched, FIRST, true);
        sched.begin();
        assert_eq!(sched.next_source(), Some(FIRST));
        assert_eq!(sched.next_source(), Some(FIRST));

        // Cold again, it takes turns with the other.
        for _ in 0..HOT_MISSES {
            episode(&mut sched, FIRST, false);
        }
        sched.begin();
        assert!(sched.next_source() != sched.next_source());
    }
}
