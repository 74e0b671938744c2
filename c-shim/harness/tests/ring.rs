// SPDX-License-Identifier: GPL-2.0

//! Tests a virtqueue in each layout: the memory that the device reads, during and after a wait, and
//! how often the driver is called.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;

use shim_harness::{Device, Driver, Layout, Waited, World, SIZE};

const IRQ: u32 = 30;
const LIMIT: u64 = 10_000;

/// Runs a test for each layout, each time in a new world with a polled device.
fn each_layout(driver: Driver, test: impl Fn(&World, &Arc<Device>, Layout)) {
    for layout in Layout::ALL {
        let world = World::boot();
        let device = Device::with(layout, driver, IRQ, 0);

        device.register();
        test(&world, &device, layout);
    }
}

/// Sets what happens at each moment of the next wait, which ends at the moment `last`.
fn until(world: &World, last: u32, mut happens: impl FnMut(u32) + 'static) {
    let mut moments = 0;

    world.each_moment(move || {
        moments += 1;
        happens(moments);
        if moments == last {
            World::resched();
        }
    });
}

#[test]
fn the_ring_is_suppressed_during_the_wait_alone() {
    each_layout(Driver::Takes, |world, device, layout| {
        assert!(device.is_settled());
        let suppressed = Rc::new(Cell::new(0));
        let (seen, counting) = (Arc::clone(device), Rc::clone(&suppressed));
        until(world, 20, move |moment| {
            // The first moment comes before the first look.
            counting.set(counting.get() + u32::from(seen.is_suppressed()));
            if moment == 11 {
                seen.complete();
            }
        });
        assert_eq!(world.idle(LIMIT), Waited::UntilResched);
        assert!(suppressed.get() >= 17, "{layout:?}: {}", suppressed.get());
        assert!(device.is_settled(), "{layout:?}");
        assert_eq!(device.counts(), (1, 0));
    });
}

#[test]
fn indices_and_wrap_counters_go_round() {
    each_layout(Driver::Takes, |world, device, layout| {
        for n in 1..=100 {
            let completing = Arc::clone(device);
            until(world, 15, move |moment| {
                if moment == 4 || moment == 9 {
                    completing.complete();
                }
            });
            world.idle(LIMIT);
            assert!(device.is_settled(), "{layout:?}");
            assert_eq!(device.counts(), (2 * n, 0));
        }
    });
}

/// A driver whose thread takes the buffers is called once for them. If flags are borrowed, it is
/// called once more each time they are given back: nobody can know whether it was called for the
/// buffers that are there.
#[test]
fn a_driver_that_has_been_told_is_not_told_again() {
    each_layout(Driver::Queues, |world, device, layout| {
        let again = u32::from(layout != Layout::Event);
        let completing = Arc::clone(device);
        let told = Rc::new(Cell::new(0));
        let telling = Rc::clone(&told);
        until(world, 20, move |moment| match moment {
            5 => completing.complete(),
            19 => telling.set(completing.counts().0),
            _ => {}
        });
        world.idle(LIMIT);
        assert_eq!(told.get(), 1, "{layout:?}");
        assert_eq!(device.counts(), (1 + again, 0), "{layout:?}");
        // A look in the next wait does not call it either. Giving back flags does.
        world.resched_after(20);
        world.idle(LIMIT);
        assert_eq!(device.counts(), (1 + 2 * again, 0), "{layout:?}");

        // Its thread takes the buffers, and asks for the next one.
        while device.take() {}
        assert!(device.is_settled());
        device.complete();
        assert_eq!(device.counts(), (1 + 2 * again, 1));
    });
}

/// A thread that a hit wakes in each wait must not make the CPU wait for ever.
#[test]
fn a_cpu_halts_though_a_driver_leaves_its_buffer() {
    each_layout(Driver::Leaves, |world, device, layout| {
        let completing = Arc::clone(device);
        until(world, 20, move |moment| {
            if moment == 5 {
                completing.complete();
            }
        });
        assert_eq!(world.idle(LIMIT), Waited::UntilResched, "{layout:?}");
        for _ in 0..3 {
            assert_eq!(world.idle(LIMIT), Waited::UntilLimit, "{layout:?}");
        }
    });
}

/// Between two looks the driver takes, on another CPU, the buffers for which it was called, and
/// asks for more. The device then uses so many buffers that a packed ring's index is back where it
/// was.
#[test]
fn a_driver_that_asked_again_is_told() {
    each_layout(Driver::Queues, |world, device, layout| {
        let busy = Arc::clone(device);
        let told = Rc::new(Cell::new(0));
        let telling = Rc::clone(&told);
        until(world, 20, move |moment| match moment {
            5 => busy.complete(),
            10 => {
                for _ in 0..2 * SIZE {
                    busy.take_all();
                    busy.use_buffer();
                }
            }
            15 => telling.set(busy.counts().0),
            _ => {}
        });
        world.idle(LIMIT);
        // A call in doubt waits for the end of the wait. With flags there always is one.
        let (looks, all) = match layout {
            Layout::Event => (2, 2),
            Layout::Flags => (2, 3),
            Layout::Packed | Layout::PackedEvent => (1, 2),
        };
        assert_eq!(told.get(), looks, "{layout:?}");
        assert_eq!(device.counts(), (all, 0), "{layout:?}");
    });
}

#[test]
fn a_driver_that_is_off_stays_off() {
    each_layout(Driver::Polls, |world, device, layout| {
        // Move used far away from 0, which is this driver's event index while it is off.
        for _ in 0..2 * SIZE {
            device.complete();
            device.take_all();
        }
        let seen = Arc::clone(device);
        // No softirq takes the buffers.
        until(world, 20, move |moment| {
            if (5..10).contains(&moment) {
                seen.complete();
            }
        });
        world.idle(LIMIT);
        assert_eq!(device.counts().0, 1, "{layout:?}");
        assert!(!device.is_borrowed() && device.is_suppressed());

        device.take_all();
        assert!(device.is_settled());
    });
}

#[test]
fn what_the_driver_stores_at_the_return_stays() {
    each_layout(Driver::Queues, |world, device, layout| {
        let busy = Arc::clone(device);
        world.each_swap(move || {
            if busy.is_borrowed() && !busy.is_drained() {
                busy.take_all();
            }
        });
        let completing = Arc::clone(device);
        until(world, 20, move |moment| {
            if moment == 5 {
                completing.complete();
            }
        });
        world.idle(LIMIT);
        assert!(device.is_settled(), "{layout:?}");
        assert_eq!(device.counts(), (1, 0));
    });
}

#[test]
fn a_batch_that_was_not_taken_whole_is_work() {
    each_layout(Driver::Takes, |world, device, layout| {
        if layout == Layout::Event {
            return;
        }
        let batching = Arc::clone(device);
        until(world, 20, move |moment| {
            if moment == 5 {
                batching.has_batch();
            }
        });
        world.idle(LIMIT);
        assert_eq!(device.counts(), (1, 0), "{layout:?}");
        assert!(device.is_settled());
    });
}

#[test]
fn a_ring_with_nothing_in_flight_is_not_borrowed() {
    let world = World::boot();
    let device = Device::polled(IRQ, 0);

    device.drain();
    while device.use_buffer() || !device.is_drained() {
        device.take();
    }
    for _ in 0..SIZE {
        device.complete();
    }
    world.run_work();
    let seen = Arc::clone(&device);
    until(&world, 20, move |_| assert!(!seen.is_borrowed()));
    assert_eq!(world.idle(LIMIT), Waited::UntilResched);
    assert!(device.looks() > 0 && device.is_drained());
    assert_eq!(World::sources().remove(0)["episodes"], "0");
}
