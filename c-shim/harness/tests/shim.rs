// SPDX-License-Identifier: GPL-2.0

//! The shim, driven: what it looks at, what it calls and when it stops.

use std::rc::Rc;

use shim_harness::{Device, Waited, World, EOPNOTSUPP};

const IRQ: u32 = 24;
const LIMIT: u64 = 10_000;

/// Until nobody looks any more.
fn wait_in_vain(world: &World) {
    for _ in 0..200 {
        world.resched_after(40);
        world.idle(LIMIT);
    }
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
    let world = World::boot();
    let device = Device::polled(IRQ, 0);
    let (_, _, interrupts) = device.counts();

    let mut moments = 0;
    let completing = Rc::clone(&device);
    world.each_moment(move || {
        moments += 1;
        if moments % 10 == 0 {
            completing.complete();
        }
        if moments == 105 {
            World::resched();
        }
    });
    assert_eq!(world.idle(LIMIT), Waited::UntilResched);
    let (_, hits, after) = device.counts();
    assert_eq!((hits, after), (10, interrupts));
    assert_eq!(world.hits(), 10, "each between irq_enter() and its exit");
    assert!(device.is_settled());
}

#[test]
fn events_are_paused_during_the_wait_alone() {
    let world = World::boot();
    let device = Device::polled(IRQ, 0);

    let watched = Rc::clone(&device);
    let mut moments = 0;
    world.each_moment(move || {
        moments += 1;
        // The first moment comes before the first look, the last ones after the hand-back.
        assert!(watched.is_suppressed() || !(2..=20).contains(&moments));
        if moments == 20 {
            World::resched();
        }
    });
    assert_eq!(world.idle(LIMIT), Waited::UntilResched);
    assert!(device.is_settled());
}

#[test]
fn the_cpu_is_relaxed_when_there_is_nothing_to_look_at() {
    let world = World::boot();
    let _device = Device::polled(IRQ, 0);

    assert_eq!(world.idle(LIMIT), Waited::UntilLimit);
    assert_eq!(world.relaxed(), 0, "looking is no rest");
    wait_in_vain(&world);
    let before = world.relaxed();
    assert_eq!(world.idle(LIMIT), Waited::UntilLimit);
    assert!(world.relaxed() > before + 100);
}

#[test]
fn the_wait_ends_at_its_limit() {
    let world = World::boot();
    let device = Device::polled(IRQ, 0);

    assert_eq!(world.idle(LIMIT), Waited::UntilLimit);
    assert!(device.is_settled());
}

#[test]
fn nothing_is_looked_at_if_something_has_to_run() {
    let world = World::boot();
    let device = Device::polled(IRQ, 0);
    let (looks, ..) = device.counts();

    // The first time that anybody asks.
    world.resched_after(1);
    assert_eq!(world.idle(LIMIT), Waited::UntilResched);
    let (after, ..) = device.counts();
    assert_eq!(after, looks);
    assert!(device.is_settled());
}

#[test]
fn what_comes_at_the_hand_back_is_delivered() {
    let world = World::boot();
    let device = Device::polled(IRQ, 0);

    device.race_with_hand_back();
    world.resched_after(20);
    assert_eq!(world.idle(LIMIT), Waited::UntilResched);
    assert_eq!(world.hits(), 1, "the hit that stands for the interrupt");
    assert!(device.is_settled());
}

#[test]
fn busy_handlers_use_up_the_budget() {
    let world = World::boot();
    let device = Device::polled(IRQ, 0);

    let completing = Rc::clone(&device);
    world.each_moment(move || completing.complete());
    assert_eq!(world.idle(4), Waited::UntilLimit);
    assert!(world.hits() <= 6);
    assert!(device.is_settled());
}

#[test]
fn threaded_handlers_are_refused() {
    let world = World::boot();
    let device = Device::new(IRQ, 0);

    world.threadirqs(true);
    assert_eq!(device.register(), -(EOPNOTSUPP as i32));
    assert!(!world.active());
    assert_eq!(world.idle(LIMIT), Waited::Not);
    device.complete();
    assert!(device.is_settled());
}

#[test]
fn a_source_that_cannot_be_had_stays_on_interrupts() {
    let world = World::boot();
    let devices: Vec<_> = (0..257).map(|irq| Device::polled(irq, 0)).collect();

    let polled = devices.iter().filter(|device| device.cpu() == Some(0));
    assert_eq!(polled.count(), 256);
    let last = &devices[256];
    assert_eq!(last.cpu(), None);
    world.resched_after(600);
    assert_eq!(world.idle(10 * LIMIT), Waited::UntilResched);
    let (looks, hits, interrupts) = last.counts();
    last.complete();
    assert_eq!(last.counts(), (looks, hits, interrupts + 1));
    assert!(devices.iter().all(|device| device.is_settled()));
}

#[test]
fn without_memory_a_source_stays_on_interrupts() {
    let world = World::boot();

    // A CPU that no other test polls on: what a CPU has is kept.
    world.no_memory(true);
    let device = Device::polled(IRQ, 3);
    assert_eq!(device.cpu(), None);
    device.complete();
    assert!(device.is_settled());
}

#[test]
fn unregister_leaves_nothing() {
    let world = World::boot();
    let device = Device::polled(IRQ, 0);

    world.resched_after(20);
    world.idle(LIMIT);
    let synchronized = world.synchronized();
    device.unregister();
    assert_eq!(device.cpu(), None);
    assert!(!world.active());
    assert!(
        world.synchronized() > synchronized,
        "for the last by the gate"
    );
    assert_eq!(world.idle(LIMIT), Waited::Not);
    device.complete();
    assert!(device.is_settled());
    assert_eq!(device.register(), 0, "and back");
    assert_eq!(device.cpu(), Some(0));
}

#[test]
fn a_source_follows_its_interrupt() {
    let world = World::boot();
    let device = Device::polled(IRQ, 0);

    device.route_to(1);
    device.complete();
    assert_eq!(device.cpu(), Some(0), "not from hardirq context");
    world.run_work();
    assert_eq!(device.cpu(), Some(1));
    assert_eq!(world.idle(LIMIT), Waited::Not);
    device.synchronize();
}

#[test]
fn unregister_takes_back_a_move_under_way() {
    let world = World::boot();
    let device = Device::polled(IRQ, 0);

    device.route_to(1);
    device.complete();
    assert!(world.work_queued());
    device.unregister();
    assert!(!world.work_queued(), "work of a source that is gone");
    assert_eq!(device.cpu(), None);
}

#[test]
fn sources_leave_a_cpu_that_goes() {
    let world = World::boot();
    let gone = Device::polled(IRQ, 1);
    let stays = Device::polled(IRQ + 1, 0);

    world.cpu_down(1);
    assert_eq!(gone.cpu(), None, "before the CPU is gone");
    world.run_work();
    assert_eq!(gone.cpu(), Some(0), "where its interrupt went");
    assert_eq!(stays.cpu(), Some(0));

    world.cpu_up(1);
    gone.route_to(1);
    world.run_work();
    assert_eq!(gone.cpu(), Some(1));
}

#[test]
fn an_interrupt_that_breaks_into_the_wait_brings_a_source_back() {
    let world = World::boot();
    let device = Device::polled(IRQ, 0);

    wait_in_vain(&world);
    let (looks, ..) = device.counts();
    let completing = Rc::clone(&device);
    let mut moments = 0;
    world.each_moment(move || {
        moments += 1;
        match moments {
            10 => completing.complete(),
            20 => World::resched(),
            _ => {}
        }
    });
    world.idle(LIMIT);
    let (after, _, interrupts) = device.counts();
    assert_eq!(after, looks, "dead sources are left alone");

    world.resched_after(20);
    world.idle(LIMIT);
    let (after, ..) = device.counts();
    assert!(after > looks, "polled again");
    assert_eq!(device.counts().2, interrupts);
}

#[test]
fn what_polling_came_to_is_counted() {
    let world = World::boot();
    let device = Device::polled(IRQ, 0);

    let completing = Rc::clone(&device);
    let mut moments = 0;
    world.each_moment(move || {
        moments += 1;
        match moments {
            10 | 20 => completing.complete(),
            30 => World::resched(),
            _ => {}
        }
    });
    world.idle(LIMIT);
    assert!(device.interrupt(), "sent before the suppression was seen");

    let source = world.sources().remove(0);
    assert_eq!(source["source"], "virtio0/req.0");
    assert_eq!(source["irq"], IRQ.to_string());
    assert_eq!(source["cpu"], "0");
    assert_eq!(source["episodes"], "1");
    assert_eq!(source["hits"], "2");
    assert_eq!(source["late"], "1");
    assert_eq!(source["missed"], "0");
    // One moment began the wait, and two were hits; what the hand-back does is no look.
    assert_eq!(source["looks"], "27");
    let (starts, stops, waited) = world.traced();
    assert_eq!((starts, stops), (1, 1));
    assert!(waited > 0 && waited <= LIMIT);
}

#[test]
fn an_interrupt_that_broke_in_is_counted_if_it_had_work() {
    let world = World::boot();
    let device = Device::polled(IRQ, 0);
    let missed = |world: &World| world.sources().remove(0)["missed"].clone();

    wait_in_vain(&world);
    let neighbour = Rc::clone(&device);
    let mut moments = 0;
    world.each_moment(move || {
        moments += 1;
        match moments {
            // Of the same line, for somebody else.
            10 => assert!(!neighbour.interrupt()),
            20 => World::resched(),
            _ => {}
        }
    });
    world.idle(LIMIT);
    assert_eq!(missed(&world), "0");

    let completing = Rc::clone(&device);
    let mut moments = 0;
    world.each_moment(move || {
        moments += 1;
        match moments {
            10 => completing.complete(),
            20 => World::resched(),
            _ => {}
        }
    });
    world.idle(LIMIT);
    assert_eq!(missed(&world), "1");
}

#[test]
fn counting_begins_anew_with_each_registration() {
    let world = World::boot();
    let device = Device::polled(IRQ, 0);

    world.resched_after(20);
    world.idle(LIMIT);
    assert_ne!(world.sources().remove(0)["looks"], "0");
    device.unregister();
    assert!(world.sources().is_empty());
    device.register();
    assert_eq!(world.sources().remove(0)["looks"], "0");
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
        assert_eq!(device.counts().1, 1);
        assert!(device.is_settled());
    }

    devices[0].route_to(1);
    devices[0].complete();
    world.run_work();
    assert_eq!((devices[0].cpu(), devices[1].cpu()), (Some(1), Some(0)));
    devices[1].complete();
    world.run_work();
    assert_eq!(devices[1].cpu(), Some(1), "each follows when it is told");
}
