// SPDX-License-Identifier: GPL-2.0

//! Tests of the shim: its hits, and when its wait ends. The modules test what else it does.

mod binding;
mod reports;
mod softirqs;

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;

use shim_harness::{Device, Driver, Layout, Waited, World};

const IRQ: u32 = 24;
const LIMIT: u64 = 10_000;

/// Waits without a hit, until no source is looked at any more.
fn wait_without_a_hit(world: &World) {
    for _ in 0..200 {
        world.resched_after(3);
        world.idle(LIMIT);
    }
}

/// Makes the device use a buffer at each moment `at` of the next wait. The wait ends five moments
/// after the last one.
fn complete_at(world: &World, device: &Arc<Device>, at: &'static [u32]) {
    let device = Arc::clone(device);
    let mut moments = 0;

    world.each_moment(move || {
        moments += 1;
        if at.contains(&moments) {
            device.complete();
        }
        if moments == at[at.len() - 1] + 5 {
            World::resched();
        }
    });
}

#[test]
fn a_cpu_without_sources_does_not_wait() {
    let world = World::boot();
    let _elsewhere = Device::polled(IRQ, 1);

    assert_eq!(world.idle(LIMIT), Waited::Not);
    world.on_cpu(1);
    assert_eq!(world.idle(LIMIT), Waited::UntilLimit);
}

#[test]
fn a_hit_takes_the_place_of_an_interrupt() {
    for line in [false, true] {
        let world = World::boot();
        let device = Device::new(IRQ, 0);

        if line {
            device.runs_line();
        }
        device.register();
        complete_at(&world, &device, &[10, 20, 30, 40]);
        assert_eq!(world.idle(LIMIT), Waited::UntilResched);
        assert_eq!(device.counts(), (4, 0));
        assert_eq!(world.hits(), 4, "each hit calls irq_enter()");
        assert!(device.is_settled());
    }
}

/// Each exchange is a full barrier. The interrupt core has two more barriers, for `desc->lock`.
#[test]
fn a_hit_reads_the_clock_twice_and_its_wait_exchanges_twice() {
    let world = World::boot();
    let device = Device::polled(IRQ, 0);
    let [clocks, swaps] = [0, 1].map(|_| Rc::new(Cell::new(0)));
    let (racing, read, swapped) = (Arc::clone(&device), clocks.clone(), swaps.clone());

    world.each_swap(move || swapped.set(swapped.get() + 1));
    // The first reading is at the start, the second one after some looks that found nothing.
    world.each_moment(move || {
        read.set(read.get() + 1);
        match read.get() {
            2 => racing.complete(),
            4 => World::resched(),
            _ => {}
        }
    });
    assert_eq!(world.idle(LIMIT), Waited::UntilResched);
    assert_eq!(device.counts(), (1, 0));
    // The last reading is for the tracepoint that reports the length of the wait. It is on here.
    assert_eq!(clocks.get(), 2 + 2 + 1, "before, around and after the hit");
    assert_eq!(swaps.get(), 2, "one to borrow, one to give back");
}

#[test]
fn the_wait_ends_at_its_limit() {
    let world = World::boot();
    let device = Device::polled(IRQ, 0);
    let start = world.clock();

    assert_eq!(world.idle(LIMIT), Waited::UntilLimit);
    assert!((LIMIT..LIMIT + 100).contains(&(world.clock() - start)));
    assert!(device.is_settled());
}

#[test]
fn nothing_is_looked_at_if_something_has_to_run() {
    let world = World::boot();
    let device = Device::polled(IRQ, 0);

    // There is something to run as the wait begins.
    world.resched_after(1);
    assert_eq!(world.idle(LIMIT), Waited::UntilResched);
    assert_eq!(device.looks(), 0);
    assert!(device.is_settled());
}

#[test]
fn what_comes_at_the_return_is_delivered() {
    let world = World::boot();
    let device = Device::polled(IRQ, 0);

    let racing = Arc::clone(&device);
    world.each_swap(move || {
        // Right before the ring is given back, the device sees interrupts suppressed.
        assert!(!racing.is_borrowed() || !racing.use_buffer());
    });
    world.resched_after(20);
    assert_eq!(world.idle(LIMIT), Waited::UntilResched);
    assert_eq!(device.counts(), (1, 0), "one hit in place of the interrupt");
    assert!(device.is_settled());
}

/// A disabled line refuses to run its actions for a hit, as it does for an interrupt.
#[test]
fn a_refused_hit_is_owed() {
    for layout in Layout::ALL {
        let world = World::boot();
        let device = Device::with(layout, Driver::Takes, IRQ, 0);

        device.runs_line();
        device.register();
        let refusing = Arc::clone(&device);
        let mut moments = 0;
        world.each_moment(move || {
            moments += 1;
            match moments {
                10 => World::disable_irq(IRQ, true),
                11 => refusing.complete(),
                40 => World::resched(),
                _ => {}
            }
        });
        assert_eq!(world.idle(LIMIT), Waited::UntilResched);
        assert_eq!(device.counts(), (0, 0));
        assert!(world.hits() > 0 && world.hits() < 4, "retried, but rarely");
        assert!(!device.is_drained() && !device.is_borrowed());

        world.resched_after(10);
        world.idle(LIMIT);
        assert_eq!(device.counts(), (0, 0), "the hit is still refused");

        World::disable_irq(IRQ, false);
        assert!(!device.is_drained(), "enabling raises no interrupt");
        world.resched_after(10);
        world.idle(LIMIT);
        assert_eq!(device.counts(), (1, 0), "{layout:?}");
        assert!(device.is_settled());
    }
}

#[test]
fn a_given_handler_runs_though_the_line_is_disabled() {
    let world = World::boot();
    let device = Device::polled(IRQ, 0);

    World::disable_irq(IRQ, true);
    complete_at(&world, &device, &[10, 20]);
    assert_eq!(world.idle(LIMIT), Waited::UntilResched);
    assert_eq!(device.counts(), (2, 0));
    assert!(device.is_settled());
}

#[test]
fn a_busy_device_does_not_hold_the_cpu() {
    let world = World::boot();
    let device = Device::polled(IRQ, 0);

    let completing = Arc::clone(&device);
    world.each_moment(move || completing.complete());
    assert_eq!(world.idle(100), Waited::UntilLimit);
    assert!(world.hits() <= 10);
    assert!(device.is_settled());
}

#[test]
fn an_interrupt_that_breaks_into_the_wait_brings_a_source_back() {
    let world = World::boot();
    let device = Device::polled(IRQ, 0);

    wait_without_a_hit(&world);
    let looks = device.looks();
    complete_at(&world, &device, &[10]);
    world.idle(LIMIT);
    assert_eq!(device.looks(), looks, "a dead source is not looked at");
    assert_eq!(device.counts(), (0, 1));
    assert_eq!(World::sources().remove(0)["missed"], "1");

    complete_at(&world, &device, &[10]);
    world.idle(LIMIT);
    assert_eq!(device.counts(), (1, 1), "polled again");
}

#[test]
fn sources_that_share_an_interrupt_are_polled_each() {
    let world = World::boot();
    let devices = [Device::polled(IRQ, 0), Device::polled(IRQ, 0)];

    let completing = devices.clone();
    let mut moments = 0;
    world.each_moment(move || {
        moments += 1;
        match moments {
            10 => completing[0].complete(),
            20 => completing[1].complete(),
            30 => World::resched(),
            _ => {}
        }
    });
    assert_eq!(world.idle(LIMIT), Waited::UntilResched);
    for device in &devices {
        assert_eq!(device.counts().0, 1);
        assert!(device.is_settled());
    }

    devices[0].route_to(1);
    world.resched_after(2);
    world.idle(LIMIT);
    world.run_work();
    assert_eq!((devices[0].cpu(), devices[1].cpu()), (Some(1), Some(1)));
}
