// SPDX-License-Identifier: GPL-2.0

//! A virtqueue and everybody who touches it. The driver's is virtio_ring.c of a
//! stock kernel, line by line as far as events go.

use std::sync::Arc;

use loom::sync::atomic::{AtomicBool, AtomicU16, Ordering::*};
use loom::sync::Mutex;
use loom::thread::{self, JoinHandle};
use poll_core::poll::borrow::{Borrow, Look, Owed};
use poll_core::poll::flags::FlagBorrow;

use crate::ring::{Kind, Ring, DESC, DISABLE};

/// What the driver's callback does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Callback {
    /// Switch events off, take all, switch them on for the buffer so many ahead,
    /// look again.
    Switches { ahead: u16 },
    /// Take all, and never switch events.
    Plain,
}

/// A virtqueue.
pub struct Queue {
    ring: Ring,
    callback: Callback,
    /// The event that the driver asked for last.
    wish: AtomicU16,
    /// `event_triggered`.
    triggered: AtomicBool,
    /// The driver's lock, and the line's: who runs the callback.
    lock: Mutex<()>,
}

impl Queue {
    /// An empty queue whose driver waits for the buffer at `start`.
    pub fn new(kind: Kind, callback: Callback, start: u16, seen: u16) -> Arc<Self> {
        Arc::new(Self {
            ring: Ring::new(kind, start, seen),
            callback,
            wish: AtomicU16::new(start),
            triggered: AtomicBool::new(false),
            lock: Mutex::new(()),
        })
    }

    /// `vring_interrupt()`, for an interrupt and for a hit.
    fn interrupt(&self) {
        let _locked = self.lock.lock().unwrap();

        if self.ring.used_to_take() == self.ring.taken.load(Relaxed) {
            return;
        }
        self.triggered.store(true, Relaxed);
        self.take();
    }

    /// The driver takes buffers on its own account.
    pub fn take_unasked(self: &Arc<Self>) -> JoinHandle<()> {
        let queue = Arc::clone(self);

        thread::spawn(move || {
            let _locked = queue.lock.lock().unwrap();
            queue.take();
        })
    }

    fn take(&self) {
        let Callback::Switches { ahead } = self.callback else {
            return self.get_all();
        };
        loop {
            self.disable_cb();
            self.get_all();
            let ahead = if self.ring.kind == Kind::Flags {
                0
            } else {
                ahead
            };
            self.enable_cb(self.ring.taken.load(Relaxed).wrapping_add(ahead));
            let used = self.ring.used_after_barrier();
            // More than the driver is ready to wait for?
            if used.wrapping_sub(self.wish.load(Relaxed)) as i16 <= 0 {
                return;
            }
        }
    }

    /// `while (virtqueue_get_buf())`.
    fn get_all(&self) {
        while self.ring.used_to_take() != self.ring.taken.load(Relaxed) {
            let taken = self.ring.taken.load(Relaxed).wrapping_add(1);
            let shadow = self.ring.shadow.load(Relaxed);

            self.ring.taken.store(taken, Relaxed);
            if shadow == DISABLE {
                continue;
            }
            self.wish.store(taken, Relaxed);
            if self.ring.kind == Kind::Packed && shadow != DESC {
                continue;
            }
            if self.ring.kind != Kind::Flags {
                self.ring.store_event(taken);
            }
            self.ring.used_after_barrier();
        }
    }

    fn disable_cb(&self) {
        if self.ring.shadow.swap(DISABLE, Relaxed) != DISABLE && !self.triggered.load(Relaxed) {
            self.ring.store_off();
        }
    }

    fn enable_cb(&self, wish: u16) {
        self.triggered.store(false, Relaxed);
        self.wish.store(wish, Relaxed);
        self.ring.store_event(wish);
        if self.ring.shadow.load(Relaxed) == DISABLE {
            self.ring.shadow.store(self.ring.events_on(), Relaxed);
            self.ring.store_on();
        }
    }

    /// The device uses as many buffers at a time as `batches` says. Its interrupts
    /// are handled on a CPU of their own, and so by this thread.
    pub fn device(self: &Arc<Self>, batches: &'static [u16]) -> JoinHandle<()> {
        let queue = Arc::clone(self);

        thread::spawn(move || {
            for buffers in batches {
                let old = queue.ring.used_to_take();
                if queue.ring.complete(old, old.wrapping_add(*buffers)) {
                    queue.interrupt();
                }
            }
        })
    }

    /// The device used a buffer, and its interrupt is on the way: the driver that
    /// comes unasked.
    pub fn use_early(&self) {
        let old = self.ring.used_to_take();

        assert!(self.ring.complete(old, old.wrapping_add(1)));
    }

    /// All is quiet. Then the driver has what it waited for.
    pub fn check(&self) {
        let (used, wish) = (self.ring.used_to_take(), self.wish.load(Relaxed));

        assert_ne!(self.ring.shadow.load(Relaxed), DISABLE, "left off");
        assert!(used.wrapping_sub(wish) as i16 <= 0, "lost interrupt");
    }
}

/// The poller of a queue, by the code that ships.
pub enum Poller {
    Index(Borrow),
    Flags(FlagBorrow),
}

impl Poller {
    pub fn new(kind: Kind) -> Self {
        match kind {
            Kind::EventIdx => Self::Index(Borrow::new()),
            Kind::Flags | Kind::Packed => Self::Flags(FlagBorrow::new()),
        }
    }

    /// An episode: so many looks, and the queue is given back. A `refused` hit is
    /// told to nobody.
    pub fn episode(&mut self, queue: &Queue, looks: u32, refused: bool) {
        for _ in 0..looks {
            let look = match self {
                Self::Index(borrow) => borrow.look(&queue.ring, 0),
                Self::Flags(borrow) => borrow.look(&queue.ring),
            };
            match (look, &mut *self) {
                (Look::Work, Self::Index(borrow)) if refused => borrow.not_told(),
                (Look::Work, Self::Flags(borrow)) if refused => borrow.not_told(),
                (Look::Work, _) => queue.interrupt(),
                _ => {}
            }
        }
        let owed = match self {
            Self::Index(borrow) => borrow.give_back(&queue.ring, 0),
            Self::Flags(borrow) => borrow.give_back(&queue.ring) != Owed::Nothing,
        };
        if owed {
            queue.interrupt();
        }
    }
}
