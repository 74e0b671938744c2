// SPDX-License-Identifier: GPL-2.0

//! Each CPU is a thread, and the device is another one, while the source is registered and
//! unregistered. One request is in flight, and none may hang. A sanitizer reports what it finds
//! itself.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use shim_harness::{Cpu, Device, Driver, Layout, World};

const IRQ: u32 = 30;
const LIMIT: u64 = 100;
const REQUESTS: u32 = 2_000;
/// Time limit of a request, and of all requests until one was polled.
const PATIENCE: Duration = Duration::from_secs(20);

/// What the threads share.
struct Machine {
    queue: Arc<Device>,
    /// The device interrupted, and no CPU has taken the interrupt yet.
    irq: AtomicBool,
    off: AtomicBool,
}

impl Machine {
    fn is_off(&self) -> bool {
        self.off.load(Ordering::SeqCst)
    }

    /// CPU 0: polls whenever it can.
    fn idle_cpu(&self) {
        let cpu = Cpu::join(0);

        while !self.is_off() {
            cpu.idle(LIMIT);
            thread::yield_now();
        }
    }

    /// CPU 1: takes the interrupts.
    fn irq_cpu(&self) {
        let _cpu = Cpu::join(1);

        while !self.is_off() {
            if self.irq.swap(false, Ordering::SeqCst) {
                self.queue.interrupt();
            }
            thread::yield_now();
        }
    }

    /// The device: makes requests one by one, and continues until one was polled, which can take
    /// longer on a busy host. Returns whether each request was completed.
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

/// Waits until `is_so` returns true. Returns false if that takes longer than [`PATIENCE`].
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
    // CPU 0 polls; CPU 1 takes the interrupts.
    machine.queue.route(0b11);

    thread::scope(|scope| {
        let cpus = [
            scope.spawn(|| machine.idle_cpu()),
            scope.spawn(|| machine.irq_cpu()),
        ];
        let device = scope.spawn(|| machine.device());
        while !device.is_finished() {
            machine.queue.register();
            thread::sleep(Duration::from_micros(500));
            machine.queue.unregister();
            world.run_work();
        }
        machine.off.store(true, Ordering::SeqCst);
        // Join each thread: a sanitizer does not see how a scope waits for all.
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
