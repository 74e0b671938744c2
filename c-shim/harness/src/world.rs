// SPDX-License-Identifier: GPL-2.0

//! The made-up kernel: its CPUs, its clock and its idle loop.

use std::cell::RefCell;
use std::collections::HashMap;
use std::ffi::CStr;
use std::mem::MaybeUninit;
use std::ptr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;

use crate::driven;

/// There is one kernel, and one test at a time has it.
static ALONE: Mutex<()> = Mutex::new(());

/// What happens at some point of the wait.
type Hook = RefCell<Option<Box<dyn FnMut()>>>;

thread_local! {
    static MOMENT: Hook = const { RefCell::new(None) };
    static SWAP: Hook = const { RefCell::new(None) };
    static SOFTIRQS: Hook = const { RefCell::new(None) };
}

/// What became of a wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waited {
    /// This CPU has nothing to poll.
    Not,
    /// Until something had to run.
    UntilResched,
    /// As long as it should: the CPU may halt.
    UntilLimit,
}

/// A freshly booted kernel. When it is dropped nothing may be left behind, and
/// nothing may have gone wrong.
pub struct World {
    _alone: MutexGuard<'static, ()>,
}

/// The state that the stubs share with us, this thread's.
pub(crate) fn state() -> *mut driven::harness {
    // SAFETY: It gives an address, and no more.
    unsafe { driven::harness_here() }
}

/// Reads or writes fields of the state.
macro_rules! field {
    ($($path:tt)+) => {
        // SAFETY: The state is this thread's, and no reference into it is held.
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

/// The POLL state of this thread's CPU.
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

    // SAFETY: Both live during the call, and what runs on this CPU waits for it.
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

/// A thread that is a CPU of its own, of the kernel that another one booted. When
/// it is dropped nothing may have gone wrong on it.
pub struct Cpu(());

impl Cpu {
    /// This thread is `cpu` from now on.
    pub fn join(cpu: u32) -> Self {
        // SAFETY: The state is this thread's.
        unsafe { driven::harness_join(cpu) };
        Self(())
    }

    /// The POLL state, for `limit` ns at most.
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
        // SAFETY: Faults are literals of the stubs.
        panic!("fault: {:?}", unsafe { CStr::from_ptr(fault) });
    }
}

/// The steps of a core without sources, after each of these inputs; none: the start.
pub fn steps_after(inputs: &[Option<u32>]) -> Vec<u32> {
    let mut core = MaybeUninit::<driven::poll_core>::uninit();
    let core = core.as_mut_ptr();
    let flags = 0;

    // SAFETY: The core is ours, and has no rings.
    unsafe {
        driven::poll_core_init(core);
        let step = |input: &Option<u32>| match *input {
            None => driven::poll_core_start(core, ptr::null(), &flags, 1, 0, 1000),
            Some(input) => driven::poll_core_step(core, ptr::null(), &flags, 1, input, 0, 0),
        };
        inputs.iter().map(step).collect()
    }
}

impl World {
    /// Boots: all CPUs are there, and CPU 0 runs.
    pub fn boot() -> Self {
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);

        // SAFETY: We are alone.
        unsafe { driven::harness_boot() };
        field!(moment = Some(moment));
        field!(swap = Some(swap));
        field!(softirqs = Some(softirqs));
        Self { _alone: alone }
    }

    /// `cpu` runs from now on.
    pub fn on_cpu(&self, cpu: u32) {
        field!(cpu = cpu);
    }

    /// Called at each moment of a wait, until it says otherwise.
    pub fn each_moment(&self, moment: impl FnMut() + 'static) {
        MOMENT.set(Some(Box::new(moment)));
    }

    /// Called at each exchange of a ring's word, right before it.
    pub fn each_swap(&self, swap: impl FnMut() + 'static) {
        SWAP.set(Some(Box::new(swap)));
    }

    /// What softirqs do.
    pub fn softirqs(&self, softirqs: impl FnMut() + 'static) {
        SOFTIRQS.set(Some(Box::new(softirqs)));
    }

    /// How often softirqs ran.
    pub fn softirq_runs(&self) -> u32 {
        field!(softirq_runs)
    }

    /// Time passes, in ns.
    pub fn pass(ns: u64) {
        field!(clock += ns);
    }

    /// The line refuses interrupts and hits; or takes them again, and those that are
    /// pending.
    pub fn disable_irq(irq: u32, disabled: bool) {
        // SAFETY: We are alone.
        unsafe {
            let desc = driven::harness_desc(irq);
            (*desc).disabled = disabled;
            if !disabled && (*desc).pending {
                driven::harness_interrupt(irq);
            }
        }
    }

    /// Something has to run after `moments` of a wait.
    pub fn resched_after(&self, mut moments: u32) {
        self.each_moment(move || {
            moments = moments.saturating_sub(1);
            if moments == 0 {
                World::resched();
            }
        });
    }

    /// Something has to run.
    pub fn resched() {
        let cpu = field!(cpu);

        // SAFETY: It sets a bit of this CPU's.
        unsafe { driven::harness_resched(cpu, true) };
    }

    /// The POLL state, for `limit` ns at most.
    pub fn idle(&self, limit: u64) -> Waited {
        let waited = idle(limit);

        MOMENT.set(None);
        SWAP.set(None);
        waited
    }

    /// How many hits there were, by `irq_enter()`.
    pub fn hits(&self) -> u32 {
        field!(hits)
    }

    /// How often a tracepoint told of a wait's start and of its end, and how
    /// long the last one was said to be.
    pub fn traced(&self) -> (u32, u32, u64) {
        (field!(starts), field!(stops), field!(waited))
    }

    /// cpuidle has no driver.
    pub fn no_driver(&self, none: bool) {
        field!(no_driver = none);
    }

    /// cpuidle's driver has no state that polls.
    pub fn no_poll_state(&self, none: bool) {
        field!(no_poll_state = none);
    }

    /// The lines of the file of sources, in columns, under their heads.
    pub fn sources() -> Vec<HashMap<String, String>> {
        // SAFETY: We are alone.
        unsafe { driven::harness_show_sources() };
        // SAFETY: As above; the text ends with a zero.
        let text = unsafe { CStr::from_ptr((&raw const (*state()).shown).cast()) };
        let text = text.to_str().expect("the file is text");
        let mut lines = text.lines().map(|line| line.split(' ').map(str::to_owned));
        let heads: Vec<String> = lines.next().expect("a line of heads").collect();
        lines
            .map(|line| {
                let line: Vec<String> = line.collect();
                assert_eq!(line.len(), heads.len(), "{line:?}");
                heads.iter().cloned().zip(line).collect()
            })
            .collect()
    }

    /// `poll_source_obstacle()`.
    pub fn obstacle(&self) -> Option<&'static str> {
        // SAFETY: It is a literal, or none.
        unsafe {
            let obstacle = driven::poll_source_obstacle();
            (!obstacle.is_null()).then(|| CStr::from_ptr(obstacle).to_str().expect("it is text"))
        }
    }

    /// The time, in ns.
    pub fn clock(&self) -> u64 {
        field!(clock)
    }

    /// How often `cpu_relax()` was called.
    pub fn relaxed(&self) -> u32 {
        field!(relaxed)
    }

    /// Whether the static key is on.
    pub fn active(&self) -> bool {
        // SAFETY: We are alone.
        unsafe { driven::poll_source_key.enabled > 0 }
    }

    /// Handlers are threads: the threadirqs boot parameter.
    pub fn threadirqs(&self, on: bool) {
        field!(threadirqs = on);
    }

    /// Allocations fail.
    pub fn no_memory(&self, on: bool) {
        field!(no_memory = on);
    }

    /// A CPU goes: our callback ran, and its interrupts still come to it.
    pub fn cpu_goes(&self, cpu: u32) {
        // SAFETY: We are alone.
        unsafe { driven::harness_cpu_goes(cpu) }
    }

    /// The CPU that goes is gone, unless somebody waited for that before.
    pub fn cpu_gone(&self) {
        // SAFETY: We are alone.
        unsafe { driven::harness_cpu_gone() }
    }

    /// A CPU ran our callback as if it went, and stays online.
    pub fn cpu_half_down(&self, cpu: u32) {
        // SAFETY: We are alone.
        unsafe { driven::harness_cpu_half_down(cpu) }
    }

    /// A CPU comes.
    pub fn cpu_up(&self, cpu: u32) {
        // SAFETY: We are alone.
        unsafe { driven::harness_cpu_up(cpu) }
    }

    /// A CPU is coming or going, and waits for what this thread does.
    pub fn hotplug(&self, on: bool) {
        field!(hotplug = on);
    }

    /// Whether work is scheduled.
    pub fn work_queued(&self) -> bool {
        // SAFETY: We are alone.
        unsafe { driven::harness_work_queued() }
    }

    /// Runs the work that was scheduled.
    pub fn run_work(&self) {
        // SAFETY: We are alone.
        unsafe { driven::harness_run_work() }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        // They hold devices.
        MOMENT.set(None);
        SWAP.set(None);
        SOFTIRQS.set(None);
        self.run_work();
        let active = self.active();
        // SAFETY: We are alone, and the sources were dropped before.
        unsafe { driven::harness_halt() };
        if thread::panicking() {
            return;
        }
        check_fault();
        assert!(!active, "the static key stays on");
    }
}
