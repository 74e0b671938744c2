// SPDX-License-Identifier: GPL-2.0

//! Breaks in the shared modules, each with the test that must catch it.

mod plant;

use plant::Break;

fn gate<'a>(name: &'a str, from: &'a str, to: &'a str, run: &'a [&'a str]) -> Break<'a> {
    let file = "rust-core/src/poll/gate.rs";
    Break {
        name,
        file,
        from,
        to,
        package: "poll-core",
        run,
        sanitizer: None,
    }
}

fn machine<'a>(name: &'a str, from: &'a str, to: &'a str) -> Break<'a> {
    let (file, run) = ("rust-core/src/poll/machine.rs", &["--test", "machine"]);
    Break {
        name,
        file,
        from,
        to,
        package: "poll-core",
        run,
        sanitizer: None,
    }
}

fn sched<'a>(name: &'a str, from: &'a str, to: &'a str) -> Break<'a> {
    let (file, run) = ("rust-core/src/poll/sched.rs", &["--test", "sched"]);
    Break {
        name,
        file,
        from,
        to,
        package: "poll-core",
        run,
        sanitizer: None,
    }
}

const LOOM: &str = "gate_loom";
/// What the kernel has as a KUnit suite.
const EXAMPLES: &[&str] = &["--lib"];

#[test]
fn hand_back_does_not_look_again() {
    gate(
        "no-recheck",
        "return seen & WANTS != 0 && events.pending(index_of(seen));",
        "return false;",
        &["--test", LOOM, "event_idx"],
    )
    .fails_test("lost interrupt");
}

#[test]
fn hand_back_does_not_tell_the_device() {
    gate(
        "no-publish",
        "events.publish(index_of(seen));",
        "let _ = index_of(seen);",
        &["--test", LOOM, "flags"],
    )
    .fails_test("lost interrupt");
}

/// The exchange succeeds against whatever is there now, not what was published.
#[test]
fn hand_back_publishes_a_stale_index() {
    gate(
        "stale-index",
        "if word.cmpxchg(seen, seen & !POLLER).is_ok() {",
        "let now = word.load();\n        if word.cmpxchg(now, now & !POLLER).is_ok() {",
        &["--test", LOOM, "event_idx"],
    )
    .fails_test("stale event index");
}

#[test]
fn the_poller_takes_over_what_nobody_wants() {
    gate(
        "takes-unwanted",
        "if seen & WANTS == 0 || word.cmpxchg(seen, seen | POLLER).is_err() {",
        "if word.cmpxchg(seen, seen | POLLER).is_err() {",
        &["--test", LOOM, "open_and_close"],
    )
    .fails_test("lost interrupt");
}

#[test]
fn the_driver_does_not_tell_the_poller_that_it_wants_events() {
    gate(
        "wants-unsaid",
        "(w & OPEN != 0).then_some((w & !(INDEX | TOLD)) | wanted)",
        "(w & OPEN != 0 && w & POLLER == 0).then_some((w & !(INDEX | TOLD)) | wanted)",
        &["--test", LOOM, "napi"],
    )
    .fails_test("stale event index");
}

#[test]
fn the_handler_runs_twice_at_once() {
    gate(
        "busy-ignored",
        "} else if old & BUSY != 0 {",
        "} else if false {",
        &["--test", LOOM, "event_idx"],
    )
    .fails_test("to cell");
}

#[test]
fn nobody_runs_the_handler_again() {
    gate(
        "again-forgotten",
        "if w & BUSY != 0 { w | AGAIN } else { w | mark }",
        "if w & BUSY != 0 { w } else { w | mark }",
        &["--test", LOOM, "hit_during_interrupt"],
    )
    .fails_test("lost interrupt");
}

/// What a failed cmpxchg found orders nothing.
#[test]
fn a_closed_gate_is_seen_without_an_acquire() {
    gate(
        "no-acquire",
        "if word.cmpxchg(old, new).is_ok() {\n            break;\n        }",
        "let Err(now) = word.cmpxchg(old, new) else { break };\n        if now != old { old = now; continue; }",
        &["--test", LOOM, "open_and_close"],
    )
    .fails_test("Causality violation");
}

#[test]
fn hand_back_tries_again_without_an_acquire() {
    gate(
        "relaxed-retry",
        HAND_BACK_TRY,
        "match word.cmpxchg(seen, seen & !POLLER) {
            Ok(()) => return seen & WANTS != 0 && events.pending(index_of(seen)),
            Err(now) => seen = now,
        }",
        &["--test", LOOM, "napi"],
    )
    .fails_test("stale event index");
}

const HAND_BACK_TRY: &str = "\
if word.cmpxchg(seen, seen & !POLLER).is_ok() {
            return seen & WANTS != 0 && events.pending(index_of(seen));
        }
        // As in update(): what is published next must come after what the
        // driver wrote to the ring before it changed the word.
        seen = word.load();";

#[test]
fn an_event_is_told_again_and_again() {
    gate(
        "told-forgotten",
        "word.cmpxchg(seen, seen | TOLD).is_ok()",
        "word.cmpxchg(seen, seen).is_ok()",
        EXAMPLES,
    )
    .fails_test("an_event_is_told_once");
}

/// What the driver goes by is older than its change of the word.
#[test]
fn the_driver_believes_an_owner_of_before() {
    gate(
        "owner-before",
        DRIVER_ENABLE,
        "let old = word.load();
    update(word, |w| {
        (w & OPEN != 0).then_some((w & !(INDEX | TOLD)) | wanted)
    });
    owner(old)",
        &["--test", LOOM, "two_cpus_flags"],
    )
    .fails_test("who sends is not woken");
}

const DRIVER_ENABLE: &str = "\
owner(update(word, |w| {
        (w & OPEN != 0).then_some((w & !(INDEX | TOLD)) | wanted)
    }))";

/// In the model's C: the lost interrupt that the device matrix found.
#[test]
fn the_driver_does_not_know_that_the_ring_names_an_index() {
    Break {
        file: "rust-core/tests/gate_loom/queue.rs",
        ..gate(
            "shadow-forgotten",
            "        if self.ring.is_packed() {
            self.shadow.store(self.ring.events_on(), Relaxed);
        }
",
            "",
            &["--test", LOOM, "never_switched"],
        )
    }
    .fails_test("stale event index");
}

#[test]
fn done_while_a_source_is_owned() {
    machine(
        "done-owned",
        "match self.sched.any_owned() {",
        "match self.sched.any_owned().filter(|_| self.reason != Reason::Limit) {",
    )
    .fails_test("invariants_hold_for_any_input");
}

#[test]
fn a_look_after_resched() {
    machine(
        "look-after-resched",
        "if resched {\n            return self.stop(Reason::Resched, resched);",
        "if resched && self.looks % 2 == 0 {\n            return self.stop(Reason::Resched, resched);",
    )
    .fails_test("invariants_hold_for_any_input");
}

#[test]
fn hits_without_a_budget() {
    machine("no-budget", "if self.spent > self.budget {", "if false {")
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
fn a_handler_that_never_ends_costs_nothing() {
    machine(
        "spent-wraps",
        "self.spent.saturating_add(spent)",
        "self.spent.wrapping_add(spent)",
    )
    .fails_test("invariants_hold_for_any_input");
}

#[test]
fn a_budget_for_each_source() {
    machine(
        "budget-each",
        "                self.sched.hit(slot);
                self.state = State::Polling;
                self.spent = self.spent.saturating_add(spent);",
        "                self.sched.hit(slot);
                self.state = State::Polling;
                self.spent = spent;",
    )
    .fails_test("the_cpu_is_not_held_beyond_the_budget");
}

#[test]
fn who_has_work_comes_first() {
    Break {
        file: "rust-core/src/poll/sched.rs",
        ..machine(
            "greedy-first",
            "        self.entry(slot).hit = true;\n",
            "        self.entry(slot).hit = true;\n        self.hot.head = slot.0;\n",
        )
    }
    .fails_test("a_greedy_source_does_not_starve_the_others");
}

#[test]
fn the_reason_forgets_what_came_last() {
    Break {
        run: EXAMPLES,
        ..machine(
            "reason-forgets",
            "Action::Done(if resched {\n                    Reason::Resched\n                } else {\n                    self.reason\n                })",
            "Action::Done(self.reason)",
        )
    }
    .fails_test("is_no_failure");
}

#[test]
fn the_clock_is_never_read() {
    machine("no-clock", "if self.looks >= CLOCK_LOOKS {", "if false {")
        .fails_test("invariants_hold_for_any_input");
}

#[test]
fn an_owed_interrupt_is_dropped() {
    Break {
        run: EXAMPLES,
        ..machine(
            "owed-dropped",
            "self.sched.disown(true);\n                self.state = State::Settling;\n                Action::Hit(slot)",
            "self.sched.disown(true);\n                let _ = slot;\n                self.hand_back(resched)",
        )
    }
    .fails_test("what_is_owed_is_delivered");
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
fn a_dead_source_is_looked_at() {
    Break {
        run: EXAMPLES,
        ..sched(
            "dead-polled",
            "(Heat::Cold, COLD_MISSES..) => self.set_heat(slot, Heat::Dead),",
            "(Heat::Cold, COLD_MISSES..) => {}",
        )
    }
    .fails_test("a_source_never_hit_is_left_alone_until_it_interrupts");
}

#[test]
fn cold_sources_starve() {
    sched(
        "cold-starve",
        "if let Some(slot) = self.rotate(Heat::Cold) {\n                return Some(slot);\n            }",
        "",
    )
    .fails_test("sources_come_up_by_their_heat");
}

#[test]
fn a_look_that_walks_all_sources() {
    Break {
        file: "rust-core/src/poll/sched.rs",
        run: &["--test", "step_cost"],
        ..sched(
            "linear-look",
            "        if self.hot.len == 0 {\n            return self.rotate(Heat::Cold);",
            "        if !self.entries.iter().any(|e| e.heat == Heat::Hot && e.next == 0) {\n            return self.rotate(Heat::Hot);\n        }\n        if self.hot.len == 0 {\n            return self.rotate(Heat::Cold);",
        )
    }
    .fails_test("sources:");
}
