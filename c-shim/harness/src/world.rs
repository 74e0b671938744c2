// SPDX-License-Identifier: GPL-2.0

//! The stub kernel: its CPUs, its clock and its idle loop.

use std::cell::RefCell;
use std::collections::HashMap;
use std::ffi::CStr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;

use crate::driven;

/// There is only one stub kernel. A test holds this lock while it uses the kernel.
static ALONE: Mutex<()> = Mutex::new(());

/// Code of a test that runs at some point of the wait.
type Hook = RefCell<Option<Box<dyn FnMut()>>>;

thread_local! {
    static MOMENT: Hook = const { RefCell::new(None) };
    static SWAP: Hook = const { RefCell::new(None) };
    static SOFTIRQS: Hook = const { RefCell::new(None) };
}

/// How a wait ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waited {
    /// There was no wait: this CPU has nothing to poll.
    Not,
    /// The CPU has something to run.
    UntilResched,
    /// The wait reached its limit: the CPU may halt.
    UntilLimit,
}

/// A freshly booted kernel. Dropping it checks that nothing is left behind and that the stubs found
/// no fault.
pub struct World {
    _alone: MutexGuard<'static, ()>,
}

/// Returns this thread's state, which the stubs share with the tests.
pub(crate) fn state() -> *mut driven::harness {
    // SAFETY: The function only returns an address.
    unsafe { driven::harness_here() }
}

/// Reads or writes fields of the state.
macro_rules! field {
    ($($path:tt)+) => {
        // SAFETY: The state belongs to this thread, and nobody holds a reference into it.
        unsafe { (*$crate::world::state()).$($path)+ }
    };
}
pub(crate) use field;

fn call(hook: &Hook) {
    if let Some(hook) = hook.borrow_mut().as_mut() {
        hook();
    }
}

extern "C" fn moment() {
    field!(clock += 10);
    MOMENT.with(call);
}

extern "C" fn swap() {
    SWAP.with(call);
}

extern "C" fn softirqs() {
    SOFTIRQS.with(call);
}

/// Runs the POLL state on this thread's CPU, for `limit` ns at most.
fn idle(limit: u64) -> Waited {
    let cpu = field!(cpu);
    let mut device = driven::cpuidle_device {
        poll_time_limit: false,
    };
    let mut driver = driven::cpuidle_driver {
        poll_time: limit,
        states: [driven::cpuidle_state {
            flags: driven::CPUIDLE_FLAG_POLLING,
        }],
    };

    // SAFETY: `device` and `driver` live during the call. Work on this CPU waits until it ends.
    let polled = unsafe {
        driven::harness_lock_cpu(cpu);
        driven::local_irq_disable();
        driven::poll_source_idle(&mut device, &mut driver)
    };
    assert!(!field!(irqs_on), "the wait ends with interrupts off");
    assert!(!field!(rcu_watching), "the wait ends with RCU not watching");
    assert!(!field!(polling), "the wait ends without TIF_POLLING_NRFLAG");
    // SAFETY: As above.
    unsafe {
        driven::harness_resched(cpu, false);
        driven::local_irq_enable();
        driven::harness_unlock_cpu(cpu);
    }
    match (polled, device.poll_time_limit) {
        (false, _) => Waited::Not,
        (true, false) => Waited::UntilResched,
        (true, true) => Waited::UntilLimit,
    }
}

/// A thread that acts as one CPU of the kernel that another thread booted. Dropping it checks that
/// the stubs found no fault on this CPU.
pub struct Cpu(());

impl Cpu {
    /// Makes this thread act as `cpu` from now on.
    pub fn join(cpu: u32) -> Self {
        // SAFETY: The function only changes this thread's state.
        unsafe { driven::harness_join(cpu) };
        Self(())
    }

    /// Runs the POLL state, for `limit` ns at most.
    pub fn idle(&self, limit: u64) -> Waited {
        idle(limit)
    }
}

impl Drop for Cpu {
    fn drop(&mut self) {
        if !thread::panicking() {
            check_fault();
        }
    }
}

fn check_fault() {
    let fault = field!(fault);
    if !fault.is_null() {
        // SAFETY: A fault is a string literal of the stubs.
        panic!("fault: {:?}", unsafe { CStr::from_ptr(fault) });
    }
}

impl World {
    /// Boots the kernel: all CPUs are online, and this thread acts as CPU 0.
    pub fn boot() -> Self {
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);

        // SAFETY: Only this test uses the kernel.
        unsafe { driven::harness_boot() };
        field!(moment = Some(moment));
        field!(swap = Some(swap));
        field!(softirqs = Some(softirqs));
        Self { _alone: alone }
    }

    /// Makes this thread act as `cpu` from now on.
    pub fn on_cpu(&self, cpu: u32) {
        field!(cpu = cpu);
    }

    /// Sets what runs at each moment of the next wait: when it reads the clock.
    pub fn each_moment(&self, moment: impl FnMut() + 'static) {
        MOMENT.set(Some(Box::new(moment)));
    }

    /// Sets what runs in the next wait right before each exchange of a ring's word.
    pub fn each_swap(&self, swap: impl FnMut() + 'static) {
        SWAP.set(Some(Box::new(swap)));
    }

    /// Sets what softirqs do.
    pub fn softirqs(&self, softirqs: impl FnMut() + 'static) {
        SOFTIRQS.set(Some(Box::new(softirqs)));
    }

    /// Returns how often softirqs ran.
    pub fn softirq_runs(&self) -> u32 {
        field!(softirq_runs)
    }

    /// Lets `ns` nanoseconds pass.
    pub fn pass(ns: u64) {
        field!(clock += ns);
    }

    /// Disables a line, which then refuses interrupts and hits; or enables it again, and delivers a
    /// pending interrupt.
    pub fn disable_irq(irq: u32, disabled: bool) {
        // SAFETY: Only this test uses the kernel.
        unsafe {
            let desc = driven::harness_desc(irq);
            (*desc).disabled = disabled;
            if !disabled && (*desc).pending {
                driven::harness_interrupt(irq);
            }
        }
    }

    /// Gives the CPU something to run after `moments` moments of the next wait.
    pub fn resched_after(&self, mut moments: u32) {
        self.each_moment(move || {
            moments = moments.saturating_sub(1);
            if moments == 0 {
                World::resched();
            }
        });
    }

    /// Gives the CPU something to run.
    pub fn resched() {
        let cpu = field!(cpu);

        // SAFETY: The function only sets a bit of this CPU.
        unsafe { driven::harness_resched(cpu, true) };
    }

    /// Runs the POLL state, for `limit` ns at most.
    pub fn idle(&self, limit: u64) -> Waited {
        let waited = idle(limit);

        MOMENT.set(None);
        SWAP.set(None);
        waited
    }

    /// Returns how many hits there were: calls of `irq_enter()`.
    pub fn hits(&self) -> u32 {
        field!(hits)
    }

    /// Returns how often tracepoints reported the start and the end of a wait, and the length that
    /// they reported for the last one, in ns.
    pub fn traced(&self) -> (u32, u32, u64) {
        (field!(starts), field!(stops), field!(waited))
    }

    /// Sets whether cpuidle lacks a driver.
    pub fn no_driver(&self, none: bool) {
        field!(no_driver = none);
    }

    /// Sets whether cpuidle's driver lacks a state that polls.
    pub fn no_poll_state(&self, none: bool) {
        field!(no_poll_state = none);
    }

    /// Returns the lines of the file `sources`: the values by the heads of their columns.
    pub fn sources() -> Vec<HashMap<String, String>> {
        // SAFETY: Only this test uses the kernel.
        unsafe { driven::harness_show_sources() };
        // SAFETY: As above. The text ends with a NUL.
        let text = unsafe { CStr::from_ptr((&raw const (*state()).shown).cast()) };
        let text = text.to_str().expect("the file is text");
        let mut lines = text.lines().map(|line| line.split(' ').map(str::to_owned));
        let heads: Vec<String> = lines.next().expect("the file has column heads").collect();
        lines
            .map(|line| {
                let line: Vec<String> = line.collect();
                assert_eq!(line.len(), heads.len(), "{line:?}");
                heads.iter().cloned().zip(line).collect()
            })
            .collect()
    }

    /// Calls `poll_source_obstacle()`.
    pub fn obstacle(&self) -> Option<&'static str> {
        // SAFETY: The function returns a string literal or NULL.
        unsafe {
            let obstacle = driven::poll_source_obstacle();
            (!obstacle.is_null()).then(|| CStr::from_ptr(obstacle).to_str().expect("it is text"))
        }
    }

    /// Returns the time, in ns.
    pub fn clock(&self) -> u64 {
        field!(clock)
    }

    /// Returns whether the static key is on.
    pub fn active(&self) -> bool {
        // SAFETY: Only this test uses the kernel.
        unsafe { driven::poll_source_key.enabled > 0 }
    }

    /// Sets whether allocations fail.
    pub fn no_memory(&self, on: bool) {
        field!(no_memory = on);
    }

    /// Begins to take a CPU offline: the shim's callback has run, but interrupts still arrive
    /// there.
    pub fn cpu_goes(&self, cpu: u32) {
        // SAFETY: Only this test uses the kernel.
        unsafe { driven::harness_cpu_goes(cpu) }
    }

    /// Ends what `cpu_goes()` began, unless somebody has already waited for that.
    pub fn cpu_gone(&self) {
        // SAFETY: Only this test uses the kernel.
        unsafe { driven::harness_cpu_gone() }
    }

    /// Runs the shim's callback for a CPU that goes offline, but the CPU stays online.
    pub fn cpu_half_down(&self, cpu: u32) {
        // SAFETY: Only this test uses the kernel.
        unsafe { driven::harness_cpu_half_down(cpu) }
    }

    /// Brings a CPU online.
    pub fn cpu_up(&self, cpu: u32) {
        // SAFETY: Only this test uses the kernel.
        unsafe { driven::harness_cpu_up(cpu) }
    }

    /// Sets whether a CPU is coming or going, which has to wait for this thread.
    pub fn hotplug(&self, on: bool) {
        field!(hotplug = on);
    }

    /// Returns whether work is scheduled.
    pub fn work_queued(&self) -> bool {
        // SAFETY: Only this test uses the kernel.
        unsafe { driven::harness_work_queued() }
    }

    /// Runs the scheduled work.
    pub fn run_work(&self) {
        // SAFETY: Only this test uses the kernel.
        unsafe { driven::harness_run_work() }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        // The hooks hold devices.
        MOMENT.set(None);
        SWAP.set(None);
        SOFTIRQS.set(None);
        self.run_work();
        let active = self.active();
        // SAFETY: Only this test uses the kernel, and its sources were dropped before.
        unsafe { driven::harness_halt() };
        if thread::panicking() {
            return;
        }
        check_fault();
        assert!(!active, "the static key stays on");
    }
}
