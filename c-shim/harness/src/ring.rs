// SPDX-License-Identifier: GPL-2.0

//! A virtqueue with the gate that the series adds to `virtio_ring.c`.

use std::ffi::CStr;
use std::mem::MaybeUninit;

use crate::driven::{self, virtio_device, vring_virtqueue};
use crate::world::field;

/// A device with one virtqueue, whose driver wants events.
pub struct Ring {
    vq: Box<MaybeUninit<vring_virtqueue>>,
    vdev: Box<MaybeUninit<virtio_device>>,
}

impl Ring {
    /// A queue, packed or split, with EVENT_IDX or without, whose interrupt
    /// `irq` goes to CPU 0; `polled` is its device's poll_source attribute.
    pub fn new(packed: bool, event: bool, irq: u32, polled: bool) -> Self {
        Self::with(packed, event, irq, polled, true)
    }

    /// A queue without a callback: its driver polls it.
    pub fn without_callback(irq: u32) -> Self {
        Self::with(false, true, irq, true, false)
    }

    fn with(packed: bool, event: bool, irq: u32, polled: bool, callback: bool) -> Self {
        let mut vdev = Box::new(MaybeUninit::<virtio_device>::zeroed());
        let mut vq = Box::new(MaybeUninit::<vring_virtqueue>::zeroed());

        field!(affinity[irq as usize] = 1);
        // SAFETY: Both live as long as this, and zeroes are valid.
        unsafe {
            driven::ring_init(vq.as_mut_ptr(), vdev.as_mut_ptr(), callback);
            (*vq.as_mut_ptr()).packed_ring = packed;
            (*vq.as_mut_ptr()).event = event;
            driven::virtqueue_poll_attach(&raw mut (*vq.as_mut_ptr()).vq, irq);
            driven::virtio_poll_set(vdev.as_mut_ptr(), polled);
        }
        let mut ring = Self { vq, vdev };
        ring.enable();
        ring
    }

    /// Its address, for what happens during a wait.
    pub fn handle(&mut self) -> RingHandle {
        RingHandle(self.vq.as_mut_ptr())
    }

    /// The driver wants events. Returns whether the gate sees to it.
    pub fn enable(&mut self) -> bool {
        // SAFETY: The queue is initialised.
        unsafe { driven::ring_enable(self.vq.as_mut_ptr()) }
    }

    /// The device's poll_source attribute.
    pub fn set(&mut self, on: bool) {
        // SAFETY: The device is initialised.
        unsafe { driven::virtio_poll_set(self.vdev.as_mut_ptr(), on) }
    }

    /// Its poll_source_status attribute.
    pub fn status(&mut self) -> &'static str {
        // SAFETY: The device is initialised, and what it says is a literal.
        let status = unsafe { CStr::from_ptr(driven::virtio_poll_status(self.vdev.as_mut_ptr())) };
        status.to_str().expect("what people read is text")
    }

    /// `virtqueue_poll_detach()`.
    pub fn detach(&mut self) {
        // SAFETY: The queue is initialised.
        unsafe { driven::virtqueue_poll_detach(&raw mut (*self.vq.as_mut_ptr()).vq) }
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        self.detach();
    }
}

/// Reads or writes fields of a queue.
macro_rules! vq {
    ($handle:ident.$($path:tt)+) => {
        // SAFETY: Tests hold the queue while they use its handle, and this while
        // no other thread does; no reference into the queue is kept.
        unsafe { (*$handle.0).$($path)+ }
    };
}

/// The address of a queue.
#[derive(Clone, Copy)]
pub struct RingHandle(*mut vring_virtqueue);

// SAFETY: What threads do at once goes by the C, which is there to be checked.
unsafe impl Send for RingHandle {}
// SAFETY: As above.
unsafe impl Sync for RingHandle {}

/// What the ring tells its device, as memory: the split ring's flags and
/// used_event, the packed one's flags and off_wrap.
pub type Asked = (u16, u16);

impl RingHandle {
    /// The device uses a buffer. Returns whether it interrupts.
    pub fn complete(&self) -> bool {
        // SAFETY: The queue is held, and one thread is its device.
        unsafe { driven::ring_complete(self.0) }
    }

    /// The device says that it has used so many buffers.
    pub fn pretend_used(&self, used: u16) {
        vq!(self.used_idx = used);
    }

    /// How many buffers the driver took.
    pub fn taken(&self) -> u16 {
        vq!(self.last_used_idx)
    }

    /// The device writes where the driver asks it for interrupts.
    pub fn scribble(&self, flags: u16, index: u16) {
        vq!(self.avail_memory.flags = flags);
        vq!(self.driver_memory.flags = flags);
        vq!(self.split.vring.used_event = index);
        vq!(self.driver_memory.off_wrap = index);
    }

    /// Whether the driver took all.
    pub fn is_drained(&self) -> bool {
        // SAFETY: The queue is held; what others change is read atomically.
        unsafe { driven::ring_drained(self.0) }
    }

    /// The queue is broken.
    pub fn set_broken(&self) {
        vq!(self.broken = true);
    }

    /// How often the callback ran.
    pub fn handled(&self) -> u32 {
        vq!(self.handled)
    }

    /// What the driver believes that a packed ring asks for.
    pub fn believed(&self) -> u16 {
        vq!(self.packed.event_flags_shadow)
    }

    /// The memory that the device reads.
    pub fn asked(&self) -> Asked {
        if vq!(self.packed_ring) {
            (
                vq!(self.driver_memory.flags),
                vq!(self.driver_memory.off_wrap),
            )
        } else {
            (
                vq!(self.avail_memory.flags),
                vq!(self.split.vring.used_event),
            )
        }
    }

    /// The real interrupt. Returns whether it was handled.
    pub fn interrupt(&self) -> bool {
        // SAFETY: The queue is held.
        unsafe { driven::ring_interrupt(self.0) != 0 }
    }
}
