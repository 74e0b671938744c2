// SPDX-License-Identifier: GPL-2.0

//! Malicious devices. They may break themselves. They must not keep the CPU in the wait, or make it
//! read outside the ring; a sanitizer detects such reads (`cargo xtask check sanitize`).

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;

use proptest::prelude::*;
use shim_harness::{Device, Driver, Layout, Waited, World};

const IRQ: u32 = 30;
const LIMIT: u64 = 10_000;
/// Length of a moment in the stub kernel, in ns.
const MOMENT: u64 = 10;
/// Number of moments between two readings of the clock by the wait, with a margin.
const LOOKS: u64 = 40;
const MILLISECOND: u64 = 1_000_000;

/// What a device does at a moment of the wait.
#[derive(Clone, Copy, Debug)]
enum Deed {
    Nothing,
    /// It uses a buffer, as it should.
    Complete,
    /// It makes up its used index or the flags of a descriptor.
    Pretend(u16),
    /// It writes over the driver's event suppression.
    Scribble(u16, u16),
    /// It interrupts, even if interrupts are suppressed.
    Interrupt,
}

fn deeds() -> impl Strategy<Value = Vec<Deed>> {
    let deed = prop_oneof![
        Just(Deed::Nothing),
        Just(Deed::Complete),
        any::<u16>().prop_map(Deed::Pretend),
        (any::<u16>(), any::<u16>()).prop_map(|(event, other)| Deed::Scribble(event, other)),
        // Values that a driver stores.
        (0..4u16, any::<u16>()).prop_map(|(event, other)| Deed::Scribble(event, other)),
        Just(Deed::Interrupt),
    ];

    prop::collection::vec(deed, 1..100)
}

fn happen(device: &Device, deed: Deed) {
    match deed {
        Deed::Nothing => {}
        Deed::Complete => device.complete(),
        Deed::Pretend(used) => device.pretend(used),
        Deed::Scribble(event, other) => device.scribble(event, other),
        Deed::Interrupt => device.interrupt(),
    }
}

fn layouts() -> impl Strategy<Value = Layout> {
    prop::sample::select(Layout::ALL.to_vec())
}

fn drivers() -> impl Strategy<Value = Driver> {
    prop::sample::select(vec![Driver::Takes, Driver::Polls, Driver::Queues])
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(500) })]

    #[test]
    fn a_wait_ends_whatever_the_ring_says(layout in layouts(), driver in drivers(), deeds in deeds()) {
        let world = World::boot();
        let device = Device::with(layout, driver, IRQ, 0);

        device.register();
        let moments = Rc::new(Cell::new(0));
        let (passed, lying) = (Rc::clone(&moments), Arc::clone(&device));
        let mut deeds = deeds.into_iter().cycle();
        world.each_moment(move || {
            passed.set(passed.get() + 1);
            happen(&lying, deeds.next().expect("a cycle has no end"));
        });
        prop_assert_eq!(world.idle(LIMIT), Waited::UntilLimit);
        prop_assert!(moments.get() <= LIMIT / MOMENT + LOOKS, "{} moments", moments.get());
        prop_assert!(u64::from(world.hits()) <= moments.get() * LOOKS);
        prop_assert!(!device.is_borrowed());

        // After a reset the device behaves, and is polled again.
        device.unregister();
        device.reset();
        prop_assert!(device.is_settled());
        device.register();
        let behaving = Arc::clone(&device);
        let before = device.counts().0;
        let mut moments = 0;
        world.each_moment(move || {
            moments += 1;
            match moments {
                10 => behaving.complete(),
                20 => World::resched(),
                _ => {}
            }
        });
        world.idle(LIMIT);
        // A second hit may come: the event index of a driver that is off is 0, which looks passed
        // while few buffers have been used.
        prop_assert!((1..=2).contains(&(device.counts().0 - before)));
        device.take_all();
        prop_assert!(device.is_settled());
    }

    /// One handler exceeds the limit. After that each source is owed one hit at most.
    #[test]
    fn slow_handlers_end_the_wait(sources in 1..20u32, takes in MILLISECOND..20 * MILLISECOND) {
        let world = World::boot();
        let devices: Vec<_> = (0..sources).map(|n| Device::polled(IRQ + n, 0)).collect();

        for device in &devices {
            device.handler_takes(takes);
        }
        let start = world.clock();
        let busy = devices.clone();
        world.each_moment(move || busy.iter().for_each(|device| device.complete()));
        prop_assert_eq!(world.idle(LIMIT), Waited::UntilLimit);
        prop_assert!((1..=1 + sources).contains(&world.hits()), "{} hits", world.hits());
        // While its ring is not borrowed, a device interrupts as usual.
        let handlers: u32 = devices.iter().map(|device| device.counts().0 + device.counts().1).sum();
        prop_assert!(world.clock() - start <= LIMIT + u64::from(handlers) * (takes + 100));
    }
}
