// SPDX-License-Identifier: GPL-2.0

//! The rules of a wait by example, on one CPU.
//!
//! The kernel runs these as a KUnit suite, a host as unit tests. Rings are in
//! `borrow_tests.rs` and `flags_tests.rs`.

#[cfg_attr(
    CONFIG_CPU_IDLE_POLL_SOURCE_KUNIT_TEST,
    kernel::macros::kunit_tests(poll_core)
)]
mod suite {
    use super::super::borrow::{
        Look,
        Owed, //
    };
    use super::super::poll_wait::{
        wait,
        Cpu,
        CLOCK_LOOKS, //
    };
    use super::super::sched::{
        Sched,
        Slot,
        COLD_MISSES,
        COLD_TURNS,
        HOT_MISSES,
        MAX_SOURCES,
        SLOW_US, //
    };

    /// Softirqs that take so long are slow.
    const SLOW: u64 = (SLOW_US as u64 + 1) * 1000;
    const LIMIT: u64 = 10 * SLOW;
    /// Looks between two readings of the clock.
    const TURN: u16 = CLOCK_LOOKS as u16;
    /// The first sources of a scheduler.
    const FIRST: Slot = Slot(0);
    const OTHER: Slot = Slot(1);

    /// What comes while the CPU waits.
    type Event = fn(&mut Rings);

    /// Two rings, and the CPU that waits.
    struct Rings {
        /// What the next look at each sees. Later ones see nothing.
        seen: [Look; 2],
        /// What is owed when it is given back.
        owed: [Owed; 2],
        looks: [u16; 2],
        rests: u16,
        resched: bool,
        now: u64,
        /// Each comes at a reading of the clock. Then the limit is over.
        events: &'static [Event],
        /// The clock is read for a hit: nothing comes.
        hitting: bool,
        /// How long a hit takes, and so do softirqs that it left.
        takes: u64,
        /// A hit gives the CPU something to run.
        wakes: bool,
        /// A hit is refused.
        refuses: bool,
        /// What the wait did.
        text: [u8; 512],
        len: usize,
    }

    impl Rings {
        const QUIET: Self = Self {
            seen: [Look::Borrowed; 2],
            owed: [Owed::Nothing; 2],
            looks: [0; 2],
            rests: 0,
            resched: false,
            now: 0,
            events: &[],
            hitting: false,
            takes: 1,
            wakes: false,
            refuses: false,
            text: [0; 512],
            len: 0,
        };

        /// Waits for something to run, or [`LIMIT`].
        fn wait(&mut self, sched: &mut Sched, events: &'static [Event]) -> bool {
            self.now = 0;
            self.events = events;
            self.len = 0;
            wait(sched, self, 0, LIMIT)
        }

        fn log(&mut self, what: &str, slot: Slot) {
            for byte in what.bytes().chain([b'0' + slot.0, b' ']) {
                self.text[self.len] = byte;
                self.len += 1;
            }
        }

        /// What the last wait did.
        fn did(&self) -> &str {
            core::str::from_utf8(&self.text[..self.len]).map_or("", str::trim_end)
        }
    }

    impl Cpu for Rings {
        fn resched(&self) -> bool {
            self.resched
        }

        fn clock(&mut self) -> u64 {
            if !self.hitting {
                if let Some((event, events)) = self.events.split_first() {
                    self.events = events;
                    event(self);
                } else {
                    self.now = LIMIT + 1;
                }
            }
            self.now
        }

        fn rest(&mut self) {
            self.rests += 1;
        }

        fn look(&mut self, Slot(slot): Slot, _now: u64) -> Look {
            let at = usize::from(slot);
            let seen = core::mem::replace(&mut self.seen[at], Look::Nothing);

            self.looks[at] += 1;
            self.hitting = seen == Look::Work;
            seen
        }

        fn give_back(&mut self, slot: Slot, _now: u64) -> Owed {
            let at = usize::from(slot.0);
            let owed = core::mem::replace(&mut self.owed[at], Owed::Nothing);

            self.log("back", slot);
            self.seen[at] = Look::Borrowed;
            self.hitting |= owed != Owed::Nothing;
            owed
        }

        fn hit(&mut self, slot: Slot, softirqs: bool, start: u64) -> Option<u64> {
            self.log(if softirqs { "hit" } else { "alone" }, slot);
            self.resched |= self.wakes;
            if self.refuses {
                self.owed[usize::from(slot.0)] = Owed::News;
                return None;
            }
            self.hitting = !softirqs;
            self.now = start + self.takes;
            Some(self.now)
        }

        fn softirqs(&mut self, slot: Slot, start: u64) -> u64 {
            self.log("softirqs", slot);
            self.hitting = false;
            self.now = start + self.takes;
            self.now
        }
    }

    /// So many sources, all hot.
    fn hot(sources: u8) -> Sched {
        let mut sched = Sched::default();

        for _ in 0..sources {
            if let Some(slot) = sched.add() {
                sched.missed(slot);
            }
        }
        sched
    }

    #[test]
    fn a_cpu_with_something_to_run_does_not_wait() {
        let mut rings = Rings::QUIET;

        rings.resched = true;
        assert!(rings.wait(&mut hot(1), &[]));
        assert_eq!(rings.looks, [0; 2]);
    }

    #[test]
    fn a_cpu_with_nothing_to_look_at_rests() {
        let mut rings = Rings::QUIET;

        assert!(!rings.wait(&mut hot(0), &[]));
        assert_eq!(rings.rests, TURN);
        assert!(rings.wait(&mut hot(0), &[|rings| rings.resched = true]));
        assert_eq!(rings.rests, 2 * TURN);
    }

    #[test]
    fn the_limit_ends_a_wait() {
        let mut rings = Rings::QUIET;

        assert!(!rings.wait(&mut hot(2), &[|rings| rings.now = LIMIT]));
        assert_eq!(rings.looks, [TURN; 2]);
        assert_eq!(rings.did(), "back1 back0");
    }

    #[test]
    fn a_hit_does_not_end_a_wait() {
        let mut rings = Rings::QUIET;

        rings.seen[1] = Look::Work;
        assert!(!rings.wait(&mut hot(2), &[]));
        assert_eq!(rings.did(), "hit1 back1 back0");
        assert_eq!(rings.looks, [TURN / 2 + 1; 2]);
    }

    #[test]
    fn a_hit_beyond_the_limit_ends_a_wait() {
        let mut rings = Rings::QUIET;

        rings.seen[0] = Look::Work;
        rings.takes = LIMIT + 1;
        assert!(!rings.wait(&mut hot(2), &[]));
        assert_eq!(rings.did(), "hit0 back0");
        assert_eq!(rings.looks, [1, 0]);
    }

    #[test]
    fn what_is_owed_at_the_end_is_delivered() {
        let mut rings = Rings::QUIET;

        rings.owed = [Owed::News; 2];
        assert!(rings.wait(&mut hot(2), &[|rings| rings.resched = true]));
        assert_eq!(rings.did(), "back1 alone1 back0 alone0 softirqs1");
    }

    /// Nobody looks at the other ring while softirqs run.
    #[test]
    fn rings_are_given_back_before_long_softirqs() {
        let mut rings = Rings::QUIET;
        let mut sched = hot(2);
        let events: &[Event] = &[
            |rings| {
                rings.takes = 1;
                rings.seen[0] = Look::Work;
                rings.owed[1] = Owed::News;
            },
            // There is time left. Softirqs were short this time.
            |rings| rings.seen[0] = Look::Work,
        ];

        rings.seen[0] = Look::Work;
        rings.takes = SLOW;
        assert!(!rings.wait(&mut sched, events));
        let first = "hit0 alone0 back1 alone1 back0 softirqs0";
        let then = " hit0 back0 back1";
        assert_eq!(rings.did().strip_prefix(first), Some(then));
    }

    #[test]
    fn long_softirqs_beyond_the_limit_end_a_wait() {
        let mut rings = Rings::QUIET;
        let mut sched = hot(1);

        sched.took(FIRST, SLOW);
        rings.seen[0] = Look::Work;
        rings.takes = LIMIT;
        assert!(!rings.wait(&mut sched, &[]));
        assert_eq!(rings.did(), "alone0 back0 softirqs0");
        assert_eq!(rings.looks, [1, 0]);
    }

    /// A wait may have many slow hits, and counts once.
    #[test]
    fn slow_hits_do_not_count_against_the_others() {
        const WORK: Event = |rings| rings.seen[0] = Look::Work;
        let mut rings = Rings::QUIET;
        let mut sched = hot(2);

        sched.took(FIRST, u64::MAX);
        rings.wait(&mut sched, &[WORK; HOT_MISSES as usize]);
        let slow = rings.did().matches("softirqs0").count();
        assert_eq!(slow, usize::from(HOT_MISSES));
        // Still they take turns.
        rings.looks = [0; 2];
        rings.wait(&mut sched, &[]);
        assert_eq!(rings.looks, [TURN / 2; 2]);
    }

    #[test]
    fn a_hit_that_was_refused_is_owed() {
        let mut rings = Rings::QUIET;

        rings.seen[0] = Look::Work;
        rings.refuses = true;
        assert!(!rings.wait(&mut hot(1), &[]));
        assert_eq!(rings.did(), "hit0 back0 alone0 softirqs0");
        // Its look counts as others do.
        assert_eq!(rings.looks, [TURN, 0]);
        // Refused again: it is owed in the next wait.
        assert_eq!(rings.owed[0], Owed::News);
    }

    #[test]
    fn a_hit_that_gives_the_cpu_something_to_run_is_no_failure() {
        let mut rings = Rings::QUIET;

        rings.seen[0] = Look::Work;
        rings.takes = LIMIT + 1;
        rings.wakes = true;
        assert!(rings.wait(&mut hot(1), &[]));
    }

    /// A driver that leaves its buffer has its thread woken, and the CPU is to halt.
    #[test]
    fn a_wait_that_ends_with_a_hit_in_doubt_is_in_vain() {
        let mut rings = Rings::QUIET;
        let mut sched = hot(1);

        rings.owed[0] = Owed::Doubt;
        rings.wakes = true;
        assert!(!rings.wait(&mut sched, &[]));
        assert_eq!(rings.did(), "back0 alone0 softirqs0");

        // What a task brings counts in the next wait.
        rings.resched = false;
        rings.owed[0] = Owed::Doubt;
        assert!(rings.wait(&mut sched, &[|rings| rings.resched = true]));
    }

    #[test]
    fn hits_in_doubt_do_not_keep_a_source_hot() {
        let mut rings = Rings::QUIET;
        let mut sched = hot(1);

        for _ in 0..HOT_MISSES + COLD_MISSES {
            assert!(sched.has_next());
            rings.owed[0] = Owed::Doubt;
            rings.wait(&mut sched, &[]);
        }
        assert!(!sched.has_next());
    }

    /// Until it interrupts nobody would look at a source that is cold.
    #[test]
    fn a_refused_hit_in_doubt_is_tried_again() {
        let mut rings = Rings::QUIET;
        let mut sched = hot(1);

        rings.refuses = true;
        for _ in 0..HOT_MISSES + COLD_MISSES {
            rings.owed[0] = Owed::Doubt;
            rings.wait(&mut sched, &[]);
        }
        assert!(sched.has_next());
    }

    #[test]
    fn what_a_hit_in_doubt_did_not_bring_counts() {
        for owed in [[Owed::News, Owed::Doubt], [Owed::Doubt, Owed::News]] {
            let mut rings = Rings::QUIET;

            rings.owed = owed;
            rings.wakes = true;
            assert!(rings.wait(&mut hot(2), &[]));
            assert_eq!(rings.did(), "back1 alone1 back0 alone0 softirqs1");
        }
    }

    /// One wait that owns `slot`, with a hit or in vain.
    fn own(sched: &mut Sched, slot: Slot, hit: bool) {
        sched.begin();
        sched.own(slot);
        sched.disown(hit, true);
    }

    #[test]
    fn a_full_cpu_takes_no_more() {
        let mut sched = Sched::default();

        for _ in 0..MAX_SOURCES {
            assert!(sched.add().is_some());
        }
        assert_eq!(sched.add(), None);
        sched.remove(Slot(7));
        assert_eq!(sched.add(), Some(Slot(7)));
    }

    #[test]
    fn hot_sources_take_turns_and_cold_ones_come_up_at_times() {
        let mut sched = Sched::default();
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
        let mut sched = Sched::default();

        assert_eq!(sched.add(), Some(FIRST));
        for _ in 0..COLD_MISSES {
            assert_eq!(sched.next_source(), FIRST);
            own(&mut sched, FIRST, false);
        }
        assert!(!sched.has_next());
        sched.missed(FIRST);
        assert_eq!(sched.next_source(), FIRST);
    }

    #[test]
    fn a_hit_keeps_a_source_hot() {
        let mut sched = Sched::default();

        assert_eq!(sched.add(), Some(FIRST));
        assert_eq!(sched.add(), Some(OTHER));
        own(&mut sched, FIRST, true);
        for _ in 1..HOT_MISSES {
            own(&mut sched, FIRST, false);
        }
        own(&mut sched, FIRST, true);
        sched.begin();
        assert_eq!(sched.next_source(), FIRST);
        assert_eq!(sched.next_source(), FIRST);

        // Cold again, it takes turns with the other.
        for _ in 0..HOT_MISSES {
            own(&mut sched, FIRST, false);
        }
        sched.begin();
        assert!(sched.next_source() != sched.next_source());
    }

    #[test]
    fn what_was_slow_is_remembered_for_some_hits() {
        let mut sched = Sched::default();

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
