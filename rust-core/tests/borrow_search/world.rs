// SPDX-License-Identifier: GPL-2.0

//! A ring, its driver and its device, and every step that one of them can take.
//!
//! The driver is that of virtio_ring.c on x86, where its stores of the event index go
//! through a store buffer. An action of the driver that leaves no trace in memory is
//! part of the step before or after it.

use poll_core::poll::borrow::Look;

use crate::poller::{Call, Outcome, Place, Poller, Step};

/// How a driver takes buffers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Driver {
    /// Switches events off, takes all buffers, switches events on for the buffer that
    /// is `ahead` further, and looks again.
    Switches { ahead: u8 },
    /// Takes all buffers with events on: for each buffer that it takes, it asks for the
    /// next.
    Plain,
}

/// The parameters of a search.
#[derive(Clone, Copy, Debug)]
pub struct Setup {
    /// Mask of the bits of an index.
    pub mask: u8,
    /// Number of the ring's entries. The driver keeps all of them in flight.
    pub size: u8,
    pub driver: Driver,
    /// Driver and poller are on one CPU, and its kernel exchanges without LOCK.
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

/// The driver's next action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
enum At {
    Asleep,
    /// Takes all buffers, and switches events on.
    Take,
    /// Looks again after it switched events on.
    Check,
    /// Takes one buffer with events on.
    Next,
}

/// The state of ring, device, driver and poller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct World {
    used: u8,
    event: u8,
    /// The store buffer: values on their way to `event`, the oldest first.
    buffer: [Option<u8>; 2],
    last_used: u8,
    /// The index that the driver asked for last.
    wish: u8,
    at: At,
    /// The driver's `event_triggered`: the driver need not switch off an event that has
    /// triggered.
    triggered: bool,
    /// The number of buffers that the device used since it read the event index.
    fresh: u8,
    /// The handler is to run, for an interrupt of the device or for a hit.
    irq: bool,
    /// A hit was refused, and no later hit or return has replaced it.
    refused: bool,
    poller: Place,
    /// Nobody else has taken a step since the poller's call began.
    alone: bool,
}

/// The step of a poller that has borrowed nothing.
const IDLE: Step = Step::Rest { borrowed: false };

/// The error in a state or in a step.
pub type Wrong = &'static str;

impl World {
    /// A quiet state. The driver waits for the buffer at index `start`.
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

    /// The state as one number.
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

    /// Whether a buffer is forgotten: the driver and the device are at rest, no store
    /// is on its way, and the buffer that the driver waits for is there.
    fn is_forgotten(&self, setup: &Setup) -> bool {
        let beyond = setup.sub(self.used, self.wish.wrapping_add(1));
        let quiet = self.at == At::Asleep && !self.irq && self.fresh == 0;

        quiet && self.buffer[0].is_none() && beyond < setup.size
    }

    /// The error in this state; None if it is good.
    pub fn wrong(&self, setup: &Setup, poller: &Poller) -> Option<Wrong> {
        let lost = poller.step(self.poller) == IDLE && self.is_forgotten(setup);

        lost.then_some("lost interrupt")
    }

    /// Calls `found` with each state that can come next.
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
                    // The driver runs without an interrupt.
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

    /// The driver starts to take buffers.
    fn starts(&self, setup: &Setup) -> Self {
        let at = match setup.driver {
            Driver::Switches { .. } => At::Take,
            Driver::Plain => At::Next,
        };
        let next = World { at, ..*self };
        // virtqueue_disable_cb(). The store buffer has room, because the driver slept
        // or had a barrier.
        if at == At::Take && !self.triggered {
            return next.stores(0).unwrap_or(next);
        }
        next
    }

    fn asks(self, wish: u8) -> Option<Self> {
        Self { wish, ..self }.stores(wish)
    }

    /// A plain store; None if the store buffer has no room.
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

    /// The poller continues with the value `answer` that it read.
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

    /// The poller moves to `place`, and its caller handles the outcome.
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
            Outcome::Looked(_) if !seen => return Err("a look missed a used buffer"),
            Outcome::Looked(_) => {}
            Outcome::GivenBack(owed) => {
                self.irq |= owed;
                self.refused = false;
            }
        }
        if matches!(poller.step(place), Step::Rest { .. }) {
            self.alone = false;
        }
        // Only with one CPU do the poller's own stores wait in the store buffer.
        if poller.step(place) == Step::Barrier && !setup.one_cpu {
            self.poller = place;
            return self.after_barrier(setup, poller);
        }
        self.poller = place;
        Ok(self)
    }

    /// Passes a barrier at once: after an exchange with LOCK it has nothing to wait
    /// for.
    fn after_barrier(self, setup: &Setup, poller: &Poller) -> Result<Self, Wrong> {
        let next = poller.answer(self.poller, 0);
        let (place, outcome) = next.expect("a barrier reads nothing");

        self.moves(setup, poller, place, outcome)
    }
}
