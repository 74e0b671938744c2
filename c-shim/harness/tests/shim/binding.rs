// SPDX-License-Identifier: GPL-2.0

//! Tests of which CPU polls which source: sources are registered and unregistered, they follow
//! their interrupts, and CPUs come and go.

use std::sync::Arc;

use shim_harness::{Device, Waited, World};

use crate::{complete_at, IRQ, LIMIT};

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
    device.register();
    assert_eq!(device.cpu(), Some(0));
}

#[test]
fn a_source_that_is_gone_is_not_looked_at() {
    let world = World::boot();

    drop(Device::polled(IRQ, 0));
    assert_eq!(world.idle(LIMIT), Waited::Not);
}

/// Makes a source of CPU 0, moves its interrupt to CPU 1, and waits once on CPU 0, which
/// notices the move.
fn with_a_moved_interrupt(world: &World) -> Arc<Device> {
    let device = Device::polled(IRQ, 0);

    // The work that registering queued would also move the source.
    world.run_work();
    device.route_to(1);
    world.resched_after(20);
    world.idle(LIMIT);
    device
}

#[test]
fn a_source_follows_its_interrupt() {
    let world = World::boot();
    let device = with_a_moved_interrupt(&world);

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
    let device = with_a_moved_interrupt(&world);

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
    device.register();
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
