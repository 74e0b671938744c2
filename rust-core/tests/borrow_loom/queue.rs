// SPDX-License-Identifier: GPL-2.0

//! A virtqueue, and all that access it. The driver's code is that of virtio_ring.c in a
//! stock kernel, line by line as far as events are concerned.

use std::sync::Arc;

use loom::sync::atomic::{AtomicBool, AtomicU16, Ordering::*};
use loom::sync::Mutex;
use loom::thread::{self, JoinHandle};
use poll_core::poll::borrow::{Borrow, Look, Owed};

use crate::ring::{Kind, Ring, DESC, DISABLE};

/// How the driver's callback takes buffers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Callback {
    /// Switches events off, takes all buffers, switches events on for the buffer that
    /// is `ahead` further, and looks again.
    Switches { ahead: u16 },
    /// Takes all buffers, and never switches events.
    Plain,
}

/// A virtqueue with the state of its driver.
pub struct Queue {
    ring: Ring,
    callback: Callback,
    /// The index that the driver asked for last.
    wish: AtomicU16,
    /// The driver's `event_triggered`.
    triggered: AtomicBool,
    /// The lock of the driver and of the interrupt line: its holder runs the callback.
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

    /// Starts a thread in which the driver takes buffers without an interrupt.
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
            // Has the device used more than the driver is ready to wait for?
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

    /// Starts the device's thread. Each entry of `batches` is the number of buffers
    /// that it uses at a time. The thread also handles the device's interrupts, which
    /// have a CPU of their own.
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

    /// The device uses one buffer before the poller starts, and its interrupt is on the
    /// way. [`Queue::take_unasked`] handles that interrupt.
    pub fn use_early(&self) {
        let old = self.ring.used_to_take();

        assert!(self.ring.complete(old, old.wrapping_add(1)));
    }

    /// Checks the quiet state at the end: events are on, and the driver has got what it
    /// waited for.
    pub fn check(&self) {
        let (used, wish) = (self.ring.used_to_take(), self.wish.load(Relaxed));

        assert_ne!(self.ring.shadow.load(Relaxed), DISABLE, "events stay off");
        assert!(used.wrapping_sub(wish) as i16 <= 0, "lost interrupt");
    }
}

/// The poller of a queue, by the shipped code.
#[derive(Default)]
pub struct Poller(Borrow);

impl Poller {
    /// One episode: the poller takes `looks` looks and gives the queue back. If
    /// `refused`, the driver is not notified of a look's hit.
    pub fn episode(&mut self, queue: &Queue, looks: u32, refused: bool) {
        let Self(borrow) = self;
        let index = queue.ring.kind == Kind::EventIdx;

        for _ in 0..looks {
            let look = match index {
                true => borrow.look(&queue.ring, 0),
                false => borrow.look_at_flags(&queue.ring),
            };
            match look {
                Look::Work if refused => borrow.not_told(),
                Look::Work => queue.interrupt(),
                _ => {}
            }
        }
        let owed = match index {
            true => borrow.give_back(&queue.ring, 0),
            false => borrow.give_back_flags(&queue.ring) != Owed::Nothing,
        };
        if owed {
            queue.interrupt();
        }
    }
}
