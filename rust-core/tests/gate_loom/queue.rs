// SPDX-License-Identifier: GPL-2.0

//! A virtqueue and everybody who touches it: the driver's callback, the real
//! interrupt, the poller and the device. Each follows the kernel's code line by
//! line, as far as events go.

mod xmit;

use std::sync::Arc;

use loom::cell::UnsafeCell;
use loom::sync::atomic::{AtomicBool, AtomicU16, AtomicU32, Ordering::*};
use loom::sync::Mutex;
use loom::thread::{self, JoinHandle};
use poll_core::poll::{gate, Entry, Events, Look, Owner};

use crate::ring::{Kind, LoomWord, Ring, DESC, DISABLE, ENABLE};

/// The index that the ring starts at. Not near 0, where a disabled EVENT_IDX
/// ring still interrupts.
const START: u16 = 100;

/// What the driver's callback does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Callback {
    /// `virtblk_done()`: take all, enable, look again.
    Block,
    /// The same with `virtqueue_enable_cb_delayed()`, for so many buffers.
    Delayed(u16),
    /// `skb_recv_done()`: disable and leave the rest to NAPI.
    Napi,
    /// `req_done()` of 9p: take all, and never switch events.
    Plain,
    /// `skb_xmit_done()` without NAPI: disable, and wake who sends.
    Xmit,
}

/// Is NAPI scheduled, and was it asked for again meanwhile?
const SCHED: u32 = 1;
const MISSED: u32 = 2;

/// A virtqueue.
pub struct Queue {
    pub word: LoomWord,
    ring: Ring,
    callback: Callback,
    /// `vq->last_used_idx`.
    last_used: AtomicU16,
    /// The driver's shadow of the flags, and the event index it asked for.
    shadow: AtomicU16,
    wanted: AtomicU16,
    napi: AtomicU32,
    /// Who sends waits to be woken.
    stopped: AtomicBool,
    /// What the callback owns while it runs. loom fails if two have it.
    owned: UnsafeCell<()>,
    line: Mutex<Line>,
}

/// The interrupt, as `handle_edge_irq()` sees it.
#[derive(Default)]
struct Line {
    running: bool,
    pending: bool,
    handlers: Vec<JoinHandle<()>>,
}

impl Queue {
    /// A queue with its gate closed, events on and nothing used.
    #[expect(
        clippy::arc_with_non_send_sync,
        reason = "loom's threads share what it watches, not what is Sync"
    )]
    pub fn new(kind: Kind, callback: Callback) -> Arc<Self> {
        Arc::new(Self {
            word: LoomWord::new(),
            ring: Ring::new(kind, START),
            callback,
            last_used: AtomicU16::new(START),
            shadow: AtomicU16::new(ENABLE),
            wanted: AtomicU16::new(START),
            napi: AtomicU32::new(0),
            stopped: AtomicBool::new(false),
            owned: UnsafeCell::new(()),
            line: Mutex::new(Line::default()),
        })
    }

    /// The same, with the gate open and events wanted by the driver.
    pub fn polled(kind: Kind, callback: Callback) -> Arc<Self> {
        let queue = Self::new(kind, callback);

        gate::open(&queue.word);
        queue.enable_cb(queue.first_event());
        queue
    }

    fn first_event(&self) -> u16 {
        let delay = match self.callback {
            Callback::Delayed(buffers) if self.ring.has_event_idx() => buffers,
            _ => 0,
        };
        self.last_used.load(Relaxed).wrapping_add(delay)
    }

    /// `virtqueue_disable_cb()`.
    fn disable_cb(&self) {
        if self.shadow.load(Relaxed) == DISABLE {
            return;
        }
        self.shadow.store(DISABLE, Relaxed);
        if gate::driver_disable(&self.word) != Owner::Poller {
            self.ring.disable(self.shadow.load(Relaxed));
        }
    }

    /// `virtqueue_enable_cb_prepare()` and `..._delayed()`, up to the look.
    fn enable_cb(&self, index: u16) {
        self.shadow.store(self.ring.events_on(), Relaxed);
        self.wanted.store(index, Relaxed);
        if !self.gate_enable(index) {
            self.ring.publish(index);
        }
    }

    /// `vring_gate_enable()`. Returns whether the gate saw to it.
    fn gate_enable(&self, index: u16) -> bool {
        if self.ring.is_packed() {
            self.shadow.store(self.ring.events_on(), Relaxed);
        }
        match gate::driver_enable(&self.word, index) {
            Owner::Unshared => return false,
            Owner::Driver => self.ring.publish(index),
            Owner::Poller => {}
        }
        true
    }

    /// `while (virtqueue_get_buf())`. Where events are on, the next buffer is
    /// to interrupt.
    fn take_all(&self) {
        while self.ring.used() != self.last_used.load(Relaxed) {
            let last_used = self.last_used.load(Relaxed).wrapping_add(1);
            self.last_used.store(last_used, Relaxed);
            if self.shadow.load(Relaxed) == DISABLE {
                continue;
            }
            self.wanted.store(last_used, Relaxed);
            let gated = self.gate_enable(last_used);
            let names = !self.ring.is_packed() || self.shadow.load(Relaxed) == DESC;
            if !gated && names {
                self.ring.move_event(last_used);
            }
        }
    }

    fn done(&self) {
        loop {
            self.disable_cb();
            self.take_all();
            let event = self.first_event();
            self.enable_cb(event);
            // More than the driver is ready to wait for?
            let used = self.ring.used_after_barrier();
            if (used.wrapping_sub(event) as i16) <= 0 {
                return;
            }
        }
    }

    /// `virtqueue_napi_schedule()`, with the softirq that follows.
    fn napi_schedule(&self) {
        let mut old = 0;
        loop {
            let missed = if old & SCHED != 0 { MISSED } else { 0 };
            match self
                .napi
                .compare_exchange(old, old | SCHED | missed, AcqRel, Relaxed)
            {
                Ok(_) if missed != 0 => return,
                Ok(_) => break,
                Err(now) => old = now,
            }
        }
        self.owned.with_mut(|_| self.disable_cb());
        self.napi_poll();
    }

    /// `virtnet_poll()`, which runs until it is complete.
    fn napi_poll(&self) {
        loop {
            let event = self.owned.with_mut(|_| {
                self.take_all();
                let event = self.last_used.load(Relaxed);
                self.enable_cb(event);
                event
            });
            if self
                .napi
                .compare_exchange(SCHED, 0, AcqRel, Relaxed)
                .is_ok()
            {
                if self.ring.used_after_barrier() != event {
                    self.napi_schedule();
                }
                return;
            }
            self.napi.store(SCHED, Release);
            self.owned.with_mut(|_| self.disable_cb());
        }
    }

    /// NAPI is at work on another CPU from the start.
    pub fn napi_on_another_cpu(self: &Arc<Self>) -> JoinHandle<()> {
        let queue = Arc::clone(self);

        self.napi.store(SCHED, Relaxed);
        self.disable_cb();
        thread::spawn(move || queue.napi_poll())
    }

    /// `vring_handle()`.
    fn vring_handle(&self) {
        if self.ring.used() == self.last_used.load(Relaxed) {
            return;
        }
        match self.callback {
            Callback::Napi => self.napi_schedule(),
            Callback::Plain => self.owned.with_mut(|_| self.take_all()),
            Callback::Xmit => self.xmit_done(),
            Callback::Block | Callback::Delayed(_) => self.owned.with_mut(|_| self.done()),
        }
    }

    /// `vring_handle_gated()`: what runs for an interrupt and for a hit.
    fn handle(&self, hit: bool) {
        match gate::handler_enter(&self.word, hit) {
            Entry::Closed => self.vring_handle(),
            Entry::Elsewhere => {}
            Entry::Run => loop {
                self.vring_handle();
                if !gate::handler_exit(&self.word) {
                    break;
                }
            },
        }
    }

    /// An episode of the poller: some looks, then the hand-back.
    pub fn poll(&self, looks: u32) {
        for _ in 0..looks {
            if gate::look(&self.word, &self.ring) == Look::Work {
                self.handle(true);
            }
        }
        if gate::hand_back(&self.word, &self.ring) {
            self.handle(true);
        }
    }

    /// The device uses as many buffers at a time as `batches` says.
    pub fn device(self: &Arc<Self>, batches: &'static [u16]) -> JoinHandle<()> {
        let queue = Arc::clone(self);

        thread::spawn(move || {
            for buffers in batches {
                queue.complete(*buffers);
            }
        })
    }

    /// The device uses so many buffers at once.
    pub fn complete(self: &Arc<Self>, buffers: u16) {
        let used = self.ring.used();

        if self.ring.complete(used, used.wrapping_add(buffers)) {
            self.interrupt();
        }
    }

    fn interrupt(self: &Arc<Self>) {
        let mut line = self.line.lock().unwrap();

        if line.running {
            line.pending = true;
            return;
        }
        line.running = true;
        let queue = Arc::clone(self);
        line.handlers.push(thread::spawn(move || loop {
            queue.handle(false);
            let mut line = queue.line.lock().unwrap();
            if !line.pending {
                line.running = false;
                return;
            }
            line.pending = false;
        }));
    }

    /// `synchronize_irq()`: those handlers have ended that run by now.
    pub fn synchronize_irq(&self) {
        let handlers = std::mem::take(&mut self.line.lock().unwrap().handlers);

        for handler in handlers {
            handler.join().unwrap();
        }
    }

    /// All is quiet: nobody runs, and no interrupt is pending. Then the driver
    /// has all it asked for, and will be told of the rest.
    pub fn check(&self) {
        self.synchronize_irq();
        let wanted = self.wanted.load(Relaxed);

        self.owned.with_mut(|_| ());
        assert_ne!(self.shadow.load(Relaxed), DISABLE, "driver left events off");
        assert!(!self.ring.pending(wanted), "lost interrupt");
        assert!(self.ring.asks_for(wanted), "stale event index in the ring");
        assert!(!gate::close(&self.word), "the poller still owns the ring");
    }
}
