// SPDX-License-Identifier: GPL-2.0

//! Checks the borrowed event index in every state that it can reach: the shipped code,
//! with indexes of three bits, which wrap all the time.
//!
//! A search takes every step of the device, of the driver and of the poller from every
//! state. An interrupt must not be lost in any state: all are at rest, nothing is
//! borrowed, and the driver waits for a buffer that is there. A look during which
//! nobody else takes a step must see such a buffer. The table of
//! `rust-core/tests/README.md` has the coverage and the bounds.
//!
//! [`poller`] explains how the shipped functions are taken apart into steps.

mod poller;
mod states;
mod world;

use std::time::Instant;

use poller::Poller;
use states::States;
use world::{Driver, Setup, World};

fn search(setup: Setup) {
    let started = Instant::now();
    let poller = match setup.mask {
        7 => Poller::new::<7>(setup.size),
        15 => Poller::new::<15>(setup.size),
        mask => panic!("no poller for {mask:#x}"),
    };
    // Start near the wrap: index 0, which drivers store for "no events", comes soon.
    let mut states = States::new(World::new(setup.mask - 2).pack());
    let mut at = 0;

    while let Some(state) = states.get(at) {
        let world = World::unpack(state);
        let mut wrong = world.wrong(&setup, &poller);
        world.next(&setup, &poller, |next| match next {
            Ok(next) => states.add(next.pack(), at),
            Err(why) => wrong = Some(why),
        });
        if let Some(wrong) = wrong {
            for state in states.path(at) {
                println!("{:?}", World::unpack(state));
            }
            panic!("{wrong}, in {setup:?}");
        }
        at += 1;
    }
    let (number, spent) = (states.len(), started.elapsed());
    println!("{setup:?}: {number} states in {spent:.0?}");
}

const SETUP: Setup = Setup {
    mask: 7,
    size: 1,
    driver: Driver::Switches { ahead: 0 },
    one_cpu: false,
    refuses: false,
};

/// A driver that switches its events off while it takes buffers.
#[test]
fn switches() {
    search(SETUP);
}

/// As `switches`, with an interrupt line that may be disabled.
#[test]
fn refused() {
    let refuses = true;
    search(Setup { refuses, ..SETUP });
}

/// A ring of two entries, and a driver that asks for an interrupt from the second
/// buffer on.
#[test]
fn ahead() {
    let (size, driver) = (2, Driver::Switches { ahead: 1 });
    search(Setup {
        size,
        driver,
        ..SETUP
    });
}

/// A driver that leaves its events on.
#[test]
fn plain() {
    let driver = Driver::Plain;
    search(Setup { driver, ..SETUP });
}

/// Exchanges without LOCK: other CPUs and the device see them late.
#[test]
fn one_cpu() {
    let one_cpu = true;
    search(Setup { one_cpu, ..SETUP });
}

#[test]
fn one_cpu_plain() {
    let (one_cpu, driver) = (true, Driver::Plain);
    search(Setup {
        one_cpu,
        driver,
        ..SETUP
    });
}

/// As `switches`, with indexes of four bits. Takes two minutes.
#[test]
#[ignore = "takes two minutes"]
fn four_bits() {
    search(Setup { mask: 15, ..SETUP });
}
