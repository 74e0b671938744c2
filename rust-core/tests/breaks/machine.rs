// SPDX-License-Identifier: GPL-2.0

//! Breaks in the machine: each of its invariants, dropped.

use crate::plant::Break;
use crate::EXAMPLES;

const FILE: &str = "rust-core/src/poll/machine.rs";

fn machine<'a>(name: &'a str, from: &'a str, to: &'a str) -> Break<'a> {
    Break::of(FILE, &["--test", "machine"], name, from, to)
}

fn example<'a>(name: &'a str, from: &'a str, to: &'a str) -> Break<'a> {
    Break::of(FILE, EXAMPLES, name, from, to)
}

#[test]
fn done_while_a_ring_is_borrowed() {
    machine(
        "done-borrowed",
        "while let Some(slot) = self.sched.any_owned() {",
        "while let Some(slot) = self.sched.any_owned().filter(|_| self.reason != Some(Reason::Limit)) {",
    )
    .fails_test("invariants_hold_for_any_input");
}

#[test]
fn softirqs_while_a_ring_is_borrowed() {
    example(
        "softirqs-borrowed",
        "while let Some(slot) = self.sched.any_owned() {",
        "while let Some(slot) = self.sched.any_owned().filter(|_| self.reason.is_some()) {",
    )
    .fails_test("rings_are_given_back_before_long_softirqs");
}

#[test]
fn looks_without_a_reading_of_resched() {
    machine(
        "look-unasked",
        "while !sources.resched() {",
        "while looks % 2 == 0 || !sources.resched() {",
    )
    .fails_test("invariants_hold_for_any_input");
}

#[test]
fn two_hits_for_one_return() {
    machine(
        "owed-twice",
        "            self.sched.disown(work, self.reason.is_some());
            if work {
                return",
        "            if work {
                return",
    )
    .fails_test("invariants_hold_for_any_input");
}

#[test]
fn a_refused_hit_is_forgotten() {
    machine(
        "refused-forgotten",
        "            (Action::Hit(slot), Input::HitRefused) => {
                sources.not_told(slot);",
        "            (Action::Hit(_), Input::HitRefused) => {",
    )
    .fails_test("invariants_hold_for_any_input");
}

#[test]
fn a_refused_hit_is_forgotten_at_the_end() {
    machine(
        "refused-forgotten-last",
        "                sources.not_told(slot);
                self.softirqs = true;",
        "                let _ = slot;
                self.softirqs = true;",
    )
    .fails_test("invariants_hold_for_any_input");
}

#[test]
fn softirqs_stay_held_after_a_refused_hit() {
    machine(
        "refused-held",
        "                sources.not_told(slot);
                self.softirqs = true;",
        "                sources.not_told(slot);",
    )
    .fails_test("invariants_hold_for_any_input");
}

#[test]
fn softirqs_that_were_left_are_not_run() {
    machine(
        "softirqs-dropped",
        "if self.softirqs {",
        "if self.softirqs && self.reason.is_none() {",
    )
    .fails_test("invariants_hold_for_any_input");
}

#[test]
fn softirqs_run_twice() {
    machine(
        "softirqs-twice",
        "                self.softirqs = false;
                if let",
        "                if let",
    )
    .fails_test("invariants_hold_for_any_input");
}

#[test]
fn softirqs_run_while_others_are_given_back() {
    machine(
        "last-hit-with-softirqs",
        "            if work {
                return Action::HitAlone(slot);",
        "            if work {
                return Action::Hit(slot);",
    )
    .fails_test("invariants_hold_for_any_input");
}

#[test]
fn a_clock_that_went_back_ends_the_wait() {
    machine(
        "clock-wraps",
        "now.saturating_sub(self.started)",
        "now.wrapping_sub(self.started)",
    )
    .fails_test("invariants_hold_for_any_input");
}

#[test]
fn the_clock_is_never_read() {
    machine("no-clock", "if looks == 0 {", "if false {")
        .fails_test("invariants_hold_for_any_input");
}

#[test]
fn looks_after_a_refused_hit_are_not_counted() {
    machine(
        "refused-looks",
        "                    self.looks = looks;
                    return self.found(slot);",
        "                    return self.found(slot);",
    )
    .fails_test("invariants_hold_for_any_input");
}

#[test]
fn a_hit_may_go_beyond_the_limit() {
    example(
        "hit-no-limit",
        "                self.sched.took(slot, spent);
                self.poll_at(sources, now)",
        "                self.sched.took(slot, spent);
                self.now = now;
                self.poll(sources)",
    )
    .fails_test("a_hit_beyond_the_limit_ends_a_wait");
}

#[test]
fn softirqs_may_go_beyond_the_limit() {
    example(
        "softirqs-no-limit",
        "                        self.state = State::Polling;
                        self.poll_at(sources, now)",
        "                        self.state = State::Polling;
                        self.now = now;
                        self.poll(sources)",
    )
    .fails_test("long_softirqs_beyond_the_limit_end_a_wait");
}

#[test]
fn a_slow_hit_ends_the_wait() {
    example(
        "no-resume",
        "                    None => {
                        self.state = State::Polling;
                        self.poll_at(sources, now)
                    }",
        "                    None => {
                        let _ = now;
                        self.done(sources)
                    }",
    )
    .fails_test("rings_are_given_back_before_long_softirqs");
}

#[test]
fn slow_softirqs_run_at_once() {
    machine(
        "slow-at-once",
        "if self.sched.is_slow(slot) {",
        "if false {",
    )
    .fails_test("invariants_hold_for_any_input");
}

#[test]
fn short_softirqs_are_left() {
    machine("fast-left", "if self.sched.is_slow(slot) {", "if true {")
        .fails_test("invariants_hold_for_any_input");
}

#[test]
fn slow_is_slow_for_ever() {
    example(
        "slow-for-ever",
        "                    self.slow = Some(slot);
",
        "",
    )
    .fails_test("rings_are_given_back_before_long_softirqs");
}

#[test]
fn slow_hits_count_against_the_others() {
    example(
        "early-judgement",
        "self.sched.disown(work, self.reason.is_some());",
        "self.sched.disown(work, true);",
    )
    .fails_test("slow_hits_do_not_count_against_the_others");
}

#[test]
fn an_owed_interrupt_is_dropped() {
    example(
        "owed-dropped",
        "            if work {
                return Action::HitAlone(slot);
            }",
        "",
    )
    .fails_test("what_is_owed_at_the_end_is_delivered");
}

#[test]
fn any_input_will_do() {
    example(
        "any-input",
        "            (last, _) => last,",
        "            _ => self.poll(sources),",
    )
    .fails_test("an_answer_to_another_question_changes_nothing");
}

#[test]
fn the_reason_forgets_what_came_last() {
    example(
        "reason-forgets",
        "Action::Done(if sources.resched() {",
        "Action::Done(if false {",
    )
    .fails_test("is_no_failure");
}
