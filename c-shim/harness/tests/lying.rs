// SPDX-License-Identifier: GPL-2.0

//! Devices that mean harm. They may break themselves; they may not hold the CPU
//! in the wait, or have it read where it should not, which is for a sanitizer to
//! see (`cargo xtask sanitize`).

use std::cell::Cell;
use std::rc::Rc;

use proptest::prelude::*;
use shim_harness::{Device, Ring, RingHandle, Waited, World};

const IRQ: u32 = 30;
const LIMIT: u64 = 10_000;
/// What a moment takes in the made-up kernel, and the looks between two readings of
/// its clock, with some to spare.
const MOMENT: u64 = 10;
const LOOKS: u64 = 40;
const MILLISECOND: u64 = 1_000_000;

/// What a device does at a moment of the wait.
#[derive(Clone, Copy, Debug)]
enum Deed {
    Nothing,
    /// What it should.
    Complete,
    /// Its used index runs away.
    Used(u16),
    /// It writes over the driver's event suppression.
    Scribble(u16, u16),
    /// It interrupts, suppressed or not.
    Interrupt,
}

fn deeds() -> impl Strategy<Value = Vec<Deed>> {
    let deed = prop_oneof![
        Just(Deed::Nothing),
        Just(Deed::Complete),
        any::<u16>().prop_map(Deed::Used),
        (any::<u16>(), any::<u16>()).prop_map(|(flags, index)| Deed::Scribble(flags, index)),
        Just(Deed::Interrupt),
    ];

    prop::collection::vec(deed, 1..100)
}

fn happen(queue: RingHandle, deed: Deed) {
    match deed {
        Deed::Nothing => {}
        Deed::Complete => {
            queue.complete();
        }
        Deed::Used(used) => queue.pretend_used(used),
        Deed::Scribble(flags, index) => queue.scribble(flags, index),
        Deed::Interrupt => {
            queue.interrupt();
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(500) })]

    #[test]
    fn a_wait_ends_whatever_the_ring_says(packed: bool, event: bool, deeds in deeds()) {
        let world = World::boot();
        let mut ring = Ring::new(packed, event, IRQ, true);
        let queue = ring.handle();

        let moments = Rc::new(Cell::new(0));
        let passed = Rc::clone(&moments);
        let mut deeds = deeds.into_iter().cycle();
        world.each_moment(move || {
            passed.set(passed.get() + 1);
            happen(queue, deeds.next().expect("endless"));
        });
        prop_assert_eq!(world.idle(LIMIT), Waited::UntilLimit);
        prop_assert!(moments.get() <= LIMIT / MOMENT + LOOKS, "{} moments", moments.get());
        prop_assert!(u64::from(world.hits()) <= moments.get());

        // Once it behaves, it is served again, and asked for what comes next.
        let next = queue.taken().wrapping_add(1);
        queue.pretend_used(next);
        queue.interrupt();
        prop_assert!(queue.is_drained());
        let asked = match (packed, event) {
            (_, false) => (0, queue.asked().1),
            (false, true) => (queue.asked().0, next),
            (true, true) => (2, next),
        };
        prop_assert_eq!(queue.asked(), asked);
    }

    /// One handler goes over the budget; then each source is owed one at most.
    #[test]
    fn slow_handlers_end_the_wait(sources in 1..20u64, takes in MILLISECOND..20 * MILLISECOND) {
        let world = World::boot();
        let devices: Vec<_> = (0..sources).map(|n| Device::polled(IRQ + n as u32, 0)).collect();

        for device in &devices {
            device.handler_takes(takes);
        }
        let interrupts = || devices.iter().map(|device| u64::from(device.counts().2)).sum::<u64>();
        let (start, before) = (world.clock(), interrupts());
        let busy = devices.clone();
        world.each_moment(move || busy.iter().for_each(|device| device.complete()));
        prop_assert_eq!(world.idle(LIMIT), Waited::UntilLimit);
        let hits = u64::from(world.hits());
        prop_assert!((1..=1 + sources).contains(&hits), "{} hits", hits);
        // Before it is taken over and after that, a device interrupts as ever.
        let handlers = hits + interrupts() - before;
        prop_assert!(world.clock() - start <= LIMIT + handlers * (takes + 100));
    }
}

/// The other half is the devices' to interrupt in.
#[test]
fn handlers_take_half_of_the_wait_at_most() {
    let world = World::boot();
    let device = Device::polled(IRQ, 0);

    device.handler_takes(LIMIT / 8);
    let busy = Rc::clone(&device);
    world.each_moment(move || busy.complete());
    assert_eq!(world.idle(LIMIT), Waited::UntilLimit);
    assert_eq!(world.hits(), 4 + 1, "and what it is owed at the end");
}
