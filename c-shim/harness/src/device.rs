// SPDX-License-Identifier: GPL-2.0

//! A device with one queue: the ring's memory, and what the device does with it. Device, driver and
//! poller may each be a thread.

mod driver;

use std::array;
use std::cell::UnsafeCell;
use std::mem::MaybeUninit;
use std::ptr;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release, SeqCst};
use std::sync::atomic::{fence, AtomicBool, AtomicU16, AtomicU32, AtomicU64};
use std::sync::Arc;

use crate::driven::{self, poll_source};

pub use driver::Driver;

/// Number of entries of the ring.
pub const SIZE: u16 = 8;

/// The flags that ask for no interrupts: VRING_AVAIL_F_NO_INTERRUPT or
/// VRING_PACKED_EVENT_FLAG_DISABLE.
const OFF: u16 = 1;
/// The flags that ask for an interrupt at an index: VRING_PACKED_EVENT_FLAG_DESC.
const DESC: u16 = 2;
/// The bit of a packed ring's wrap counter in a word with an index.
const WRAP: u32 = 15;

/// The layout of a ring: how it suppresses interrupts, and where it has its used buffers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// Split, with VIRTIO_F_EVENT_IDX.
    Event,
    /// Split, without VIRTIO_F_EVENT_IDX.
    Flags,
    /// Packed, without VIRTIO_F_EVENT_IDX.
    Packed,
    /// Packed, with VIRTIO_F_EVENT_IDX.
    PackedEvent,
}

impl Layout {
    /// All layouts.
    pub const ALL: [Self; 4] = [Self::Event, Self::Flags, Self::Packed, Self::PackedEvent];

    fn is_packed(self) -> bool {
        matches!(self, Self::Packed | Self::PackedEvent)
    }
}

#[repr(C)]
#[derive(Default)]
struct Descriptor {
    buffer: [u16; 7],
    flags: AtomicU16,
}

/// A device and its driver.
pub struct Device {
    source: UnsafeCell<poll_source>,
    irq: u32,
    layout: Layout,
    driver: Driver,

    // The memory of the ring: the indices of a split ring, `event` and `off_wrap` of both kinds,
    // and the descriptors of a packed ring.
    used: AtomicU16,
    avail: AtomicU16,
    event: AtomicU16,
    off_wrap: AtomicU16,
    descriptors: Box<[Descriptor]>,

    // The driver's state.
    taken: AtomicU16,
    last_used: AtomicU16,
    shadow: AtomicU16,
    batch: AtomicU32,
    /// Whether the driver makes each buffer that it takes available again.
    refills: AtomicBool,
    /// How long the handler runs, in ns.
    handler_ns: AtomicU64,

    hits: AtomicU32,
    interrupts: AtomicU32,
    registered: AtomicBool,
}

// SAFETY: The C code guards the source. All other fields are atomic or constant.
unsafe impl Send for Device {}
// SAFETY: As above.
unsafe impl Sync for Device {}

impl Device {
    /// Makes a device whose interrupt `irq` goes to `cpu`, with a working driver. A hit runs the
    /// handler that the source gives, not those of the line.
    pub fn with(layout: Layout, driver: Driver, irq: u32, cpu: u32) -> Arc<Self> {
        // SAFETY: A source of all zeroes is one that is not registered.
        let source: poll_source = unsafe { MaybeUninit::zeroed().assume_init() };
        let descriptors = array::from_fn::<_, { SIZE as usize }, _>(|_| Descriptor::default());
        let device = Arc::new(Self {
            source: UnsafeCell::new(source),
            irq,
            layout,
            driver,
            used: AtomicU16::new(0),
            avail: AtomicU16::new(SIZE / 2),
            event: AtomicU16::new(0),
            off_wrap: AtomicU16::new(0),
            descriptors: Box::new(descriptors),
            taken: AtomicU16::new(0),
            last_used: AtomicU16::new(word(layout, 0)),
            shadow: AtomicU16::new(OFF),
            batch: AtomicU32::new(u32::MAX),
            refills: AtomicBool::new(true),
            handler_ns: AtomicU64::new(0),
            hits: AtomicU32::new(0),
            interrupts: AtomicU32::new(0),
            registered: AtomicBool::new(false),
        });
        device.set_up_source();
        device.route_to(cpu);
        device.enable();
        device
    }

    /// Makes the simplest device: [`Layout::Event`] with [`Driver::Takes`].
    pub fn new(irq: u32, cpu: u32) -> Arc<Self> {
        Self::with(Layout::Event, Driver::Takes, irq, cpu)
    }

    /// Makes the simplest device, polled from the start.
    pub fn polled(irq: u32, cpu: u32) -> Arc<Self> {
        let device = Self::new(irq, cpu);

        device.register();
        device
    }

    /// Returns the CPU that polls the source, if there is one.
    pub fn cpu(&self) -> Option<u32> {
        // SAFETY: The source is valid, and nobody else uses it.
        unsafe { (*self.source.get()).cpu }.try_into().ok()
    }

    /// Returns whether the poller has borrowed the ring's event word.
    pub fn is_borrowed(&self) -> bool {
        // SAFETY: The source is valid.
        unsafe { (*self.source.get()).ring.borrow.mine != 0 }
    }

    /// Routes the interrupt to `cpu`.
    pub fn route_to(&self, cpu: u32) {
        self.route(1 << cpu);
    }

    /// Routes the interrupt to any of the CPUs in the mask `cpus`.
    pub fn route(&self, cpus: u64) {
        // SAFETY: Only one thread routes interrupts.
        unsafe { (*driven::harness_desc(self.irq)).irq_data.affinity.bits = cpus };
    }

    /// Makes the device use a buffer if it has one, and interrupt if the driver asked for that.
    pub fn complete(&self) {
        if self.use_buffer() {
            self.interrupt();
        }
    }

    /// Makes the device use a buffer if it has one. Returns whether it has to interrupt.
    pub fn use_buffer(&self) -> bool {
        let used = self.used.load(Relaxed);

        if used == self.avail.load(Acquire) {
            return false;
        }
        if self.layout.is_packed() {
            let (at, wrap) = position(used);
            self.descriptors[at]
                .flags
                .store(wrap << 7 | wrap << 15, Release);
        }
        self.used.store(used.wrapping_add(1), Release);
        fence(SeqCst);
        self.is_asked(used)
    }

    /// Returns whether the device interrupts when it uses buffer `index`.
    fn is_asked(&self, index: u16) -> bool {
        let event = self.event.load(Acquire);

        match self.layout {
            Layout::Event => event == index,
            Layout::Flags => event & OFF == 0,
            Layout::Packed | Layout::PackedEvent if event == DESC => {
                self.off_wrap.load(Relaxed) == word(self.layout, index)
            }
            Layout::Packed | Layout::PackedEvent => event == 0,
        }
    }

    /// Makes the device lie about what it has used: it writes `used` to the used index of a split
    /// ring, or to the flags of a descriptor of a packed ring.
    pub fn pretend(&self, used: u16) {
        if self.layout.is_packed() {
            let at = usize::from(used % SIZE);
            self.descriptors[at].flags.store(used, Relaxed);
        } else {
            self.used.store(used, Relaxed);
        }
    }

    /// Makes the device write to memory that it should only read.
    pub fn scribble(&self, event: u16, other: u16) {
        self.event.store(event, Relaxed);
        self.off_wrap.store(other, Relaxed);
        if !self.layout.is_packed() {
            self.avail.store(other, Relaxed);
        }
    }

    /// Resets the device and its driver, so that its source is like a new one. The device behaves
    /// from now on.
    pub fn reset(&self) {
        assert!(!self.registered.load(Relaxed), "the source is registered");
        // SAFETY: Nobody else uses the source.
        unsafe { (*self.source.get()).ring.borrow = MaybeUninit::zeroed().assume_init() };
        self.disable();
        for descriptor in &self.descriptors {
            descriptor.flags.store(0, Relaxed);
        }
        self.used.store(0, Relaxed);
        self.taken.store(0, Relaxed);
        self.avail.store(SIZE / 2, Relaxed);
        self.last_used.store(word(self.layout, 0), Relaxed);
        self.enable();
    }

    /// Raises the real interrupt, on the CPU that it goes to.
    pub fn interrupt(&self) {
        // SAFETY: The devices of the line's handlers are alive.
        unsafe { driven::harness_interrupt(self.irq) };
    }

    /// Returns how often the handler ran for a hit, and how often for an interrupt.
    pub fn counts(&self) -> (u32, u32) {
        (self.hits.load(Relaxed), self.interrupts.load(Relaxed))
    }

    /// Returns how often the poller looked at the ring.
    pub fn looks(&self) -> u64 {
        // SAFETY: The source is valid, and nobody else uses it.
        unsafe { (*self.source.get()).ring.looks }
    }

    /// Returns whether the driver took all used buffers.
    pub fn is_drained(&self) -> bool {
        self.taken.load(Acquire) == self.used.load(Acquire)
    }

    /// Returns whether the driver took all used buffers, the ring is not borrowed, and the device
    /// will interrupt for the next buffer.
    pub fn is_settled(&self) -> bool {
        self.is_drained() && !self.is_borrowed() && self.is_asked(self.used.load(Relaxed))
    }

    /// Returns whether the device will not interrupt for the next buffer.
    pub fn is_suppressed(&self) -> bool {
        !self.is_asked(self.used.load(Relaxed))
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        self.unregister();
        // SAFETY: The interrupt does not occur any more, and only one thread uses the line.
        let desc = unsafe { &mut *driven::harness_desc(self.irq) };
        for action in &mut desc.actions {
            if ptr::eq(action.dev_id.cast(), self) {
                action.handler = None;
            }
        }
    }
}

/// Returns a packed ring's descriptor for buffer `index`, and its wrap counter there.
fn position(index: u16) -> (usize, u16) {
    (usize::from(index % SIZE), 1 - index / SIZE % 2)
}

/// Returns an index in the form that the ring has it.
fn word(layout: Layout, index: u16) -> u16 {
    if layout.is_packed() {
        let (at, wrap) = position(index);
        at as u16 | wrap << WRAP
    } else {
        index
    }
}
