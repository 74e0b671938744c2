// SPDX-License-Identifier: GPL-2.0

//! The driver of a device. It knows nothing about polling: it uses the ring like `virtio_ring.c`.

use std::cell::UnsafeCell;
use std::ffi::{c_int, c_void};
use std::sync::atomic::fence;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release, SeqCst};

use super::{position, word, Device, Layout, DESC, OFF, SIZE};
use crate::driven;
use crate::world::{field, World};

/// The kernel's device that the sources are part of.
struct Owner(UnsafeCell<driven::device>);

// SAFETY: Nobody writes the device.
unsafe impl Sync for Owner {}

static OWNER: Owner = Owner(UnsafeCell::new(driven::device {
    name: c"virtio0".as_ptr(),
}));

/// What a driver does when its callback runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Driver {
    /// It takes all buffers, with its events off, like virtio-blk.
    Takes,
    /// It switches its events off and raises a softirq, which calls [`Device::take_all`], like
    /// virtio-net.
    Polls,
    /// It leaves the buffers to a thread, which calls [`Device::take`], like virtio-fs.
    Queues,
    /// It wakes a thread that leaves the buffers, like a console with input that nobody reads.
    Leaves,
}

impl Device {
    /// Fills in the source as a driver does, and adds the handler to the line's actions.
    pub(super) fn set_up_source(&self) {
        let Self { irq, layout, .. } = *self;
        let id: *const Self = self;
        // SAFETY: Nobody else has the source yet, and only one thread sets up the interrupt.
        unsafe {
            let source = &mut *self.source.get();
            source.ring.kind = match layout {
                Layout::Event => driven::poll_ring_kind_POLL_RING_EVENT,
                Layout::Flags => driven::poll_ring_kind_POLL_RING_FLAGS,
                Layout::Packed | Layout::PackedEvent => driven::poll_ring_kind_POLL_RING_PACKED,
            } as u8;
            source.ring.used = if layout.is_packed() {
                self.descriptors[0].flags.as_ptr()
            } else {
                self.used.as_ptr()
            };
            source.ring.event = self.event.as_ptr();
            if layout == Layout::Event {
                source.ring.avail = self.avail.as_ptr();
            } else {
                source.ring.taken = self.last_used.as_ptr();
                source.ring.shadow = self.shadow.as_ptr();
                source.ring.batch = self.batch.as_ptr();
            }
            source.ring.size = SIZE;
            source.ring.weak_barriers = true;
            source.dev = OWNER.0.get();
            source.name = c"req.0".as_ptr();
            source.irq = irq;
            source.handler = Some(handler);
            source.dev_id = id.cast_mut().cast();

            let desc = &mut *driven::harness_desc(irq);
            let action = desc
                .actions
                .iter_mut()
                .find(|action| action.handler.is_none());
            let action = action.expect("a line has two users at most");
            action.handler = Some(handler);
            action.dev_id = id.cast_mut().cast();
        }
    }

    /// Makes hits run the line's handlers from now on.
    pub fn runs_line(&self) {
        assert!(!self.registered.load(Relaxed), "the source is registered");
        // SAFETY: Nobody else uses the source.
        unsafe { (*self.source.get()).handler = None };
    }

    /// Calls `poll_source_register()`.
    pub fn register(&self) {
        // SAFETY: The source is filled in and does not move.
        unsafe {
            (*self.source.get()).hits = 0;
            (*self.source.get()).missed = 0;
            (*self.source.get()).time_ns = 0;
            driven::poll_source_register(self.source.get());
        }
        self.registered.store(true, Relaxed);
    }

    /// Calls `poll_source_unregister()` if the source is registered.
    pub fn unregister(&self) {
        if self.registered.swap(false, Relaxed) {
            // SAFETY: The source is registered.
            unsafe { driven::poll_source_unregister(self.source.get()) };
        }
    }

    /// Makes the handler run for `ns` nanoseconds from now on.
    pub fn handler_takes(&self, ns: u64) {
        self.handler_ns.store(ns, Relaxed);
    }

    /// Makes the driver stop making buffers available. The device keeps those that it has.
    pub fn drain(&self) {
        self.refills.store(false, Relaxed);
    }

    /// Gives the driver a batch that it has not taken whole, as with VIRTIO_F_IN_ORDER.
    pub fn has_batch(&self) {
        self.batch.store(3, Relaxed);
    }

    /// `virtqueue_get_buf()`: the driver takes a buffer. Returns whether there was one.
    pub fn take(&self) -> bool {
        if self.batch.swap(u32::MAX, Relaxed) != u32::MAX {
            return true;
        }
        if !self.more_used() {
            return false;
        }
        let mut taken = self.taken.load(Relaxed).wrapping_add(1);
        let used = self.used.load(Relaxed);
        if !self.layout.is_packed() && used.wrapping_sub(taken) >= SIZE {
            // The device lies, so the driver skips all of these buffers at once.
            taken = used;
        }
        if self.refills.load(Relaxed) {
            // One buffer for each call, however many the device claims to have used.
            self.avail.fetch_add(1, Release);
        }
        self.taken.store(taken, Release);
        self.last_used.store(word(self.layout, taken), Relaxed);
        if self.shadow.load(Relaxed) & OFF == 0 {
            self.ask();
        }
        true
    }

    /// The driver's poll function: takes all buffers, and switches events on again.
    pub fn take_all(&self) {
        loop {
            while self.take() {}
            if self.enable() {
                return;
            }
            self.disable();
        }
    }

    fn more_used(&self) -> bool {
        let taken = self.taken.load(Relaxed);

        if !self.layout.is_packed() {
            return self.used.load(Acquire) != taken;
        }
        let (at, wrap) = position(taken);
        let flags = self.descriptors[at].flags.load(Acquire);
        flags >> 7 & 1 == wrap && flags >> 15 & 1 == wrap
    }

    /// Asks for an interrupt for the next buffer, if the ring has an event index.
    fn ask(&self) {
        let next = self.last_used.load(Relaxed);

        match self.layout {
            Layout::Event => self.event.store(next, SeqCst),
            Layout::PackedEvent => self.off_wrap.store(next, SeqCst),
            Layout::Flags | Layout::Packed => {}
        }
        fence(SeqCst);
    }

    /// `virtqueue_disable_cb()`.
    pub(super) fn disable(&self) {
        if self.shadow.swap(OFF, Release) & OFF == 0 {
            let off = if self.layout == Layout::Event { 0 } else { OFF };
            self.event.store(off, Release);
        }
    }

    /// `virtqueue_enable_cb()`. Returns false if there already is a buffer to take.
    pub(super) fn enable(&self) -> bool {
        let on = if self.layout == Layout::PackedEvent {
            DESC
        } else {
            0
        };

        self.ask();
        if self.shadow.swap(on, Release) & OFF != 0 && self.layout != Layout::Event {
            self.event.store(on, Release);
        }
        fence(SeqCst);
        !self.more_used()
    }

    /// `vring_interrupt()`.
    fn called(&self) -> bool {
        if self.batch.load(Relaxed) == u32::MAX && !self.more_used() {
            return false;
        }
        match self.driver {
            Driver::Takes => {
                self.disable();
                self.take_all();
            }
            Driver::Polls => {
                self.disable();
                field!(raised = true);
            }
            Driver::Queues => {}
            Driver::Leaves => World::resched(),
        }
        true
    }
}

unsafe extern "C" fn handler(_: c_int, dev_id: *mut c_void) -> driven::irqreturn_t {
    // SAFETY: The source and the line have their own device as `dev_id`.
    let device = unsafe { &*dev_id.cast::<Device>() };

    assert!(
        field!(hardirq) && !field!(irqs_on),
        "a hit runs the handler as an interrupt does"
    );
    assert!(
        field!(rcu_watching) || !field!(polling),
        "RCU watches during a hit"
    );
    let count = if field!(interrupt) {
        &device.interrupts
    } else {
        &device.hits
    };
    count.fetch_add(1, Relaxed);
    field!(clock += device.handler_ns.load(Relaxed));
    if device.called() {
        driven::IRQ_HANDLED
    } else {
        driven::IRQ_NONE
    }
}
