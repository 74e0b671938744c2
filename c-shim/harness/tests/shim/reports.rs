// SPDX-License-Identifier: GPL-2.0

//! Tests of what the shim reports: its counters, its tracepoints, and why nothing is polled.

use std::cell::Cell;
use std::rc::Rc;

use shim_harness::{Device, World};

use crate::{complete_at, IRQ, LIMIT};

#[test]
fn what_polling_came_to_is_counted() {
    let world = World::boot();
    let device = Device::polled(IRQ, 0);

    device.handler_takes(3_000);
    complete_at(&world, &device, &[10, 20]);
    world.idle(10 * LIMIT);

    let source = World::sources().remove(0);
    assert_eq!(source["source"], "virtio0/req.0");
    assert_eq!(source["irq"], IRQ.to_string());
    assert_eq!(source["cpu"], "0");
    assert_eq!(source["episodes"], "1");
    assert_eq!(source["hits"], "2");
    assert_eq!(source["missed"], "0");
    assert_eq!(source["time_us"], "6");
    assert_eq!(source["event"], "0x2");
    assert_eq!(source["looks"], device.looks().to_string());
    let (starts, stops, waited) = world.traced();
    assert_eq!((starts, stops), (1, 1));
    assert!(waited > 6_000 && waited <= LIMIT);
}

#[test]
fn a_borrowed_word_is_shown_as_such() {
    let world = World::boot();
    let device = Device::polled(IRQ, 0);

    let seen = Rc::new(Cell::new(0));
    let seeing = Rc::clone(&seen);
    let mut moments = 0;
    world.each_moment(move || {
        moments += 1;
        if moments == 5 {
            let event = World::sources().remove(0)["event"].clone();
            seeing.set(u32::from_str_radix(event.trim_start_matches("0x"), 16).unwrap());
            World::resched();
        }
    });
    world.idle(LIMIT);
    assert_eq!(seen.get(), 0x1_7fff);
    assert!(device.is_settled());
}

#[test]
fn the_obstacle_is_named() {
    let world = World::boot();
    const NO_STATE: Option<&str> = Some("the idle loop has no polling state");

    assert_eq!(world.obstacle(), None);
    world.no_driver(true);
    assert_eq!(world.obstacle(), NO_STATE);
    world.no_driver(false);
    world.no_poll_state(true);
    assert_eq!(world.obstacle(), NO_STATE);
}
