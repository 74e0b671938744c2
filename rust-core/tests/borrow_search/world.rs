// SPDX-License-Identifier: GPL-2.0

//! A ring, its driver and its device, and every step that one of them can take.
//!
//! The driver is virtio_ring.c's on x86, where its stores of the event index go
//! through a store buffer. What it does without a trace in memory is part of the
//! step before or after.

use poll_core::poll::borrow::Look;

use crate::poller::{Call, Outcome, Place, Poller, Step};

/// How a driver takes buffers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Driver {
    /// Events off, take all, events on from the buffer so many ahead, look again.
    Switches { ahead: u8 },
    /// Take all with events on: each buffer that is taken asks for the next.
    Plain,
}

/// What is looked into.
#[derive(Clone, Copy, Debug)]
pub struct Setup {
    /// The bits of an index.
    pub mask: u8,
    /// The ring's entries. The driver keeps all of them in flight.
    pub size: u8,
    pub driver: Driver,
    /// Driver and poller are on one CPU, whose kernel exchanges without LOCK.
    pub one_cpu: bool,
    /// The irq core may refuse hits.
    pub refuses: bool,
}

impl Setup {
    fn add(&self, a: u8, b: u8) -> u8 {
        a.wrapping_add(b) & self.mask
    }

    fn sub(&self, a: u8, b: u8) -> u8 {
        a.wrapping_sub(b) & self.mask
    }
}

/// Where the driver is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
enum At {
    Asleep,
    /// To take all, and switch events on.
    Take,
    /// To look again after it switched events on.
    Check,
    /// To take one with events on.
    Next,
}

/// The state of all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct World {
    used: u8,
    event: u8,
    /// What is on its way to `event`, the oldest first.
    buffer: [Option<u8>; 2],
    last_used: u8,
    /// What the driver asked for last.
    wish: u8,
    at: At,
    /// `event_triggered` of the driver: it need not switch off what was told.
    triggered: bool,
    /// The buffers that the device used since it read the event index.
    fresh: u8,
    /// The handler is to run, for the device or for a hit.
    irq: bool,
    /// A hit was refused, and nothing has come in its place.
    refused: bool,
    poller: Place,
    /// Nobody else took a step since the poller's call began.
    alone: bool,
}

/// The poller has nothing, and does nothing.
const IDLE: Step = Step::Rest { borrowed: false };

/// What must not be.
pub type Wrong = &'static str;

impl World {
    /// All is quiet, and the driver waits for the buffer at index `start`.
    pub fn new(start: u8) -> Self {
        Self {
            used: start,
            event: start,
            buffer: [None; 2],
            last_used: start,
            wish: start,
            at: At::Asleep,
            triggered: false,
            fresh: 0,
            irq: false,
            refused: false,
            poller: 0,
            alone: false,
        }
    }

    /// All of it in a number.
    pub fn pack(&self) -> u128 {
        let buffer = self.buffer.map(|entry| entry.map_or(0, |value| value + 1));
        let flags = [self.triggered, self.irq, self.refused, self.alone];
        let flags = flags.iter().fold(0, |all, flag| all << 1 | u8::from(*flag));
        let bytes = [
            self.used << 4 | self.event,
            buffer[0],
            buffer[1],
            self.last_used << 4 | self.wish,
            (self.at as u8) << 4 | self.fresh,
            flags,
        ];
        let low = bytes
            .iter()
            .fold(0, |all, byte| all << 8 | u128::from(*byte));
        low << 32 | u128::from(self.poller)
    }

    pub fn unpack(packed: u128) -> Self {
        let byte = |number: u32| (packed >> (32 + 8 * (5 - number))) as u8;
        let flag = |number: u32| byte(5) >> (3 - number) & 1 == 1;
        Self {
            used: byte(0) >> 4,
            event: byte(0) & 15,
            buffer: [byte(1).checked_sub(1), byte(2).checked_sub(1)],
            last_used: byte(3) >> 4,
            wish: byte(3) & 15,
            at: match byte(4) >> 4 {
                0 => At::Asleep,
                1 => At::Take,
                2 => At::Check,
                _ => At::Next,
            },
            fresh: byte(4) & 15,
            triggered: flag(0),
            irq: flag(1),
            refused: flag(2),
            alone: flag(3),
            poller: packed as u32,
        }
    }

    /// Nobody is at work and nothing is on its way, but what the driver waits for
    /// is there.
    fn is_forgotten(&self, setup: &Setup) -> bool {
        let beyond = setup.sub(self.used, self.wish.wrapping_add(1));
        let quiet = self.at == At::Asleep && !self.irq && self.fresh == 0;

        quiet && self.buffer[0].is_none() && beyond < setup.size
    }

    /// What is wrong with it, if anything.
    pub fn wrong(&self, setup: &Setup, poller: &Poller) -> Option<Wrong> {
        let lost = poller.step(self.poller) == IDLE && self.is_forgotten(setup);

        lost.then_some("lost interrupt")
    }

    /// All that can come next.
    pub fn next(
        &self,
        setup: &Setup,
        poller: &Poller,
        mut found: impl FnMut(Result<World, Wrong>),
    ) {
        let alone = false;
        let mut others = |world: World| found(Ok(World { alone, ..world }));

        self.device(setup, &mut others);
        self.driver(setup, &mut others);
        if let [Some(event), next] = self.buffer {
            let buffer = [next, None];
            others(World {
                event,
                buffer,
                ..*self
            });
        }
        if !setup.one_cpu || self.at == At::Asleep {
            self.poller(setup, poller, &mut found);
        }
    }

    fn device(&self, setup: &Setup, found: &mut impl FnMut(World)) {
        let in_flight = setup.size - setup.sub(self.used, self.last_used);

        if in_flight > 0 && self.fresh < 2 {
            found(World {
                used: setup.add(self.used, 1),
                fresh: self.fresh + 1,
                ..*self
            });
        }
        if self.fresh > 0 {
            // vring_need_event()
            let beyond = setup.sub(self.used, self.event.wrapping_add(1));
            let irq = self.irq || beyond < self.fresh;
            let fresh = 0;
            found(World {
                irq,
                fresh,
                ..*self
            });
        }
    }

    fn driver(&self, setup: &Setup, found: &mut impl FnMut(World)) {
        let empty = self.used == self.last_used;
        let stored = self.buffer[0].is_none();
        match (self.at, setup.driver) {
            (At::Asleep, _) => {
                if self.irq {
                    // vring_interrupt()
                    let next = World {
                        irq: false,
                        triggered: self.triggered || !empty,
                        ..*self
                    };
                    found(if empty { next } else { next.starts(setup) });
                }
                if !empty {
                    // On its own account.
                    found(self.starts(setup));
                }
            }
            (At::Take, Driver::Switches { ahead }) => {
                let next = World {
                    at: At::Check,
                    last_used: self.used,
                    triggered: false,
                    ..*self
                };
                next.asks(setup.add(self.used, ahead)).map(found);
            }
            (At::Check, _) if stored => {
                let waits = setup.sub(self.wish, self.last_used);
                let late = setup.sub(self.used, self.last_used) > waits;
                let at = At::Asleep;
                found(if late {
                    self.starts(setup)
                } else {
                    World { at, ..*self }
                });
            }
            (At::Next, _) if stored && empty => {
                let at = At::Asleep;
                found(World { at, ..*self });
            }
            (At::Next, _) if stored => {
                let last_used = setup.add(self.last_used, 1);
                World { last_used, ..*self }.asks(last_used).map(found);
            }
            _ => {}
        }
    }

    /// The driver sets to work.
    fn starts(&self, setup: &Setup) -> Self {
        let at = match setup.driver {
            Driver::Switches { .. } => At::Take,
            Driver::Plain => At::Next,
        };
        let next = World { at, ..*self };
        // virtqueue_disable_cb(). There is room, for it slept or had a barrier.
        if at == At::Take && !self.triggered {
            return next.stores(0).unwrap_or(next);
        }
        next
    }

    fn asks(self, wish: u8) -> Option<Self> {
        Self { wish, ..self }.stores(wish)
    }

    /// A plain store, if the store buffer has room.
    fn stores(mut self, value: u8) -> Option<Self> {
        let free = self.buffer.iter_mut().find(|entry| entry.is_none())?;

        *free = Some(value);
        Some(self)
    }

    fn poller(&self, setup: &Setup, poller: &Poller, found: &mut impl FnMut(Result<World, Wrong>)) {
        let newest = self.buffer[1].or(self.buffer[0]).filter(|_| setup.one_cpu);
        let event = newest.unwrap_or(self.event);
        let (next, answer) = match poller.step(self.poller) {
            Step::Rest { .. } => return self.calls(setup, poller, found),
            Step::Event => (*self, event),
            Step::Used => (*self, self.used),
            Step::InFlight => {
                self.reads(setup, poller, 0, found);
                (*self, 1)
            }
            Step::Barrier if setup.one_cpu && self.buffer[0].is_some() => return,
            Step::Barrier => (*self, 0),
            Step::Swap(old, _) if event != old => (*self, 0),
            Step::Swap(_, new) if setup.one_cpu => match self.stores(new) {
                Some(next) => (next, 1),
                None => return,
            },
            Step::Swap(_, event) => (World { event, ..*self }, 1),
        };
        next.reads(setup, poller, answer, found);
    }

    /// The poller goes on with what it read.
    fn reads(
        &self,
        setup: &Setup,
        poller: &Poller,
        answer: u8,
        found: &mut impl FnMut(Result<World, Wrong>),
    ) {
        let Some((place, outcome)) = poller.answer(self.poller, answer) else {
            return;
        };
        if setup.refuses && outcome == Outcome::Looked(Look::Work) {
            let place = poller.call(place, Call::NotTold).0;
            let refused = true;
            let after = World { refused, ..*self };
            found(after.moves(setup, poller, place, Outcome::None));
        }
        found(self.moves(setup, poller, place, outcome));
    }

    /// The poller starts a call.
    fn calls(&self, setup: &Setup, poller: &Poller, found: &mut impl FnMut(Result<World, Wrong>)) {
        let alone = true;
        let next = World { alone, ..*self };
        for lapsed in [false, true] {
            for call in [Call::Look { lapsed }, Call::GiveBack { lapsed }] {
                let (place, outcome) = poller.call(self.poller, call);
                found(next.moves(setup, poller, place, outcome));
            }
        }
    }

    /// The poller moves to `place`; what its caller makes of the outcome.
    fn moves(
        mut self,
        setup: &Setup,
        poller: &Poller,
        place: Place,
        outcome: Outcome,
    ) -> Result<Self, Wrong> {
        let seen = self.refused || !self.alone || !self.is_forgotten(setup);

        match outcome {
            Outcome::None => {}
            Outcome::Looked(Look::Work) => {
                self.refused = false;
                self.irq = true;
            }
            Outcome::Looked(_) if !seen => return Err("a look did not see it"),
            Outcome::Looked(_) => {}
            Outcome::GivenBack(owed) => {
                self.irq |= owed;
                self.refused = false;
            }
        }
        if matches!(poller.step(place), Step::Rest { .. }) {
            self.alone = false;
        }
        // Only one CPU's own stores are held up.
        if poller.step(place) == Step::Barrier && !setup.one_cpu {
            self.poller = place;
            return self.after_barrier(setup, poller);
        }
        self.poller = place;
        Ok(self)
    }

    /// With LOCK a barrier is nothing to wait for.
    fn after_barrier(self, setup: &Setup, poller: &Poller) -> Result<Self, Wrong> {
        let next = poller.answer(self.poller, 0);
        let (place, outcome) = next.expect("a barrier is no reading");

        self.moves(setup, poller, place, outcome)
    }
}
