// SPDX-License-Identifier: GPL-2.0

//! A model of a CPU that waits, and of its rings. It gives the answers that a test asks for, and
//! checks each call. It keeps its own record of which rings exist, are borrowed and are owed a hit.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

use poll_core::poll::borrow::{Look, Owed};
use poll_core::poll::poll_wait::{Cpu, CLOCK_LOOKS};
use poll_core::poll::sched::{Slot, SLOW_US};

/// A change of the clock. The clock may be wrong.
#[derive(Clone, Copy, Debug)]
pub enum Clock {
    /// The clock advances by this time.
    On(u64),
    /// The clock shows this time, whatever it showed before.
    Jump(u64),
}

/// What happens in one call that takes time, or before a wait. `seed` chooses the answers of the
/// rings. `resched`: the CPU has something to run after so many readings, or at once. `spent`: the
/// time that a handler, or softirqs, took. `refused`: the handler was refused.
#[derive(Clone, Copy, Debug)]
pub struct Turn {
    pub seed: u32,
    pub resched: Option<u8>,
    pub clock: Clock,
    pub spent: u64,
    pub refused: bool,
}

impl Turn {
    /// The turn when no more are left: the wait is to end.
    const LAST: Turn = Turn {
        seed: 1,
        resched: Some(0),
        clock: Clock::On(0),
        spent: 0,
        refused: false,
    };
}

/// The poller's view of a source's ring.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ring {
    borrowed: bool,
    /// A hit was refused, and the driver has not asked again.
    owed: bool,
    /// Looks in this wait saw the ring borrowed, and it was not given back since.
    owned: bool,
    /// The longest recent time of its softirqs, in microseconds.
    took_us: u16,
}

/// Where work was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Why {
    Look,
    GiveBack(Owed),
}

/// What the calls of one wait are checked against.
#[derive(Default)]
struct Checks {
    started: u64,
    limit: u64,
    /// Perhaps no source deserves a look.
    may_rest: bool,
    /// The time that looks must be given, and whether it is beyond the limit.
    now: u64,
    late: bool,
    /// `resched` was read since the last call, and was not set.
    fresh: Cell<bool>,
    /// Number of looks since `now` changed.
    looks: u8,
    /// The time when a hit or softirqs start, if the clock was read for that.
    start: Option<u64>,
    /// The source that has work, if the last look or return reported work.
    work: Option<(u8, Why)>,
    /// The source whose hit was the first that left softirqs.
    held: Option<u8>,
    /// The source with a hit whose softirqs may take long.
    slow: Option<u8>,
    /// All rings are being given back. No ring may be looked at.
    stopping: bool,
    /// The same, only because of slow softirqs.
    pause: bool,
    /// The CPU may have something to run only because of hits in doubt.
    doubt: bool,
    /// The sources that had a hit since the CPU has something to run.
    hits: BTreeSet<u8>,
}

/// The CPU and its rings.
pub struct Rings {
    pub rings: BTreeMap<u8, Ring>,
    pub turns: VecDeque<Turn>,
    /// The time that the clock shows.
    time: u64,
    seed: u32,
    /// Whether the CPU has something to run, and readings until it has.
    resched: Cell<bool>,
    resched_in: Cell<Option<u8>>,
    checks: Checks,
}

impl Rings {
    pub fn new(time: u64) -> Self {
        Self {
            rings: BTreeMap::new(),
            turns: VecDeque::new(),
            time,
            seed: 1,
            resched: Cell::new(false),
            resched_in: Cell::new(None),
            checks: Checks::default(),
        }
    }

    /// Starts a wait. Returns the time.
    pub fn start(&mut self, limit: u64, may_rest: bool) -> u64 {
        self.resched.set(false);
        self.resched_in.set(None);
        self.turn();
        self.checks = Checks {
            started: self.time,
            limit,
            may_rest,
            now: self.time,
            ..Checks::default()
        };
        self.time
    }

    /// Checks the end of a wait.
    pub fn end(&self, told: bool) {
        let checks = &self.checks;
        let resched = self.resched.get();

        self.check_all_back();
        assert_eq!(checks.held, None, "ended before the softirqs ran");
        assert_eq!(checks.work, None, "work was found, but no hit followed");
        assert!(resched || checks.late, "the wait ended for no reason");
        assert_eq!(told, resched && !checks.doubt, "doubt: {}", checks.doubt);
    }

    /// Takes the next turn: the clock changes, and the CPU may get something to run.
    fn turn(&mut self) -> Turn {
        let turn = self.turns.pop_front().unwrap_or(Turn::LAST);

        self.time = match turn.clock {
            Clock::On(time) => self.time.wrapping_add(time),
            Clock::Jump(time) => time,
        };
        self.seed = turn.seed.max(1);
        if turn.resched.is_some() {
            self.resched_in.set(turn.resched);
        }
        turn
    }

    /// A turn of a call in which interrupts may come: the CPU has something to run at once.
    fn long_turn(&mut self) -> Turn {
        let turn = self.turn();

        if self.resched_in.get() == Some(0) {
            self.resched.set(true);
        }
        self.checks.fresh.set(false);
        turn
    }

    fn random(&mut self, below: u32) -> u32 {
        // Xorshift.
        self.seed ^= self.seed << 13;
        self.seed ^= self.seed >> 17;
        self.seed ^= self.seed << 5;
        self.seed % below
    }

    fn ring(&mut self, slot: Slot) -> &mut Ring {
        self.rings.get_mut(&slot.0).expect("the source exists")
    }

    /// The wait is told the time.
    fn told_time(&mut self) {
        self.checks.now = self.time;
        self.checks.looks = 0;
    }

    /// The wait is told the time, and must end if that is beyond the limit.
    fn at_limit(&mut self) {
        self.told_time();
        let checks = &mut self.checks;

        checks.late |= checks.now.saturating_sub(checks.started) > checks.limit;
    }

    /// As `Sched::took()`.
    fn took(&mut self, slot: u8, start: u64) {
        let spent = self.time.saturating_sub(start);
        let spent = u16::try_from(spent / 1000).unwrap_or(u16::MAX);
        let ring = self.ring(Slot(slot));

        ring.took_us = spent.max(ring.took_us - ring.took_us / 8);
    }

    fn count_look(&mut self) {
        let checks = &mut self.checks;

        assert_eq!(checks.work, None, "work was found, but no hit followed");
        assert!(checks.fresh.take(), "a look without a check of resched");
        assert!(!checks.late, "a look after the limit");
        assert_eq!(checks.held, None, "a look before pending softirqs have run");
        assert!(!checks.stopping, "a look after a source was given back");
        checks.looks += 1;
        assert!(checks.looks <= CLOCK_LOOKS, "the clock was not read");
    }

    fn check_all_back(&self) {
        let rings = &self.rings;
        let kept = rings.values().any(|ring| ring.borrowed || ring.owned);

        assert!(!kept, "rings are owned: {rings:?}");
    }

    /// Checks that a hit is for the work that was just found. Returns where.
    fn check_hit(&mut self, slot: Slot, softirqs: bool) -> Why {
        let Some((with_work, why)) = self.checks.work.take() else {
            panic!("a hit without work");
        };

        assert_eq!(with_work, slot.0, "a hit of a source without work");
        let is_slow = self.ring(slot).took_us > SLOW_US;
        let resched = self.resched.get();
        match why {
            Why::Look => {
                assert_eq!(softirqs, !is_slow, "only a slow source must be hit alone");
                assert!(!resched, "a look after resched");
            }
            Why::GiveBack(owed) => {
                assert!(!softirqs, "a source that is given back must be hit alone");
                let doubt = &mut self.checks.doubt;
                *doubt = owed == Owed::Doubt && (*doubt || !resched);
            }
        }
        if resched {
            assert!(self.checks.hits.insert(slot.0), "two hits after resched");
        }
        why
    }

    fn take_start(&mut self, start: u64) {
        let read = self.checks.start.take();

        assert_eq!(read, Some(start), "this is not when it starts");
    }
}

impl Cpu for Rings {
    fn resched(&self) -> bool {
        if let Some(readings) = self.resched_in.get() {
            self.resched_in.set(readings.checked_sub(1));
            self.resched.set(self.resched.get() | (readings == 0));
        }
        self.checks.fresh.set(!self.resched.get());
        self.resched.get()
    }

    fn clock(&mut self) -> u64 {
        self.turn();
        let time = self.time;
        let checks = &mut self.checks;

        assert_eq!(checks.start, None, "the clock is read twice");
        if checks.work.is_some() || checks.held.is_some() {
            checks.start = Some(time);
            return time;
        }
        assert!(checks.fresh.take(), "no check of resched before the clock");
        assert!(!checks.late && !checks.stopping, "the wait goes on");
        assert_eq!(checks.looks, CLOCK_LOOKS, "the clock is read too early");
        self.at_limit();
        time
    }

    fn rest(&mut self) {
        assert!(self.checks.may_rest, "there are sources to look at");
        self.count_look();
        self.long_turn();
    }

    fn look(&mut self, slot: Slot, now: u64) -> Look {
        self.count_look();
        assert_eq!(now, self.checks.now, "a look with the wrong time");

        let choice = self.random(16);
        let ring = self.ring(slot);
        if choice == 0 {
            // The driver asked again: the word holds the driver's value.
            (ring.borrowed, ring.owed) = (false, false);
            return Look::NotMine;
        }
        if choice == 1 && !ring.borrowed && !ring.owed {
            return Look::NotMine;
        }
        let before = std::mem::replace(&mut ring.borrowed, true);
        ring.owned = true;
        if choice < 4 {
            self.checks.work = Some((slot.0, Why::Look));
            return Look::Work;
        }
        match before {
            true => Look::Nothing,
            false => Look::Borrowed,
        }
    }

    fn give_back(&mut self, slot: Slot, now: u64) -> Owed {
        let resched = self.resched.get();
        let checks = &mut self.checks;

        assert_eq!(checks.work, None, "work was found, but no hit followed");
        assert_eq!(now, checks.now, "given back with the wrong time");
        let is_over = checks.late || resched;
        assert!(is_over || checks.pause, "given back without a reason");
        checks.stopping = true;

        let choice = self.random(8);
        let ring = self.ring(slot);
        assert!(ring.owned, "{slot:?} was given back, but is not owned");
        // With choice 0 the driver asked again.
        let work = ring.borrowed && choice != 0 && (ring.owed || choice < 4);
        let owed = match work {
            false => Owed::Nothing,
            true if !ring.owed && choice == 1 => Owed::Doubt,
            true => Owed::News,
        };

        (ring.borrowed, ring.owned, ring.owed) = (false, false, false);
        if work {
            self.checks.work = Some((slot.0, Why::GiveBack(owed)));
        }
        owed
    }

    fn hit(&mut self, slot: Slot, softirqs: bool, start: u64) -> Option<u64> {
        self.take_start(start);
        let why = self.check_hit(slot, softirqs);
        let turn = self.long_turn();

        if !softirqs {
            self.checks.held.get_or_insert(slot.0);
            self.checks.stopping = true;
            self.checks.pause |= why == Why::Look;
        }
        if turn.refused {
            self.ring(slot).owed = true;
            return None;
        }
        self.time = self.time.wrapping_add(turn.spent);
        if softirqs {
            self.took(slot.0, start);
            self.at_limit();
        } else {
            // The limit counts after the softirqs.
            self.told_time();
            if why == Why::Look {
                self.checks.slow = Some(slot.0);
            }
        }
        Some(self.time)
    }

    fn softirqs(&mut self, slot: Slot, start: u64) -> u64 {
        self.take_start(start);
        self.check_all_back();
        assert_eq!(self.checks.work, None, "work was found, no hit followed");
        let held = self.checks.held.take();
        assert_eq!(held, Some(slot.0), "softirqs of the wrong source");

        let turn = self.long_turn();
        self.time = self.time.wrapping_add(turn.spent);
        if let Some(slot) = self.checks.slow.take() {
            self.took(slot, start);
        }
        self.at_limit();
        if self.checks.pause {
            // The wait goes on, but not beyond the limit.
            self.checks.pause = false;
            self.checks.stopping = false;
            self.checks.doubt = false;
        }
        self.time
    }
}
