// SPDX-License-Identifier: GPL-2.0

//! Tests of the shim: what it calls, when it stops, and which CPU polls which source.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;

use shim_harness::{steps_after, Device, Driver, Layout, Waited, World, EOPNOTSUPP};

const IRQ: u32 = 24;
const LIMIT: u64 = 10_000;
/// How long slow softirqs run, in ns: longer than the core's limit, SLOW_US.
const SLOW: u64 = 200_000;

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
fn the_cpu_is_relaxed_when_there_is_nothing_to_look_at() {
    let world = World::boot();
    let _device = Device::polled(IRQ, 0);

    assert_eq!(world.idle(LIMIT), Waited::UntilLimit);
    assert_eq!(world.relaxed(), 0, "a look does not relax the CPU");
    wait_without_a_hit(&world);
    let before = world.relaxed();
    assert_eq!(world.idle(LIMIT), Waited::UntilLimit);
    assert!(world.relaxed() > before + 100);
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

/// Makes two polled sources. The softirqs of the first one take `SLOW` in each hit.
fn with_slow_softirqs(world: &World) -> [Arc<Device>; 2] {
    let slow = Device::with(Layout::Event, Driver::Polls, IRQ, 0);
    let other = Device::polled(IRQ + 1, 0);

    slow.runs_line();
    slow.register();
    let polled = Arc::clone(&slow);
    world.softirqs(move || {
        World::pass(SLOW);
        polled.take_all();
    });
    // With this hit the core learns how long they take.
    complete_at(world, &slow, &[10]);
    world.idle(LIMIT);
    assert_eq!((slow.counts(), world.softirq_runs()), ((1, 0), 1));
    [slow, other]
}

#[test]
fn slow_softirqs_run_while_no_ring_is_borrowed() {
    let world = World::boot();
    let [slow, other] = with_slow_softirqs(&world);

    let ran = Rc::new(Cell::new(0));
    let running = Rc::clone(&ran);
    let (polled, looked_at) = (Arc::clone(&slow), Arc::clone(&other));
    world.softirqs(move || {
        running.set(running.get() + 1);
        assert!(!looked_at.is_borrowed(), "not borrowed during softirqs");
        World::pass(SLOW);
        looked_at.complete();
        polled.take_all();
    });
    complete_at(&world, &slow, &[10, 20]);
    assert_eq!(world.idle(10 * SLOW), Waited::UntilResched);
    assert_eq!(ran.get(), 2);
    assert_eq!(slow.counts(), (3, 0));
    assert_eq!(other.counts(), (0, 2), "interrupts, as without polling");
    assert!(slow.is_settled() && other.is_settled());
}

#[test]
fn softirqs_that_are_held_run_once() {
    let world = World::boot();
    let [slow, other] = with_slow_softirqs(&world);

    // Two hits leave softirqs for later: that of the slow source, and that of the other one, which
    // has work when its ring is given back.
    let completing = [Arc::clone(&slow), Arc::clone(&other)];
    world.each_swap(move || {
        if completing[0].counts().0 == 2 && completing[1].counts().0 == 0 {
            completing[1].use_buffer();
        }
    });
    complete_at(&world, &slow, &[10]);
    assert_eq!(world.idle(10 * SLOW), Waited::UntilResched);
    assert_eq!(world.softirq_runs(), 2);
    assert_eq!((slow.counts(), other.counts()), ((2, 0), (1, 0)));
    assert!(slow.is_settled() && other.is_settled());
}

#[test]
fn softirqs_of_interrupts_wait_too() {
    let world = World::boot();
    let [slow, other] = with_slow_softirqs(&world);

    // A third device, which nobody polls, interrupts between the look and the softirqs.
    let third = Device::new(IRQ + 2, 0);
    let completing = [Arc::clone(&slow), Arc::clone(&third)];
    let mut moments = 0;
    world.each_moment(move || {
        moments += 1;
        match moments {
            10 => completing[0].complete(),
            11.. => completing[1].complete(),
            _ => {}
        }
        if moments == 20 {
            World::resched();
        }
    });
    assert_eq!(world.idle(10 * SLOW), Waited::UntilResched);
    assert_eq!(slow.counts(), (2, 0));
    assert!(third.counts().1 > 5);
    assert!(slow.is_settled() && other.is_settled() && third.is_settled());
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
fn a_refused_hit_leaves_held_softirqs_to_run() {
    let world = World::boot();
    let [slow, other] = with_slow_softirqs(&world);

    World::disable_irq(IRQ, true);
    complete_at(&world, &slow, &[10]);
    assert_eq!(world.idle(10 * SLOW), Waited::UntilResched);
    assert_eq!(slow.counts(), (1, 0));
    World::disable_irq(IRQ, false);
    world.resched_after(20);
    world.idle(LIMIT);
    assert_eq!(slow.counts(), (2, 0));
    assert!(slow.is_settled() && other.is_settled());
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
fn threads_are_hit_by_their_line_alone() {
    let world = World::boot();
    let device = Device::new(IRQ, 0);

    world.threadirqs(true);
    assert_eq!(device.register(), -(EOPNOTSUPP as i32));
    assert!(!world.active());
    assert_eq!(world.idle(LIMIT), Waited::Not);
    device.complete();
    assert!(device.is_settled());

    device.runs_line();
    assert_eq!(
        device.register(),
        0,
        "accepted: its action wakes the thread"
    );
    world.run_work();
    assert!(world.active());
    complete_at(&world, &device, &[10]);
    world.idle(LIMIT);
    assert_eq!(device.counts(), (1, 1));
}

#[test]
fn a_source_that_does_not_fit_is_polled_when_another_goes() {
    let world = World::boot();
    let devices: Vec<_> = (0..257).map(|irq| Device::polled(irq, 0)).collect();

    let polled = devices.iter().filter(|device| device.cpu() == Some(0));
    assert_eq!(polled.count(), 256);
    let last = &devices[256];
    assert_eq!(last.cpu(), None);
    world.resched_after(50);
    assert_eq!(world.idle(10 * LIMIT), Waited::UntilResched);
    last.complete();
    assert_eq!((last.looks(), last.counts()), (0, (0, 1)));
    assert!(devices.iter().all(|device| device.is_settled()));

    devices[17].unregister();
    world.run_work();
    assert_eq!(last.cpu(), Some(0));
    complete_at(&world, last, &[50]);
    world.idle(10 * LIMIT);
    assert_eq!(last.counts(), (1, 1));
}

#[test]
fn without_memory_a_source_is_polled_when_another_goes() {
    let world = World::boot();
    let other = Device::polled(IRQ, 0);

    world.no_memory(true);
    let device = Device::polled(IRQ + 1, 3);
    assert_eq!(device.cpu(), None);
    device.complete();
    assert!(device.is_settled());

    world.no_memory(false);
    other.unregister();
    world.run_work();
    assert_eq!(device.cpu(), Some(3));
}

#[test]
fn unregister_leaves_nothing() {
    let world = World::boot();
    let device = Device::polled(IRQ, 0);

    world.resched_after(20);
    world.idle(LIMIT);
    device.unregister();
    assert_eq!(device.cpu(), None);
    world.run_work();
    assert!(!world.active());
    assert_eq!(world.idle(LIMIT), Waited::Not);
    device.complete();
    assert!(device.is_settled());
    assert_eq!(device.register(), 0, "registered again");
    assert_eq!(device.cpu(), Some(0));
}

#[test]
fn a_source_that_is_gone_is_not_looked_at() {
    let world = World::boot();

    drop(Device::polled(IRQ, 0));
    assert_eq!(world.idle(LIMIT), Waited::Not);
}

#[test]
fn a_source_follows_its_interrupt() {
    let world = World::boot();
    let device = Device::polled(IRQ, 0);

    device.route_to(1);
    world.resched_after(20);
    world.idle(LIMIT);
    assert_eq!(device.cpu(), Some(0), "not moved by the idle loop");
    world.run_work();
    assert_eq!(device.cpu(), Some(1));
    assert_eq!(world.idle(LIMIT), Waited::Not);
    world.on_cpu(1);
    complete_at(&world, &device, &[10]);
    world.idle(LIMIT);
    assert_eq!(device.counts(), (1, 0));
}

#[test]
fn each_source_is_probed_in_its_turn() {
    let world = World::boot();
    let devices = [0, 1, 2].map(|n| Device::polled(IRQ + n, 0));

    devices[1].unregister();
    world.run_work();
    devices[2].route_to(1);
    for _ in 0..3 {
        world.resched_after(2);
        world.idle(LIMIT);
    }
    world.run_work();
    assert_eq!(devices[2].cpu(), Some(1));
}

#[test]
fn a_source_that_is_gone_does_not_follow() {
    let world = World::boot();
    let device = Device::polled(IRQ, 0);

    device.route_to(1);
    world.resched_after(20);
    world.idle(LIMIT);
    assert!(world.work_queued());
    device.unregister();
    world.run_work();
    assert_eq!(device.cpu(), None);
}

/// Preemption is off while a CPU's sources change. The stubs check that here and in all tests.
#[test]
fn sources_leave_a_cpu_that_goes() {
    let world = World::boot();
    let gone = Device::polled(IRQ, 1);
    let stays = Device::polled(IRQ + 1, 0);

    world.cpu_goes(1);
    assert_eq!(gone.cpu(), None, "unbound before the CPU is gone");
    world.run_work();
    world.cpu_gone();
    assert_eq!(gone.cpu(), Some(0), "bound where its interrupt went");
    assert_eq!(stays.cpu(), Some(0));

    world.cpu_up(1);
    gone.route_to(1);
    world.run_work();
    assert_eq!(gone.cpu(), Some(1));
}

/// While a disk is reset, requests wait for its queues, and CPU hotplug waits for these requests.
/// So nothing here may wait for CPU hotplug.
#[test]
fn sources_come_and_go_while_a_cpu_does() {
    let world = World::boot();
    let device = Device::polled(IRQ, 0);

    world.run_work();
    world.hotplug(true);
    device.unregister();
    assert_eq!(device.cpu(), None);
    assert_eq!(device.register(), 0);
    assert_eq!(device.cpu(), Some(0));
    world.hotplug(false);
    world.run_work();
    assert!(world.active());
}

/// A source that is bound to such a CPU would stay there, and unbinding would run on another CPU.
#[test]
fn no_source_comes_to_a_cpu_that_is_half_down() {
    let world = World::boot();
    let device = Device::polled(IRQ, 1);

    world.cpu_half_down(1);
    world.run_work();
    assert_eq!(
        device.cpu(),
        None,
        "not bound, though its interrupt still goes there"
    );
    world.cpu_up(1);
    world.run_work();
    assert_eq!(device.cpu(), Some(1));
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

#[test]
fn an_input_that_is_none_changes_nothing() {
    // A machine without sources only rests and reads the clock.
    let [first, unknown, rested] = steps_after(&[None, Some(77), Some(3)]).try_into().unwrap();

    assert_eq!(first, unknown);
    assert_eq!(rested, first, "a rest follows a rest");
    let mut inputs = vec![None];
    inputs.resize(1 + 32, Some(77));
    assert!(
        steps_after(&inputs).iter().all(|step| *step == first),
        "unknown inputs were counted as rests"
    );
}
