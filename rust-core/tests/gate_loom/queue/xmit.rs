// SPDX-License-Identifier: GPL-2.0

//! A driver on two CPUs: one sends, as `start_xmit()` of virtio-net without NAPI
//! does, and the other has the interrupt. `virtqueue_disable_cb()` is what virtio
//! lets the two do at once.

use std::sync::Arc;

use loom::sync::atomic::{fence, Ordering::*};
use loom::thread::{self, JoinHandle};

use poll_core::poll::Events;

use super::Queue;

impl Queue {
    /// `skb_xmit_done()`: the next interrupt is asked for by who sends.
    pub(super) fn xmit_done(&self) {
        self.disable_cb();
        self.wake();
    }

    /// `netif_tx_wake_queue()`, a fully ordered test_and_clear_bit().
    fn wake(&self) {
        fence(SeqCst);
        self.stopped.swap(false, AcqRel);
        fence(SeqCst);
    }

    /// `start_xmit()` that finds the ring full, up to the end of
    /// `check_sq_full_and_disable()`.
    fn send(&self) {
        self.take_all();
        self.stopped.store(true, Relaxed);
        let event = self.first_event();
        self.enable_cb(event);
        if self.ring.used_after_barrier() != event {
            // More just got used.
            self.take_all();
            self.stopped.store(false, Relaxed);
            self.disable_cb();
        }
    }

    /// Somebody sends on another CPU.
    pub fn send_on_another_cpu(self: &Arc<Self>) -> JoinHandle<()> {
        let queue = Arc::clone(self);

        thread::spawn(move || queue.send())
    }

    /// All is quiet: who still waits will be woken, and so will the next to send,
    /// whatever the two CPUs made of the shadow.
    pub fn check_sender(self: &Arc<Self>) {
        self.synchronize_irq();
        if self.stopped.load(Relaxed) {
            let wanted = self.wanted.load(Relaxed);
            assert!(!self.ring.pending(wanted), "lost interrupt");
        } else {
            self.send();
        }
        let used = self.ring.used();
        if self.ring.complete(used, used.wrapping_add(1)) {
            self.handle(false);
        }
        assert!(!self.stopped.load(Relaxed), "who sends is not woken");
    }
}
