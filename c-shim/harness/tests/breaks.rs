// SPDX-License-Identifier: GPL-2.0

//! Breaks in the shim and at the border between C and Rust, each with what must
//! catch it: the build, or a test.

#[path = "../../../rust-core/tests/breaks/plant.rs"]
mod plant;

use plant::Break;

const HEADER: &str = "c-shim/kernel/include/linux/poll_core.h";
const ROOT: &str = "rust-core/kernel/poll_core.rs";
const SHIM: &str = "c-shim/kernel/drivers/cpuidle/poll_source.c";

const RING: &str = "c-shim/edits/ring-gate.diff";

fn ring<'a>(name: &'a str, from: &'a str, to: &'a str) -> Break<'a> {
    Break {
        run: &["--test", "ring"],
        ..plant(name, RING, from, to)
    }
}

fn plant<'a>(name: &'a str, file: &'a str, from: &'a str, to: &'a str) -> Break<'a> {
    Break {
        name,
        file,
        from,
        to,
        package: "shim-harness",
        run: &["--test", "shim"],
        sanitizer: None,
    }
}

#[test]
fn c_changes_a_signature() {
    plant(
        "c-signature",
        HEADER,
        "bool poll_core_remove(struct poll_core *core, u8 slot);",
        "bool poll_core_remove(struct poll_core *core, unsigned int slot);",
    )
    .fails_build("`if` and `else` have incompatible types");
}

#[test]
fn rust_changes_a_signature() {
    plant(
        "rust-signature",
        ROOT,
        "slot: u8) {\n    // SAFETY: By the requirements of this function.\n    unsafe { machine(core) }.missed(Slot(slot))",
        "slot: u32) {\n    // SAFETY: By the requirements of this function.\n    unsafe { machine(core) }.missed(Slot(slot as u8))",
    )
    .fails_build("`if` and `else` have incompatible types");
}

#[test]
fn c_does_not_declare_what_rust_exports() {
    plant(
        "undeclared",
        HEADER,
        "bool poll_gate_close(struct poll_gate *gate);",
        "",
    )
    .fails_build("poll_gate_close");
}

#[test]
fn c_gives_the_machine_too_little_room() {
    plant("small-core", HEADER, "u64 opaque[240];", "u64 opaque[8];")
        .fails_build("size_of::<Machine>()");
}

#[test]
fn a_hit_is_no_interrupt() {
    plant("no-irq-enter", SHIM, "\tirq_enter();\n", "").fails_test("a hit is an interrupt");
}

#[test]
fn rcu_does_not_watch_the_wait() {
    plant("no-rcu", SHIM, "\tct_cpuidle_exit();\n", "").fails_test("RCU watches a hit");
}

#[test]
fn sources_stay_suppressed_after_the_wait() {
    plant(
        "no-hand-back",
        SHIM,
        "input = poll_gate_hand_back(&source->gate) ?",
        "input = false ?",
    )
    .fails_test("device.is_settled()");
}

#[test]
fn what_has_to_run_waits_for_the_poller() {
    const TEST: &str = "a_hit_takes_the_place_of_an_interrupt";

    Break {
        // Others wait for it hundreds of times, each up to the limit.
        run: &["--test", "shim", TEST],
        ..plant(
            "no-resched",
            SHIM,
            "now, spent,\n\t\t\t\t      need_resched());",
            "now, spent,\n\t\t\t\t      false);",
        )
    }
    .fails_test(TEST);
}

#[test]
fn what_has_to_run_waits_for_a_look() {
    plant(
        "no-resched-at-start",
        SHIM,
        "limit / 2,\n\t\t\t       need_resched());",
        "limit / 2,\n\t\t\t       false);",
    )
    .fails_test("nothing_is_looked_at_if_something_has_to_run");
}

#[test]
fn threaded_handlers_are_accepted() {
    plant(
        "threadirqs",
        SHIM,
        "if (force_irqthreads())\n\t\treturn -EOPNOTSUPP;",
        "",
    )
    .fails_test("threaded_handlers_are_refused");
}

#[test]
fn a_cpu_goes_with_its_sources() {
    plant(
        "offline-keeps",
        SHIM,
        "\t\tpoll_source_unbind_here(source);\n",
        "",
    )
    .fails_test("before the CPU is gone");
}

#[test]
fn work_outlives_its_source() {
    plant(
        "work-left",
        SHIM,
        "\tcancel_work_sync(&source->follow);\n",
        "",
    )
    .fails_test("work of a source that is gone");
}

#[test]
fn the_static_key_leaks() {
    plant(
        "key-leak",
        SHIM,
        "\tstatic_branch_dec(&poll_source_key);\n",
        "",
    )
    .fails_test("the static key stays on");
}

#[test]
fn interrupts_that_break_in_are_forgotten() {
    plant("no-missed", SHIM, "\t\t\tpc->missed = source;", "\t\t\t;").fails_test("polled again");
}

#[test]
fn a_packed_ring_is_not_suppressed() {
    ring(
        "packed-on",
        "+			   cpu_to_le16(VRING_PACKED_EVENT_FLAG_DISABLE));",
        "+			   cpu_to_le16(VRING_PACKED_EVENT_FLAG_ENABLE));",
    )
    .fails_test("the_ring_is_suppressed_during_the_wait");
}

#[test]
fn a_packed_ring_asks_at_a_stale_index() {
    ring(
        "packed-stale",
        "+			WRITE_ONCE(vq->packed.vring.driver->off_wrap,\n+				   cpu_to_le16(idx));\n",
        "",
    )
    .fails_test("the_ring_is_suppressed_during_the_wait");
}

#[test]
fn a_broken_queue_is_hit() {
    ring(
        "broken-hit",
        "+	if (unlikely(READ_ONCE(vq->broken)))",
        "+	if (false)",
    )
    .fails_test("a_broken_queue_is_left_alone");
}

#[test]
fn a_line_of_neighbours_passes_for_missed() {
    plant(
        "missed-neighbour",
        SHIM,
        "\tif (ret != IRQ_NONE) {\n\t\tpoll_source_note_irq(source);",
        "\tpoll_source_note_irq(source);\n\tif (ret != IRQ_NONE) {",
    )
    .fails_test("an_interrupt_that_broke_in_is_counted_if_it_had_work");
}

#[test]
fn a_queue_that_nobody_calls_back_is_polled() {
    ring("no-callback", "+	if (!_vq->callback)\n+		return;\n", "")
        .fails_test("a_queue_without_a_callback_is_not_polled");
}

#[test]
fn the_status_is_a_wish() {
    ring(
        "status-wish",
        "+	} else if (!status) {",
        "+	} else if (true) {",
    )
    .fails_test("the_status_says_what_stands_in_the_way");
}

#[test]
fn the_cpu_is_never_relaxed() {
    plant(
        "no-relax",
        SHIM,
        "\t\t\tcpu_relax();\n\t\t\tinput = POLL_CORE_RESTED;",
        "\t\t\tinput = POLL_CORE_RESTED;",
    )
    .fails_test("the_cpu_is_relaxed_when_there_is_nothing_to_look_at");
}

/// Found by the device matrix: interrupts were lost once the switch was off again.
#[test]
fn the_driver_is_not_told_what_the_ring_asks_for() {
    ring(
        "packed-shadow",
        "+	if (virtqueue_is_packed(vq))\n+		vq->packed.event_flags_shadow = vring_events_on_packed(vq);\n",
        "",
    )
    .fails_test("the_driver_believes_what_the_ring_asks_for");
}

#[test]
fn the_handler_runs_on_two_cpus() {
    Break {
        run: &["--test", "threads", "handlers_do_not_meet"],
        sanitizer: Some("thread"),
        ..plant(
            "elsewhere-ignored",
            SHIM,
            "\tcase POLL_GATE_ELSEWHERE:\n\t\tret = IRQ_HANDLED;\n",
            "\tcase POLL_GATE_ELSEWHERE:\n\t\tret = source->handler(source);\n",
        )
    }
    .fails_test("in vring_");
}

#[test]
fn a_source_that_is_gone_is_looked_at() {
    Break {
        run: &["--test", "ring", "a_queue_that_is_gone_is_not_looked_at"],
        sanitizer: Some("address"),
        ..plant(
            "unregister-keeps",
            SHIM,
            "\tlist_del_init(&source->node);\n\tpoll_source_unbind(source);\n",
            "\tlist_del_init(&source->node);\n",
        )
    }
    .fails_test("AddressSanitizer: heap-use-after-free");
}

#[test]
fn the_budget_is_no_part_of_the_wait() {
    Break {
        run: &["--test", "lying"],
        ..plant(
            "no-budget",
            SHIM,
            "now, limit, limit / 2,",
            "now, limit, limit,",
        )
    }
    .fails_test("handlers_take_half_of_the_wait_at_most");
}
