// SPDX-License-Identifier: GPL-2.0

//! Each CPU a thread, and the device another: a disk with one request in flight,
//! while its switch is flipped. No request may hang. What a sanitizer finds on the
//! way is its own business.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use shim_harness::{Cpu, Ring, RingHandle, World};

const IRQ: u32 = 30;
const LIMIT: u64 = 100;
const REQUESTS: u32 = 3_000;
/// Of a request.
const PATIENCE: Duration = Duration::from_secs(20);

/// What the threads share.
struct Machine {
    queue: RingHandle,
    /// The device interrupted.
    irq: AtomicBool,
    off: AtomicBool,
}

impl Machine {
    fn is_off(&self) -> bool {
        self.off.load(Ordering::SeqCst)
    }

    /// Polls whenever it can.
    fn idle_cpu(&self) {
        let cpu = Cpu::join(0, IRQ);

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
            thread::yield_now();
        }
    }

    /// Returns whether every request was completed.
    fn device(&self) -> bool {
        (0..REQUESTS).all(|_| {
            if self.queue.complete() {
                self.irq.store(true, Ordering::SeqCst);
            }
            let start = Instant::now();
            while !self.queue.is_drained() && start.elapsed() < PATIENCE {
                thread::yield_now();
            }
            self.queue.is_drained()
        })
    }
}

fn no_request_hangs(packed: bool, event: bool) {
    let _world = World::boot();
    let mut ring = Ring::new(packed, event, IRQ, true);
    let machine = Machine {
        queue: ring.handle(),
        irq: AtomicBool::new(false),
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
        assert!(device.join().unwrap(), "lost interrupt");
    });
}

#[test]
fn split() {
    no_request_hangs(false, false);
}

#[test]
fn split_event_idx() {
    no_request_hangs(false, true);
}

#[test]
fn packed() {
    no_request_hangs(true, false);
}

#[test]
fn packed_event_idx() {
    no_request_hangs(true, true);
}
