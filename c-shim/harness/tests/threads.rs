// SPDX-License-Identifier: GPL-2.0

//! Each CPU a thread, and the device another, while its switch is flipped. With one
//! request in flight none may hang. Where the interrupt comes in the middle of each
//! hit none can, but the handler must not run on both CPUs. That is for a sanitizer
//! to see, and what else it finds is its own business.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use shim_harness::{Cpu, Ring, RingHandle, World};

const IRQ: u32 = 30;
const LIMIT: u64 = 100;
const REQUESTS: u32 = 2_000;
/// How often an interrupt has to come in the middle of a hit.
const MEETINGS: u32 = 200;
/// Of a request, and of a meeting.
const PATIENCE: Duration = Duration::from_secs(20);

/// A hit is under way, and waits for an interrupt. Relaxed, here and below, so that
/// no order between the two comes of it.
static IN_HIT: AtomicBool = AtomicBool::new(false);
/// How many interrupts came.
static MET: AtomicU32 = AtomicU32::new(0);
/// Nobody takes interrupts any more.
static LEFT: AtomicBool = AtomicBool::new(false);

extern "C" fn meet() {
    IN_HIT.store(true, Ordering::Relaxed);
    while IN_HIT.load(Ordering::Relaxed) && !LEFT.load(Ordering::Relaxed) {
        thread::yield_now();
    }
}

/// What the threads share.
struct Machine {
    queue: RingHandle,
    /// The device interrupted.
    irq: AtomicBool,
    /// Interrupts meet hits.
    meet: bool,
    off: AtomicBool,
}

impl Machine {
    fn is_off(&self) -> bool {
        self.off.load(Ordering::SeqCst)
    }

    /// Polls whenever it can.
    fn idle_cpu(&self) {
        let cpu = Cpu::join(0, IRQ);

        if self.meet {
            cpu.in_handler(meet);
        }
        while !self.is_off() {
            cpu.idle(LIMIT);
            thread::yield_now();
        }
    }

    /// Takes the interrupts.
    fn irq_cpu(&self) {
        let _cpu = Cpu::join(1, IRQ);

        while !self.is_off() {
            if self.irq.swap(false, Ordering::SeqCst) {
                self.queue.interrupt();
            }
            if IN_HIT.load(Ordering::Relaxed) {
                self.queue.interrupt();
                MET.fetch_add(1, Ordering::Relaxed);
                IN_HIT.store(false, Ordering::Relaxed);
            }
            thread::yield_now();
        }
        LEFT.store(true, Ordering::Relaxed);
    }

    /// Returns whether all that it waited for happened: each of its requests was
    /// completed, or there were meetings enough.
    fn device(&self) -> bool {
        if self.meet {
            return (1..=MEETINGS).all(|times| {
                is_soon(|| {
                    self.complete();
                    MET.load(Ordering::Relaxed) >= times
                })
            });
        }
        (0..REQUESTS).all(|_| {
            self.complete();
            is_soon(|| self.queue.is_drained())
        })
    }

    fn complete(&self) {
        if self.queue.complete() {
            self.irq.store(true, Ordering::SeqCst);
        }
    }
}

/// Waits until it is so. Returns whether that was within its patience.
fn is_soon(mut is_so: impl FnMut() -> bool) -> bool {
    let start = Instant::now();

    while start.elapsed() < PATIENCE {
        if is_so() {
            return true;
        }
        thread::yield_now();
    }
    false
}

fn run(packed: bool, event: bool, meet: bool) {
    let _world = World::boot();
    LEFT.store(false, Ordering::Relaxed);
    MET.store(0, Ordering::Relaxed);
    let mut ring = Ring::new(packed, event, IRQ, true);
    let machine = Machine {
        queue: ring.handle(),
        irq: AtomicBool::new(false),
        meet,
        off: AtomicBool::new(false),
    };

    thread::scope(|scope| {
        let cpus = [
            scope.spawn(|| machine.idle_cpu()),
            scope.spawn(|| machine.irq_cpu()),
        ];
        let device = scope.spawn(|| machine.device());
        let mut on = false;
        while !device.is_finished() {
            ring.set(on);
            on = !on;
            thread::sleep(Duration::from_micros(500));
        }
        machine.off.store(true, Ordering::SeqCst);
        // One by one: a sanitizer does not see how a scope waits for all.
        for cpu in cpus {
            cpu.join().unwrap();
        }
        let lost = if meet { "no meeting" } else { "lost interrupt" };
        assert!(device.join().unwrap(), "{lost}");
    });
}

#[test]
fn no_request_hangs() {
    for (packed, event) in [(false, false), (false, true), (true, false), (true, true)] {
        run(packed, event, false);
    }
}

#[test]
fn handlers_do_not_meet() {
    for (packed, event) in [(false, false), (false, true), (true, false), (true, true)] {
        run(packed, event, true);
    }
}
