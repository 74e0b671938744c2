// SPDX-License-Identifier: GPL-2.0

//! A device with one queue and the driver of it, which goes by the gate as
//! `virtio_ring.c` does.

use std::cell::{Cell, UnsafeCell};
use std::mem::MaybeUninit;
use std::rc::Rc;

use kernel::bindings::{self, poll_gate, poll_gate_ops};

use crate::driven::{self, poll_source};
use crate::world::field;

/// What the sources are part of.
struct Owner(UnsafeCell<driven::device>);

// SAFETY: Nobody writes it.
unsafe impl Sync for Owner {}

static OWNER: Owner = Owner(UnsafeCell::new(driven::device {
    name: c"virtio0".as_ptr(),
}));

static OPS: poll_gate_ops = poll_gate_ops {
    suppress: Some(suppress),
    publish: Some(publish),
    pending: Some(pending),
};

/// A device. It is told where it is by the address of its source.
#[repr(C)]
pub struct Device {
    source: UnsafeCell<poll_source>,
    irq: u32,
    /// How many buffers the device used, and how many the driver took.
    used: Cell<u16>,
    taken: Cell<u16>,
    /// The index that the ring asks for an interrupt at; nothing if suppressed.
    asked: Cell<Option<u16>>,
    looks: Cell<u32>,
    hits: Cell<u32>,
    interrupts: Cell<u32>,
    /// Inside interrupt().
    interrupting: Cell<bool>,
    /// Use one more when the ring is next written, without an interrupt: the
    /// device had looked just before.
    race: Cell<bool>,
    registered: Cell<bool>,
    /// What its handler takes, in ns.
    handler_ns: Cell<u64>,
}

impl Device {
    /// A device whose interrupt `irq` goes to `cpu`, with its driver at work.
    pub fn new(irq: u32, cpu: u32) -> Rc<Self> {
        // SAFETY: Zeroes are a source that is not registered.
        let mut source: poll_source = unsafe { MaybeUninit::zeroed().assume_init() };
        source.gate.ops = &OPS;
        source.irq = irq;
        source.dev = OWNER.0.get();
        source.name = c"req.0".as_ptr();
        source.handler = Some(handler);

        let device = Rc::new(Self {
            source: UnsafeCell::new(source),
            irq,
            used: Cell::new(0),
            taken: Cell::new(0),
            asked: Cell::new(None),
            looks: Cell::new(0),
            hits: Cell::new(0),
            interrupts: Cell::new(0),
            interrupting: Cell::new(false),
            race: Cell::new(false),
            registered: Cell::new(false),
            handler_ns: Cell::new(0),
        });
        device.route_to(cpu);
        device.enable();
        device
    }

    /// The same, polled from the start.
    pub fn polled(irq: u32, cpu: u32) -> Rc<Self> {
        let device = Self::new(irq, cpu);

        assert_eq!(device.register(), 0);
        // The poller may not take over before the driver's next enable.
        device.complete();
        device
    }

    /// `poll_source_register()`.
    pub fn register(&self) -> i32 {
        // SAFETY: The source is filled in and stays where it is.
        let err = unsafe { driven::poll_source_register(self.source.get()) };

        self.registered.set(err == 0);
        err
    }

    /// `poll_source_unregister()`, if it is registered.
    pub fn unregister(&self) {
        if self.registered.take() {
            // SAFETY: It is registered.
            unsafe { driven::poll_source_unregister(self.source.get()) };
        }
    }

    /// `poll_source_synchronize()`.
    pub fn synchronize(&self) {
        // SAFETY: The source is valid.
        unsafe { driven::poll_source_synchronize(self.source.get()) };
    }

    /// Its handler takes so long from now on.
    pub fn handler_takes(&self, ns: u64) {
        self.handler_ns.set(ns);
    }

    /// The CPU that polls it, if one does.
    pub fn cpu(&self) -> Option<u32> {
        // SAFETY: The source is valid, and nobody else is at it.
        unsafe { (*self.source.get()).cpu }.try_into().ok()
    }

    /// Its interrupt goes to `cpu` from now on.
    pub fn route_to(&self, cpu: u32) {
        field!(affinity[self.irq as usize] = 1 << cpu);
    }

    /// The device uses a buffer, and interrupts if it was asked to.
    pub fn complete(&self) {
        let used = self.used.get().wrapping_add(1);

        self.used.set(used);
        if self.asked.get() == Some(used.wrapping_sub(1)) {
            self.interrupt();
        }
    }

    /// The device uses a buffer just when the ring is handed back, and finds it
    /// suppressed.
    pub fn race_with_hand_back(&self) {
        self.race.set(true);
    }

    /// The real interrupt, on the CPU that it goes to. Returns whether it was
    /// handled.
    pub fn interrupt(&self) -> bool {
        let mask = field!(affinity[self.irq as usize]);
        let here = (field!(cpu), field!(irqs_on), field!(hardirq));

        self.interrupts.set(self.interrupts.get() + 1);
        field!(cpu = mask.trailing_zeros());
        field!(irqs_on = false);
        field!(hardirq = true);
        self.interrupting.set(true);
        // SAFETY: The source is valid.
        let ret = unsafe { driven::poll_source_interrupt(self.source.get()) };
        self.interrupting.set(false);
        field!(cpu = here.0);
        field!(irqs_on = here.1);
        field!(hardirq = here.2);
        ret != driven::IRQ_NONE
    }

    /// How often the poller looked, its handler ran for a hit, and for an
    /// interrupt.
    pub fn counts(&self) -> (u32, u32, u32) {
        (self.looks.get(), self.hits.get(), self.interrupts.get())
    }

    /// Whether the driver took all, and will be told of the next buffer.
    pub fn is_settled(&self) -> bool {
        self.taken == self.used && self.asked.get() == Some(self.used.get())
    }

    /// Whether the ring asks for no interrupt.
    pub fn is_suppressed(&self) -> bool {
        self.asked.get().is_none()
    }

    fn gate(&self) -> *mut poll_gate {
        // SAFETY: The source is valid.
        unsafe { &raw mut (*self.source.get()).gate }
    }

    /// The driver's callback.
    fn done(&self) {
        self.disable();
        self.taken.set(self.used.get());
        self.enable();
    }

    fn disable(&self) {
        // SAFETY: As above.
        let owner = unsafe { bindings::poll_gate_disable(self.gate()) };

        if owner != bindings::poll_gate_owner_POLL_GATE_POLLER {
            self.asked.set(None);
        }
    }

    fn enable(&self) {
        let next = self.taken.get();
        // SAFETY: As above.
        let owner = unsafe { bindings::poll_gate_enable(self.gate(), next) };

        if owner != bindings::poll_gate_owner_POLL_GATE_POLLER {
            self.asked.set(Some(next));
        }
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        self.unregister();
    }
}

/// # Safety
///
/// `gate` is a device's.
unsafe fn device<'a>(gate: *mut poll_gate) -> &'a Device {
    // SAFETY: The gate is the first of the source, the source of the device;
    // what changes in a device is in cells.
    unsafe { &*gate.cast() }
}

unsafe extern "C" fn suppress(gate: *mut poll_gate) {
    // SAFETY: The core calls this with the gate it was given.
    unsafe { device(gate) }.asked.set(None);
}

unsafe extern "C" fn publish(gate: *mut poll_gate, index: u16) {
    // SAFETY: As in suppress().
    let device = unsafe { device(gate) };

    if device.race.take() {
        device.used.set(device.used.get().wrapping_add(1));
    }
    device.asked.set(Some(index));
}

unsafe extern "C" fn pending(gate: *mut poll_gate, index: u16) -> bool {
    // SAFETY: As in suppress().
    let device = unsafe { device(gate) };

    device.looks.set(device.looks.get() + 1);
    (device.used.get().wrapping_sub(index) as i16) > 0
}

unsafe extern "C" fn handler(source: *mut poll_source) -> driven::irqreturn_t {
    // SAFETY: The shim calls this with the source it was given.
    let device = unsafe { device(source.cast()) };

    assert!(field!(hardirq) && !field!(irqs_on), "a hit is an interrupt");
    assert!(
        field!(rcu_watching) || !field!(polling),
        "RCU watches a hit"
    );
    if !device.interrupting.get() {
        device.hits.set(device.hits.get() + 1);
    }
    field!(clock += device.handler_ns.get());
    if device.taken == device.used {
        return driven::IRQ_NONE;
    }
    device.done();
    driven::IRQ_HANDLED
}
