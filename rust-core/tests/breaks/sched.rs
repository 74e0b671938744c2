// SPDX-License-Identifier: GPL-2.0

//! Breaks in the scheduler.

use crate::plant::Break;
use crate::EXAMPLES;

const FILE: &str = "rust-core/src/poll/sched.rs";

fn sched<'a>(name: &'a str, from: &'a str, to: &'a str) -> Break<'a> {
    Break::of(FILE, &["--test", "sched"], name, from, to)
}

fn machine<'a>(name: &'a str, from: &'a str, to: &'a str) -> Break<'a> {
    Break::of(FILE, &["--test", "machine"], name, from, to)
}

fn cost<'a>(name: &'a str, from: &'a str, to: &'a str) -> Break<'a> {
    Break::of(FILE, &["--test", "step_cost"], name, from, to)
}

fn example<'a>(name: &'a str, from: &'a str, to: &'a str) -> Break<'a> {
    Break::of(FILE, EXAMPLES, name, from, to)
}

#[test]
fn a_ring_loses_sources() {
    sched(
        "ring-cut",
        "self.entry(Slot(prev)).next = next;",
        "self.entry(Slot(prev)).next = prev;",
    )
    .fails_test("sources_come_up_by_their_heat");
}

#[test]
fn cold_sources_starve() {
    sched(
        "cold-starve",
        "if self.cold.len != 0 {
            return",
        "if self.cold.len != 0 && self.hot.len == 0 {
            return",
    )
    .fails_test("sources_come_up_by_their_heat");
}

#[test]
fn what_is_given_back_early_is_judged() {
    sched(
        "early-judgement",
        "        if over {
",
        "        if over || !hit {
",
    )
    .fails_test("sources_come_up_by_their_heat");
}

#[test]
fn a_hit_before_an_early_return_is_forgotten() {
    sched(
        "early-forgets",
        "self.entry(slot).owned = false;",
        "self.entry(slot).owned = false;
        self.entry(slot).hit &= over;",
    )
    .fails_test("sources_come_up_by_their_heat");
}

#[test]
fn a_dead_source_is_looked_at() {
    example(
        "dead-polled",
        "(Heat::Cold, COLD_MISSES..) => self.set_heat(slot, Heat::Dead),",
        "(Heat::Cold, COLD_MISSES..) => {}",
    )
    .fails_test("a_source_never_hit_is_left_alone_until_it_interrupts");
}

#[test]
fn what_was_slow_is_forgotten_at_once() {
    example(
        "slow-forgotten",
        "spent.max(entry.took_us - entry.took_us / 8)",
        "spent",
    )
    .fails_test("what_was_slow_is_remembered_for_some_hits");
}

#[test]
fn what_was_slow_is_kept_for_ever() {
    example(
        "slow-kept",
        "spent.max(entry.took_us - entry.took_us / 8)",
        "spent.max(entry.took_us)",
    )
    .fails_test("what_was_slow_is_remembered_for_some_hits");
}

#[test]
fn who_has_work_comes_first() {
    machine(
        "greedy-first",
        "self.entry(slot).hit = true;",
        "self.entry(slot).hit = true;
        self.hot.head = slot.0;",
    )
    .fails_test("a_greedy_source_does_not_starve_the_others");
}

#[test]
fn a_look_that_walks_all_sources() {
    cost(
        "linear-look",
        "        if self.until_cold == 0 {
            return self.end_turns();",
        "        if !self.entries.iter().any(|e| e.heat != Heat::Dead && e.next == 0) {
            return self.end_turns();
        }
        if self.until_cold == 0 {
            return self.end_turns();",
    )
    .fails_test("sources:");
}
