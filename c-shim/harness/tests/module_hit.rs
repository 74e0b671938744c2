// SPDX-License-Identifier: GPL-2.0

//! Runs the module's unchanged hit.c on two CPUs that poll queues of one line, while the device
//! interrupts and a driver disables the line: in every interleaving, up to a bound. The line
//! behaves as with Linux 6.12's handle_edge_irq(), handle_untracked_irq() and enable_irq(), and an
//! MSI-X vector. 7.3's flow waits where 6.12's leaves an interrupt pending, and does less. Not
//! tested: 6.12 resends in a tasklet if an interrupt chip cannot resend; x86's chips can.

use std::cell::RefCell;
use std::ffi::{c_int, c_uint};
use std::ptr;
use std::sync::Arc;

use loom::sync::Mutex;
use loom::thread;
// Links the C code.
use shim_harness as _;

thread_local! {
    /// The line of the running model. loom runs all its threads in one thread, so they share it.
    static LINE: RefCell<Option<Arc<Line>>> = const { RefCell::new(None) };
}

/// Memory for C's `struct irq_desc`. The functions below ignore it: the line's state is in
/// [`State`].
#[repr(C)]
struct Desc([c_int; 3]);

unsafe extern "C" {
    fn module_tell_line(desc: *mut Desc);
    fn module_hold_softirqs_twice(desc: *mut Desc) -> c_int;
}

#[derive(Default)]
struct State {
    /// Number of disable_irq() calls that were not undone.
    depth: u32,
    in_progress: bool,
    pending: bool,
    masked: bool,
    /// The vector's bit in the pending array: the device tried to interrupt while the vector was
    /// masked.
    latched: bool,
    /// Number of events that the device made.
    events: u32,
    /// Number of events that the handler has seen.
    seen: u32,
    /// Number of interrupt messages that have not arrived yet.
    messages: u32,
}

impl State {
    fn unmask(&mut self) {
        self.masked = false;
        if self.latched {
            self.latched = false;
            self.messages += 1;
        }
    }

    /// If the line is in progress or disabled, makes the interrupt pending and masks the line.
    /// Returns whether it did: then nobody may run the handler now.
    fn put_off(&mut self) -> bool {
        let off = self.in_progress || self.depth > 0;
        if off {
            self.pending = true;
            self.masked = true;
        }
        off
    }
}

#[derive(Default)]
struct Line(Mutex<State>);

fn line() -> Arc<Line> {
    LINE.with(|line| line.borrow().clone().expect("a model runs"))
}

impl Line {
    /// Runs one step: code that the kernel runs under desc->lock.
    fn step<T>(&self, step: impl FnOnce(&mut State) -> T) -> T {
        step(&mut self.0.lock().unwrap())
    }

    /// The line's handler, which runs without a lock. It sees all events so far.
    fn handler(&self) {
        self.step(|line| line.seen = line.events);
    }

    fn edge(&self) {
        if self.step(State::put_off) {
            return;
        }
        loop {
            self.step(|line| {
                if line.pending && line.depth == 0 && line.masked {
                    line.unmask();
                }
                line.pending = false;
                line.in_progress = true;
            });
            self.handler();
            let again = self.step(|line| {
                line.in_progress = false;
                line.pending && line.depth == 0
            });
            if !again {
                return;
            }
        }
    }

    /// Delivers all messages that have not arrived yet, on the CPU that runs.
    fn deliver(&self) {
        let one = |line: &mut State| {
            let there = line.messages > 0;
            line.messages -= u32::from(there);
            there
        };
        while self.step(one) {
            self.edge();
        }
    }

    fn device(&self) {
        self.step(|line| {
            line.events += 1;
            match line.masked {
                true => line.latched = true,
                false => line.messages += 1,
            }
        });
        self.deliver();
    }
}

#[unsafe(no_mangle)]
extern "C" fn irqd_irq_inprogress(_: *mut Desc) -> bool {
    line().step(|line| line.in_progress)
}

#[unsafe(no_mangle)]
extern "C" fn irqd_irq_masked(_: *mut Desc) -> bool {
    line().step(|line| line.masked)
}

#[unsafe(no_mangle)]
extern "C" fn irqd_irq_disabled(_: *mut Desc) -> bool {
    line().step(|line| line.depth > 0)
}

#[unsafe(no_mangle)]
extern "C" fn handle_untracked_irq(_: *mut Desc) {
    let line = line();
    let runs = line.step(|line| {
        if line.in_progress {
            return false;
        }
        line.pending = line.depth > 0;
        line.in_progress = !line.pending;
        line.in_progress
    });
    if runs {
        line.handler();
        line.step(|line| line.in_progress = false);
    }
}

#[unsafe(no_mangle)]
extern "C" fn generic_handle_irq(_: c_uint) -> c_int {
    line().edge();
    0
}

#[unsafe(no_mangle)]
extern "C" fn disable_irq_nosync(_: c_uint) {
    line().step(|line| line.depth += 1);
}

/// Includes check_irq_resend(): a pending interrupt is sent again.
#[unsafe(no_mangle)]
extern "C" fn enable_irq(_: c_uint) {
    let line = line();
    line.step(|line| {
        line.depth -= 1;
        if line.depth == 0 {
            line.unmask();
            line.messages += u32::from(line.pending);
            line.pending = false;
        }
    });
    line.deliver();
}

#[unsafe(no_mangle)]
extern "C" fn module_cpu_relax() {
    thread::yield_now();
}

/// A CPU polls, and finds an event whose interrupt it has suppressed.
fn poll() {
    let line = line();
    line.step(|line| line.events += 1);
    let mut desc = Desc([0; 3]);
    // SAFETY: `desc` is as large as C's struct, and C keeps no pointer to it.
    unsafe { module_tell_line(ptr::from_mut(&mut desc)) };
}

/// Runs the functions of `cpus` concurrently, and then makes the device interrupt once more. Checks
/// that no event is lost and that the line is not left masked.
fn check(preemptions: usize, cpus: &'static [fn()]) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.max_branches = 20_000;
    builder.check(move || {
        LINE.set(Some(Arc::new(Line::default())));
        let others: Vec<_> = cpus[1..].iter().map(|cpu| thread::spawn(*cpu)).collect();
        cpus[0]();
        for other in others {
            other.join().unwrap();
        }
        let line = line();
        line.step(|line| {
            assert!(!line.masked && line.depth == 0, "the line stays masked");
            assert_eq!(line.seen, line.events, "an event is lost");
        });
        line.device();
        line.step(|line| assert_eq!(line.seen, line.events, "an interrupt is lost"));
        LINE.set(None);
    });
}

fn interrupted_and_polls() {
    line().device();
    poll();
}

fn disables_and_enables() {
    disable_irq_nosync(0);
    enable_irq(0);
}

#[test]
fn two_cpus_that_poll_a_line_leave_it_on() {
    check(6, &[poll, interrupted_and_polls]);
}

#[test]
fn so_they_do_beside_another_interrupt() {
    check(2, &[poll, poll, || line().device()]);
}

#[test]
fn so_they_do_while_a_driver_disables_it() {
    check(2, &[poll, interrupted_and_polls, disables_and_enables]);
}

#[test]
fn hits_hold_softirqs_once() {
    check(
        0,
        &[|| {
            let mut desc = Desc([0; 3]);
            // SAFETY: The stubs ignore the memory, and use the line of the model.
            let held = unsafe { module_hold_softirqs_twice(&mut desc) };
            assert_eq!(held, 0, "softirqs stay off");
        }],
    );
}
