// SPDX-License-Identifier: GPL-2.0

//! The poll core in the kernel: what `include/linux/poll_core.h` declares.
//!
//! All decisions are in [`poll`], which knows neither C nor the kernel. Here
//! are the translations, and the only `unsafe` of the core.
//!
//! C header: [`include/linux/poll_core.h`](srctree/include/linux/poll_core.h)

use core::mem::{
    align_of,
    size_of, //
};
use kernel::{
    bindings,
    prelude::*,
    sync::atomic::{
        ordering,
        Atomic, //
    }, //
};
use poll::{
    gate,
    Action,
    Entry,
    Events,
    Input,
    Look,
    Machine,
    Owner,
    Reason,
    Slot,
    Word, //
};

pub mod poll;

const _: () = assert!(size_of::<Machine>() <= size_of::<bindings::poll_core>());
const _: () = assert!(align_of::<Machine>() <= align_of::<bindings::poll_core>());
const _: () = assert!(poll::MAX_SOURCES == bindings::POLL_CORE_SOURCES as usize);

/// A gate of the shim.
///
/// # Invariants
///
/// The pointer is valid, and so are the operations it names, for as long as
/// this lives; the word is touched by atomic operations alone.
struct Gate(*mut bindings::poll_gate);

impl Gate {
    fn word(&self) -> &Atomic<u32> {
        // SAFETY: By the type invariants the word is valid, and all accesses
        // to it are atomic.
        unsafe { Atomic::from_ptr(&raw mut (*self.0).word) }
    }

    fn ops(&self) -> &bindings::poll_gate_ops {
        // SAFETY: By the type invariants; the operations never change.
        unsafe { &*(*self.0).ops }
    }
}

impl Word for Gate {
    fn load(&self) -> u32 {
        self.word().load(ordering::Acquire)
    }

    fn cmpxchg(&self, old: u32, new: u32) -> Result<(), u32> {
        self.word().cmpxchg(old, new, ordering::Full).map(|_| ())
    }
}

impl Events for Gate {
    fn suppress(&self) {
        if let Some(suppress) = self.ops().suppress {
            // SAFETY: By the type invariants.
            unsafe { suppress(self.0) }
        }
    }

    fn publish(&self, index: u16) {
        if let Some(publish) = self.ops().publish {
            // SAFETY: By the type invariants.
            unsafe { publish(self.0, index) }
        }
    }

    fn pending(&self, index: u16) -> bool {
        self.ops().pending.is_some_and(|pending| {
            // SAFETY: By the type invariants.
            unsafe { pending(self.0, index) }
        })
    }
}

/// # Safety
///
/// `core` was initialised by [`poll_core_init`], and nothing else uses it
/// until the returned reference is gone.
unsafe fn machine<'a>(core: *mut bindings::poll_core) -> &'a mut Machine {
    // SAFETY: By the requirements of this function; size and alignment are
    // checked above.
    unsafe { &mut *core.cast() }
}

fn encode(action: Action) -> u32 {
    let (action, arg) = match action {
        Action::Look(slot) => (bindings::poll_core_action_POLL_CORE_LOOK, slot.0),
        Action::Hit(slot) => (bindings::poll_core_action_POLL_CORE_HIT, slot.0),
        Action::HandBack(slot) => (bindings::poll_core_action_POLL_CORE_HAND_BACK, slot.0),
        Action::Rest => (bindings::poll_core_action_POLL_CORE_REST, 0),
        Action::Clock => (bindings::poll_core_action_POLL_CORE_CLOCK, 0),
        Action::Done(reason) => {
            let reason = match reason {
                Reason::Resched => bindings::poll_core_reason_POLL_CORE_RESCHED,
                Reason::Limit => bindings::poll_core_reason_POLL_CORE_LIMIT,
                Reason::Budget => bindings::poll_core_reason_POLL_CORE_BUDGET,
            };
            (bindings::poll_core_action_POLL_CORE_DONE, reason as u8)
        }
    };
    action | u32::from(arg) << bindings::POLL_CORE_ARG_SHIFT
}

fn decode(input: u32, now: u64, spent: u64) -> Input {
    match input {
        bindings::poll_core_input_POLL_CORE_NOT_MINE => Input::NotMine,
        bindings::poll_core_input_POLL_CORE_NOTHING => Input::Nothing,
        bindings::poll_core_input_POLL_CORE_WORK => Input::Work,
        bindings::poll_core_input_POLL_CORE_HIT_DONE => Input::HitDone { now, spent },
        bindings::poll_core_input_POLL_CORE_HANDED_BACK => Input::HandedBack,
        bindings::poll_core_input_POLL_CORE_HANDED_BACK_WORK => Input::HandedBackWork,
        bindings::poll_core_input_POLL_CORE_CLOCK_READ => Input::Clock { now },
        _ => Input::Rested,
    }
}

/// Makes a machine without sources.
///
/// # Safety
///
/// `core` is valid for writing, and nothing else uses it.
#[export]
pub unsafe extern "C" fn poll_core_init(core: *mut bindings::poll_core) {
    // SAFETY: By the requirements of this function.
    unsafe { core.cast::<Machine>().write(Machine::new()) }
}

/// Adds a source. Returns its slot, or a negative number if there is none.
///
/// # Safety
///
/// As for `machine`.
#[export]
pub unsafe extern "C" fn poll_core_add(core: *mut bindings::poll_core) -> kernel::ffi::c_int {
    // SAFETY: By the requirements of this function.
    match unsafe { machine(core) }.add() {
        Some(slot) => slot.0.into(),
        None => -1,
    }
}

/// Removes a source. Returns whether it is gone.
///
/// # Safety
///
/// As for `machine`.
#[export]
pub unsafe extern "C" fn poll_core_remove(core: *mut bindings::poll_core, slot: u8) -> bool {
    // SAFETY: By the requirements of this function.
    unsafe { machine(core) }.remove(Slot(slot))
}

/// An interrupt for a source broke into the wait.
///
/// # Safety
///
/// As for `machine`.
#[export]
pub unsafe extern "C" fn poll_core_missed(core: *mut bindings::poll_core, slot: u8) {
    // SAFETY: By the requirements of this function.
    unsafe { machine(core) }.missed(Slot(slot))
}

/// Starts an episode; see [`Machine::start`].
///
/// # Safety
///
/// As for `machine`.
#[export]
pub unsafe extern "C" fn poll_core_start(
    core: *mut bindings::poll_core,
    now: u64,
    limit: u64,
    budget: u64,
    resched: bool,
) -> u32 {
    // SAFETY: By the requirements of this function.
    encode(unsafe { machine(core) }.start(now, limit, budget, resched))
}

/// Goes on with an episode; see [`Machine::step`].
///
/// # Safety
///
/// As for `machine`.
#[export]
pub unsafe extern "C" fn poll_core_step(
    core: *mut bindings::poll_core,
    input: bindings::poll_core_input,
    now: u64,
    spent: u64,
    resched: bool,
) -> u32 {
    // SAFETY: By the requirements of this function.
    encode(unsafe { machine(core) }.step(decode(input, now, spent), resched))
}

/// Opens a gate; see [`gate::open`].
///
/// # Safety
///
/// `gate` fits the invariants of `Gate` during the call.
#[export]
pub unsafe extern "C" fn poll_gate_open(gate: *mut bindings::poll_gate) {
    gate::open(&Gate(gate))
}

/// Closes a gate; see [`gate::close`].
///
/// # Safety
///
/// As for [`poll_gate_open`].
#[export]
pub unsafe extern "C" fn poll_gate_close(gate: *mut bindings::poll_gate) -> bool {
    gate::close(&Gate(gate))
}

fn encode_owner(owner: Owner) -> bindings::poll_gate_owner {
    match owner {
        Owner::Unshared => bindings::poll_gate_owner_POLL_GATE_UNSHARED,
        Owner::Driver => bindings::poll_gate_owner_POLL_GATE_DRIVER,
        Owner::Poller => bindings::poll_gate_owner_POLL_GATE_POLLER,
    }
}

/// The driver switches its events off; see [`gate::driver_disable`].
///
/// # Safety
///
/// As for [`poll_gate_open`].
#[export]
pub unsafe extern "C" fn poll_gate_disable(
    gate: *mut bindings::poll_gate,
) -> bindings::poll_gate_owner {
    encode_owner(gate::driver_disable(&Gate(gate)))
}

/// The driver switches its events on; see [`gate::driver_enable`].
///
/// # Safety
///
/// As for [`poll_gate_open`].
#[export]
pub unsafe extern "C" fn poll_gate_enable(
    gate: *mut bindings::poll_gate,
    index: u16,
) -> bindings::poll_gate_owner {
    encode_owner(gate::driver_enable(&Gate(gate), index))
}

/// The poller looks; see [`gate::look`].
///
/// # Safety
///
/// As for [`poll_gate_open`].
#[export]
pub unsafe extern "C" fn poll_gate_look(
    gate: *mut bindings::poll_gate,
) -> bindings::poll_core_input {
    let gate = Gate(gate);

    match gate::look(&gate, &gate) {
        Look::NotMine => bindings::poll_core_input_POLL_CORE_NOT_MINE,
        Look::Nothing => bindings::poll_core_input_POLL_CORE_NOTHING,
        Look::Work => bindings::poll_core_input_POLL_CORE_WORK,
    }
}

/// The poller hands back; see [`gate::hand_back`].
///
/// # Safety
///
/// As for [`poll_gate_open`].
#[export]
pub unsafe extern "C" fn poll_gate_hand_back(gate: *mut bindings::poll_gate) -> bool {
    let gate = Gate(gate);

    gate::hand_back(&gate, &gate)
}

/// Whether the poller owns the ring; see [`gate::is_polled`].
///
/// # Safety
///
/// As for [`poll_gate_open`].
#[export]
pub unsafe extern "C" fn poll_gate_is_polled(gate: *mut bindings::poll_gate) -> bool {
    gate::is_polled(&Gate(gate))
}

/// The handler is about to run; see [`gate::handler_enter`].
///
/// # Safety
///
/// As for [`poll_gate_open`].
#[export]
pub unsafe extern "C" fn poll_gate_handler_enter(
    gate: *mut bindings::poll_gate,
    hit: bool,
) -> bindings::poll_gate_entry {
    match gate::handler_enter(&Gate(gate), hit) {
        Entry::Closed => bindings::poll_gate_entry_POLL_GATE_CLOSED,
        Entry::Run => bindings::poll_gate_entry_POLL_GATE_RUN,
        Entry::Elsewhere => bindings::poll_gate_entry_POLL_GATE_ELSEWHERE,
    }
}

/// The handler ran; see [`gate::handler_exit`].
///
/// # Safety
///
/// As for [`poll_gate_open`].
#[export]
pub unsafe extern "C" fn poll_gate_handler_exit(gate: *mut bindings::poll_gate) -> bool {
    gate::handler_exit(&Gate(gate))
}

/// An interrupt found nothing; see [`gate::late_interrupt`].
///
/// # Safety
///
/// As for [`poll_gate_open`].
#[export]
pub unsafe extern "C" fn poll_gate_late_interrupt(gate: *mut bindings::poll_gate) -> bool {
    gate::late_interrupt(&Gate(gate))
}
