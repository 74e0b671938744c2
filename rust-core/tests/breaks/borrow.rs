// SPDX-License-Identifier: GPL-2.0

//! Breaks in the borrow protocol: each condition of `borrow.rs` and `flags.rs`
//! dropped, with the test that must catch it. No test here is a random one.

use crate::plant::Break;
use crate::EXAMPLES;

fn index<'a>(name: &'a str, from: &'a str, to: &'a str, run: &'a [&'a str]) -> Break<'a> {
    Break::of("rust-core/src/poll/borrow.rs", run, name, from, to)
}

fn flags<'a>(name: &'a str, from: &'a str, to: &'a str, run: &'a [&'a str]) -> Break<'a> {
    Break::of("rust-core/src/poll/flags.rs", run, name, from, to)
}

const SEARCH: &[&str] = &["--test", "borrow_search", "switches"];
const REFUSED: &[&str] = &["--test", "borrow_search", "refused"];
const ONE_CPU: &[&str] = &["--test", "borrow_search", "one_cpu"];

#[test]
fn what_was_used_before_the_borrow_counts_as_seen() {
    index(
        "relative",
        "        ring.barrier();
        self.judge(ring, ring.used())",
        "        ring.barrier();
        self.told |= passed(ring, ring.used(), event);
        self.judge(ring, ring.used())",
        SEARCH,
    )
    .fails_test("a look did not see it");
}

#[test]
fn the_return_overwrites_what_the_driver_stored() {
    index(
        "blind-return",
        "if !ring.swap(mine, self.wish) {",
        "if !ring.swap(ring.event(), self.wish) {",
        SEARCH,
    )
    .fails_test("lost interrupt");
}

#[test]
fn no_last_look() {
    index(
        "no-last-look",
        "let work = self.judge(ring, used) == Look::Work || self.owed;",
        "let work = self.owed;\n        let _ = used;",
        SEARCH,
    )
    .fails_test("lost interrupt");
}

#[test]
fn no_barrier_after_the_return() {
    index(
        "no-barrier-return",
        "        // the word.
        ring.barrier();",
        "",
        ONE_CPU,
    )
    .fails_test("lost interrupt");
}

/// The last look covers this one: only the rule itself can be checked.
#[test]
fn no_barrier_after_the_borrow() {
    index(
        "no-barrier-borrow",
        "        // As in give_back(). What is missed here a later look finds.
        ring.barrier();",
        "",
        EXAMPLES,
    )
    .fails_test("loose");
}

#[test]
fn the_events_place_is_taken_by_one_that_is_near() {
    index(
        "near",
        "let mut far = used.wrapping_add(R::MASK >> 1) & R::MASK;",
        "let mut far = used.wrapping_add(1) & R::MASK;",
        EXAMPLES,
    )
    .fails_test("borrow_tests::suite::a_look_puts_the_event_far_away");
}

#[test]
fn the_events_place_is_taken_by_0() {
    index(
        "zero",
        "while far == 0 || far == event {",
        "while far == event {",
        EXAMPLES,
    )
    .fails_test("borrow_tests::suite::what_is_put_there_is_neither_0_nor_what_was_there");
}

#[test]
fn the_events_place_is_taken_by_itself() {
    index(
        "itself",
        "while far == 0 || far == event {",
        "while far == 0 {",
        EXAMPLES,
    )
    .fails_test("borrow_tests::suite::what_is_put_there_is_neither_0_nor_what_was_there");
}

#[test]
fn never_in_doubt_at_the_return() {
    index(
        "no-doubt",
        "        let used = ring.used();
        if !is_ahead::<R>(mine, used) {",
        "        let used = ring.used();
        if false {",
        SEARCH,
    )
    .fails_test("lost interrupt");
}

#[test]
fn in_doubt_by_what_used_was_before_the_return() {
    index(
        "early-doubt",
        "        if !ring.swap(mine, self.wish) {
            // The driver looks at the ring after it stored another.
            self.asked_again();
            return false;
        }
        self.mine = 0;
        // Pairs with the device's, between its write of used and its reading of
        // the word.
        ring.barrier();
        let used = ring.used();
        if !is_ahead::<R>(mine, used) {",
        "        let ahead = is_ahead::<R>(mine, ring.used());
        if !ring.swap(mine, self.wish) {
            self.asked_again();
            return false;
        }
        self.mine = 0;
        ring.barrier();
        let used = ring.used();
        if !ahead {",
        SEARCH,
    )
    .fails_test("lost interrupt");
}

#[test]
fn in_doubt_the_old_wish_stays() {
    index(
        "no-publish",
        "            self.publish(ring, used);
            return true;",
        "            return true;",
        SEARCH,
    )
    .fails_test("lost interrupt");
}

#[test]
fn in_doubt_an_old_index_is_asked_for() {
    index(
        "publish-once",
        "        while used != self.wish && ring.swap(self.wish, used) {
            self.wish = used;
            // As in give_back().
            ring.barrier();
            used = ring.used();
        }",
        "        if used != self.wish && ring.swap(self.wish, used) {
            self.wish = used;
            ring.barrier();
            used = ring.used();
        }
        let _ = used;",
        SEARCH,
    )
    .fails_test("lost interrupt");
}

#[test]
fn in_doubt_nobody_is_told() {
    index(
        "doubt-untold",
        "            self.publish(ring, used);
            return true;",
        "            self.publish(ring, used);
            return false;",
        SEARCH,
    )
    .fails_test("lost interrupt");
}

#[test]
fn what_was_told_is_kept_for_ever() {
    index(
        "told-for-ever",
        "self.told &= now.wrapping_sub(self.looked) <= LAPSE;",
        "",
        EXAMPLES,
    )
    .fails_test("borrow_tests::suite::what_was_told_is_forgotten_in_time");
}

#[test]
fn what_was_told_is_kept_round_the_index() {
    index(
        "told-round",
        "self.told &= passed(ring, used, event);",
        "",
        EXAMPLES,
    )
    .fails_test("borrow_tests::suite::what_was_told_is_forgotten_out_of_reach");
}

/// 63,887 hits for 25,000 round trips.
#[test]
fn a_driver_that_was_told_is_told_at_each_borrow() {
    index(
        "told-forgotten",
        "self.told &= passed(ring, used, event);",
        "self.told = false;",
        EXAMPLES,
    )
    .fails_test("borrow_tests::suite::a_driver_that_was_told_is_left_alone");
}

#[test]
fn a_new_wish_is_taken_for_told() {
    index(
        "told-stays",
        "        self.mine = 0;
        self.told = false;
        self.owed = false;",
        "        self.mine = 0;
        self.owed = false;",
        EXAMPLES,
    )
    .fails_test("borrow_tests::suite::a_driver_that_was_told_is_left_alone");
}

#[test]
fn a_wish_is_told_at_each_look() {
    index(
        "told-again",
        "if !self.told || told {",
        "if !self.told || told && used == 0 {",
        EXAMPLES,
    )
    .fails_test("borrow_tests::suite::a_wish_is_told_once");
}

#[test]
fn a_refused_hit_counts_as_told() {
    index(
        "refused-told",
        "    pub fn not_told(&mut self) {
        self.owed = true;",
        "    pub fn not_told(&mut self) {
        self.owed = false;",
        REFUSED,
    )
    .fails_test("lost interrupt");
}

#[test]
fn a_wish_is_passed_by_more_than_a_ring() {
    index(
        "beyond-ring",
        "& R::MASK < ring.size()",
        "& R::MASK <= ring.size()",
        EXAMPLES,
    )
    .fails_test("borrow_tests::suite::no_wish_is_further_behind_than_a_ring");
}

#[test]
fn flags_are_switched_on_for_a_driver_that_is_off() {
    flags(
        "flags-on",
        "if !ring.wanted() || !ring.swap(R::OFF, self.wish) {",
        "if !ring.swap(R::OFF, self.wish) {",
        EXAMPLES,
    )
    .fails_test("flags_tests::suite::those_of_a_driver_that_is_off_stay_off");
}

#[test]
fn flags_without_a_last_look() {
    flags(
        "flags-no-last-look",
        "let work = self.has_news(ring, self.doubt) || self.owed;",
        "let work = self.owed;",
        &["--test", "borrow_loom", "one_episode"],
    )
    .fails_test("lost interrupt");
}

#[test]
fn flags_without_a_barrier_after_the_return() {
    flags(
        "flags-no-barrier",
        "        // reading of the word.
        ring.barrier();",
        "",
        &["--test", "borrow_loom", "one_episode"],
    )
    .fails_test("lost interrupt");
}

/// The packed ring's old fault: the driver took the buffer and waits for another.
#[test]
fn flags_told_for_what_came_after() {
    flags(
        "flags-told-late",
        "        self.at = taken;
        true",
        "        self.at = ring.taken();
        true",
        &["--test", "borrow_loom", "plain_unasked"],
    )
    .fails_test("lost interrupt");
}

#[test]
fn flags_told_are_kept_for_ever() {
    flags(
        "flags-told-for-ever",
        "self.told &= !lapsed && taken == self.at;",
        "self.told &= taken == self.at;\n        let _ = lapsed;",
        EXAMPLES,
    )
    .fails_test("flags_tests::suite::what_was_told_is_forgotten_in_time");
}

#[test]
fn flags_in_doubt_are_believed() {
    flags(
        "flags-doubt",
        "self.has_news(ring, self.doubt)",
        "self.has_news(ring, false)",
        EXAMPLES,
    )
    .fails_test("flags_tests::suite::what_was_told_is_forgotten_in_time");
}

#[test]
fn flags_told_are_told_again() {
    flags(
        "flags-told-again",
        "self.told &= !lapsed && taken == self.at;",
        "self.told = false;\n        let _ = lapsed;",
        EXAMPLES,
    )
    .fails_test("flags_tests::suite::they_are_borrowed_and_given_back");
}

#[test]
fn flags_stored_anew_are_taken_for_told() {
    flags(
        "flags-told-stay",
        "            if self.borrowed {
                self.asked_again();
            }",
        "",
        EXAMPLES,
    )
    .fails_test("flags_tests::suite::those_stored_anew_are_borrowed_anew");
}

#[test]
fn a_refused_hit_is_forgotten_when_the_device_is_idle() {
    index(
        "idle-forgets",
        "if !self.owed && (self.told || !ring.in_flight()) {",
        "if !self.owed && self.told || !ring.in_flight() {",
        EXAMPLES,
    )
    .fails_test("borrow_tests::suite::an_idle_device_is_left_alone_if_nothing_is_owed");
}

/// A ring that is borrowed is looked at far more often than it is borrowed.
#[test]
fn what_was_told_is_kept_round_the_index_while_it_is_borrowed() {
    index(
        "told-round-borrowed",
        "            // Nothing is told, so there is nothing to forget.
            self.told = false;",
        "",
        EXAMPLES,
    )
    .fails_test("borrow_tests::suite::what_was_told_is_forgotten_out_of_reach");
}

#[test]
fn what_was_told_is_kept_for_ever_while_it_is_borrowed() {
    index(
        "told-for-ever-borrowed",
        "        self.forget(now);
        self.judge(ring, used)",
        "        self.judge(ring, used)",
        EXAMPLES,
    )
    .fails_test("borrow_tests::suite::what_was_told_is_forgotten_in_time");
}
