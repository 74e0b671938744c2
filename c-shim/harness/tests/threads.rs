// SPDX-License-Identifier: GPL-2.0

//! Each CPU a thread, and the device another, while the source is registered and
//! unregistered. With one request in flight none may hang. What a sanitizer finds is
//! its own business.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use shim_harness::{Cpu, Device, Driver, Layout, World};

const IRQ: u32 = 30;
const LIMIT: u64 = 100;
const REQUESTS: u32 = 2_000;
/// Of a request.
const PATIENCE: Duration = Duration::from_secs(20);

/// What the threads share.
struct Machine {
    queue: Arc<Device>,
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
        let cpu = Cpu::join(0);

        while !self.is_off() {
            cpu.idle(LIMIT);
            thread::yield_now();
        }
    }

    /// Takes the interrupts.
    fn irq_cpu(&self) {
        let _cpu = Cpu::join(1);

        while !self.is_off() {
            if self.irq.swap(false, Ordering::SeqCst) {
                self.queue.interrupt();
            }
            thread::yield_now();
        }
    }

    /// Until some were polled, on a busy host too. Returns whether each of its requests was
    /// completed.
    fn device(&self) -> bool {
        let start = Instant::now();
        let mut requests = 0;

        while requests < REQUESTS || !self.was_polled() && start.elapsed() < PATIENCE {
            requests += 1;
            if self.queue.use_buffer() {
                self.irq.store(true, Ordering::SeqCst);
            }
            if !is_soon(|| self.queue.is_drained()) {
                return false;
            }
        }
        true
    }

    fn was_polled(&self) -> bool {
        self.queue.counts().0 > 0
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

fn run(layout: Layout) {
    let world = World::boot();
    let machine = Machine {
        queue: Device::with(layout, Driver::Takes, IRQ, 0),
        irq: AtomicBool::new(false),
        off: AtomicBool::new(false),
    };
    // The first one polls; this test's other one takes the interrupts.
    machine.queue.route(0b11);

    thread::scope(|scope| {
        let cpus = [
            scope.spawn(|| machine.idle_cpu()),
            scope.spawn(|| machine.irq_cpu()),
        ];
        let device = scope.spawn(|| machine.device());
        while !device.is_finished() {
            assert_eq!(machine.queue.register(), 0);
            thread::sleep(Duration::from_micros(500));
            machine.queue.unregister();
            world.run_work();
        }
        machine.off.store(true, Ordering::SeqCst);
        // One by one: a sanitizer does not see how a scope waits for all.
        for cpu in cpus {
            cpu.join().unwrap();
        }
        assert!(device.join().unwrap(), "lost interrupt");
    });
    assert!(machine.was_polled(), "nothing was polled");
}

#[test]
fn no_request_hangs() {
    Layout::ALL.into_iter().for_each(run);
}
