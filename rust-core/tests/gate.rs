// SPDX-License-Identifier: GPL-2.0

//! The gate one step at a time, on one CPU. What several CPUs make of it is in
//! `gate_loom`.

use std::cell::Cell;

use poll_core::poll::{gate, Entry, Events, Look, Owner, Word};

#[derive(Default)]
struct Gate {
    word: Cell<u32>,
    /// How many buffers the device has used.
    used: Cell<u16>,
    /// What the device was asked for last; nothing if suppressed.
    asked: Cell<Option<u16>>,
}

impl Word for Gate {
    fn load(&self) -> u32 {
        self.word.get()
    }

    fn cmpxchg(&self, old: u32, new: u32) -> Result<(), u32> {
        match self.word.get() {
            now if now == old => {
                self.word.set(new);
                Ok(())
            }
            now => Err(now),
        }
    }
}

impl Events for Gate {
    fn suppress(&self) {
        self.asked.set(None);
    }

    fn publish(&self, index: u16) {
        self.asked.set(Some(index));
    }

    fn pending(&self, index: u16) -> bool {
        (self.used.get().wrapping_sub(index) as i16) > 0
    }
}

/// An open gate whose driver wants events from `index` on.
fn wanted(index: u16) -> Gate {
    let gate = Gate::default();

    gate::open(&gate);
    assert_eq!(gate::driver_enable(&gate, index), Owner::Driver);
    gate.used.set(index);
    gate
}

#[test]
fn a_closed_gate_shares_nothing() {
    let gate = Gate::default();

    assert_eq!(gate::driver_enable(&gate, 1), Owner::Unshared);
    assert_eq!(gate::driver_disable(&gate), Owner::Unshared);
    assert_eq!(gate::handler_enter(&gate, false), Entry::Closed);
    assert_eq!(gate::look(&gate, &gate), Look::NotMine);
    assert_eq!(gate.word.get(), 0);
}

#[test]
fn nothing_is_taken_over_before_the_driver_wants_it() {
    let gate = Gate::default();

    gate::open(&gate);
    assert_eq!(gate::look(&gate, &gate), Look::NotMine);
    gate::driver_enable(&gate, 0);
    assert_eq!(gate::look(&gate, &gate), Look::Nothing);
    assert!(gate::is_polled(&gate));
}

#[test]
fn what_the_driver_wants_meanwhile_is_published_at_the_end() {
    let gate = wanted(7);

    assert_eq!(gate::look(&gate, &gate), Look::Nothing);
    assert_eq!(gate.asked.get(), None);
    assert_eq!(gate::driver_enable(&gate, 8), Owner::Poller);
    assert_eq!(gate.asked.get(), None, "the ring is the poller's");
    assert!(!gate::hand_back(&gate, &gate));
    assert_eq!(gate.asked.get(), Some(8));
}

#[test]
fn a_driver_that_wants_nothing_gets_nothing() {
    let gate = wanted(7);

    gate::look(&gate, &gate);
    assert_eq!(gate::driver_disable(&gate), Owner::Poller);
    gate.used.set(8);
    assert_eq!(gate::look(&gate, &gate), Look::Nothing);
    assert!(!gate::hand_back(&gate, &gate));
    assert_eq!(gate.asked.get(), None);
    assert_eq!(gate::look(&gate, &gate), Look::NotMine);
}

#[test]
fn an_event_is_told_once() {
    let gate = wanted(7);

    gate.used.set(8);
    assert_eq!(gate::look(&gate, &gate), Look::Work);
    assert_eq!(gate::look(&gate, &gate), Look::Nothing);
    gate::driver_enable(&gate, 7);
    assert_eq!(gate::look(&gate, &gate), Look::Work, "asked for anew");
    assert!(gate::hand_back(&gate, &gate), "told once more");
}

#[test]
fn indices_wrap() {
    let gate = wanted(u16::MAX);

    assert_eq!(gate::look(&gate, &gate), Look::Nothing);
    gate.used.set(0);
    assert_eq!(gate::look(&gate, &gate), Look::Work);
}

#[test]
fn the_second_to_come_leaves_a_note() {
    let gate = wanted(0);

    assert_eq!(gate::handler_enter(&gate, true), Entry::Run);
    assert_eq!(gate::handler_enter(&gate, false), Entry::Elsewhere);
    assert!(gate::handler_exit(&gate), "for the note");
    assert!(!gate::handler_exit(&gate));
    assert_eq!(gate::handler_enter(&gate, false), Entry::Run);
}

#[test]
fn a_hit_explains_one_late_interrupt() {
    let gate = wanted(0);

    gate::handler_enter(&gate, false);
    gate::handler_exit(&gate);
    assert!(!gate::late_interrupt(&gate));
    gate::handler_enter(&gate, true);
    gate::handler_exit(&gate);
    assert!(gate::late_interrupt(&gate));
    assert!(!gate::late_interrupt(&gate));
}

#[test]
fn closing_leaves_a_running_handler_its_bits() {
    let gate = wanted(0);

    gate::handler_enter(&gate, false);
    assert!(!gate::close(&gate));
    assert!(!gate::handler_exit(&gate));
    assert_eq!(gate.word.get(), 0);
}

#[test]
fn closing_under_the_poller_is_told() {
    let gate = wanted(0);

    gate::look(&gate, &gate);
    assert!(gate::close(&gate));
}
