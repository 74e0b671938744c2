// SPDX-License-Identifier: GPL-2.0

//! The virtqueue's gate in each of its layouts: what is in the memory that the
//! device reads, during a wait and after it.

use std::cell::Cell;
use std::rc::Rc;

use shim_harness::{Ring, Waited, World};

const IRQ: u32 = 30;
const LIMIT: u64 = 10_000;

/// Packed or split, EVENT_IDX or not; the memory when suppressed with 0 buffers
/// used, and when asking for buffer 1. What is not written is 0.
type Layout = (bool, bool, (u16, u16), (u16, u16));

const LAYOUTS: [Layout; 4] = [
    (false, false, (1, 0), (0, 0)),
    (false, true, (0, 0x8000), (0, 1)),
    (true, false, (1, 0), (0, 0)),
    (true, true, (1, 0), (2, 1)),
];

#[test]
fn the_ring_is_suppressed_during_the_wait_and_asks_after_it() {
    for (packed, event, suppressed, asks) in LAYOUTS {
        let world = World::boot();
        let mut ring = Ring::new(packed, event, IRQ, true);
        let device = ring.handle();

        let seen = Rc::new(Cell::new(None));
        let seeing = Rc::clone(&seen);
        let mut moments = 0;
        world.each_moment(move || {
            moments += 1;
            match moments {
                10 => seeing.set(Some(device.asked())),
                11 => {
                    device.complete();
                }
                20 => World::resched(),
                _ => {}
            }
        });
        assert_eq!(world.idle(LIMIT), Waited::UntilResched);
        assert_eq!(seen.get(), Some(suppressed), "{packed} {event}");
        assert_eq!(device.asked(), asks, "{packed} {event}");
        assert_eq!((device.handled(), world.hits()), (1, 1));
    }
}

#[test]
fn a_broken_queue_is_left_alone() {
    for (packed, event, ..) in LAYOUTS {
        let world = World::boot();
        let mut ring = Ring::new(packed, event, IRQ, true);
        let device = ring.handle();

        device.set_broken();
        device.complete();
        assert_eq!(world.idle(LIMIT), Waited::UntilLimit);
        assert_eq!(world.hits(), 0);
    }
}

#[test]
fn one_late_interrupt_is_explained_by_a_hit() {
    let world = World::boot();
    let mut ring = Ring::new(false, true, IRQ, true);
    let device = ring.handle();

    device.complete();
    world.resched_after(20);
    world.idle(LIMIT);
    assert_eq!(device.handled(), 1);
    assert!(device.interrupt(), "sent before the suppression was seen");
    assert!(!device.interrupt(), "nobody knows why");
}

#[test]
fn a_queue_that_is_not_polled_asks_for_itself() {
    let world = World::boot();
    let mut ring = Ring::new(true, true, IRQ, false);

    assert!(!ring.enable());
    assert!(!world.active());
    assert_eq!(world.idle(LIMIT), Waited::Not);
}

#[test]
fn a_detached_queue_is_not_polled() {
    let world = World::boot();
    let mut ring = Ring::new(false, true, IRQ, true);

    assert!(world.active());
    ring.detach();
    assert!(!world.active());
    assert!(!ring.enable());
    ring.detach();
}

#[test]
fn a_queue_that_is_gone_is_not_looked_at() {
    let world = World::boot();

    drop(Ring::new(false, true, IRQ, true));
    assert_eq!(world.idle(LIMIT), Waited::Not);
}

#[test]
fn a_queue_without_a_callback_is_not_polled() {
    let world = World::boot();
    let mut ring = Ring::without_callback(IRQ);

    assert!(!world.active());
    assert_eq!(ring.status(), "no queue has an interrupt");
}

#[test]
fn the_status_says_what_stands_in_the_way() {
    let world = World::boot();
    let mut ring = Ring::new(false, true, IRQ, false);

    assert_eq!(ring.status(), "off");
    ring.set(true);
    assert_eq!(ring.status(), "polled");

    world.no_driver(true);
    assert_eq!(ring.status(), "the idle loop has no polling state");
    world.no_driver(false);
    world.no_poll_state(true);
    assert_eq!(ring.status(), "the idle loop has no polling state");
    world.no_poll_state(false);

    world.cpu_down(0);
    assert_eq!(ring.status(), "no CPU takes its interrupts");
    world.run_work();
    assert_eq!(ring.status(), "polled", "elsewhere");

    ring.detach();
    assert_eq!(ring.status(), "no queue has an interrupt");
    ring.set(false);
    assert_eq!(ring.status(), "off");
}

#[test]
fn a_device_takes_the_wish_where_it_cannot_be_had() {
    let world = World::boot();

    world.threadirqs(true);
    let mut ring = Ring::new(false, true, IRQ, true);
    assert!(!world.active());
    assert_eq!(ring.status(), "interrupt handlers are threads");
    assert!(!ring.enable(), "the driver asks by itself");
}

/// A driver that never switches its events starts with the flags of a ring that names no index.
/// Polling leaves one that does, and the driver moves the index only if it knows.
#[test]
fn the_driver_believes_what_the_ring_asks_for() {
    for (packed, event, ..) in LAYOUTS {
        let world = World::boot();
        let mut ring = Ring::new(packed, event, IRQ, true);
        let device = ring.handle();

        world.resched_after(20);
        world.idle(LIMIT);
        ring.detach();
        if packed {
            assert_eq!(device.believed(), device.asked().0, "{event}");
        }
    }
}
