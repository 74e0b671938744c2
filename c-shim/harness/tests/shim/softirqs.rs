// SPDX-License-Identifier: GPL-2.0

//! Tests of softirqs: slow ones wait until no ring is borrowed.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;

use shim_harness::{Device, Driver, Layout, Waited, World};

use crate::{complete_at, IRQ, LIMIT};

/// How long slow softirqs run, in ns: longer than the core's limit, SLOW_US.
const SLOW: u64 = 200_000;

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
    let times: Vec<_> = World::sources()
        .iter()
        .map(|source| source["time_us"].clone())
        .collect();
    assert_eq!(
        times,
        ["0", "400"],
        "softirqs that were held count as the first source's time"
    );
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
