// SPDX-License-Identifier: GPL-2.0

//! Breaks in the shim and at the border between C and Rust, each with what must
//! catch it: the build, or a test.

#[path = "../../../rust-core/tests/breaks/plant.rs"]
mod plant;

use plant::Break;

const HEADER: &str = "c-shim/kernel/include/linux/poll_core.h";
const ROOT: &str = "rust-core/kernel/poll_core.rs";
const FLAGS: &str = "rust-core/src/poll/flags.rs";
const FFI: &str = "rust-core/src/poll/ffi.rs";
const BIND: &str = "c-shim/kernel/drivers/cpuidle/poll/bind.c";
const HIT: &str = "c-shim/kernel/drivers/cpuidle/poll/hit.c";
const IDLE: &str = "c-shim/kernel/drivers/cpuidle/poll/idle.c";
const RING: &str = "c-shim/kernel/drivers/cpuidle/poll/ring.c";
const WAIT: &str = "c-shim/kernel/drivers/cpuidle/poll/wait.c";

/// What catches a break, and by which words: the build, or a run of tests, perhaps
/// under a sanitizer.
enum Caught {
    Build(&'static str),
    Test(&'static str),
    Run(&'static [&'static str], &'static str),
    Sanitizer(&'static str, &'static [&'static str], &'static str),
}
use Caught::*;

macro_rules! breaks {
    ($($(#[$doc:meta])* $name:ident: $file:ident, $from:expr, $to:expr, $caught:expr;)*) => {
        $($(#[$doc])* #[test] fn $name() { check(stringify!($name), $file, $from, $to, $caught); })*
    };
}

fn check(name: &str, file: &str, from: &str, to: &str, caught: Caught) {
    let (sanitizer, run, why) = match caught {
        Build(why) => (None, &["--test", "shim"][..], why),
        Test(why) => (None, &["--test", "shim"][..], why),
        Run(run, why) => (None, run, why),
        Sanitizer(sanitizer, run, why) => (Some(sanitizer), run, why),
    };
    let planted = Break {
        name,
        file,
        from,
        to,
        package: "shim-harness",
        run,
        sanitizer,
    };

    match caught {
        Build(_) => planted.fails_build(why),
        _ => planted.fails_test(why),
    }
}

breaks! {
    c_changes_a_signature: HEADER,
        "bool poll_core_remove(struct poll_core *core, u8 slot);",
        "bool poll_core_remove(struct poll_core *core, unsigned int slot);",
        Build("`if` and `else` have incompatible types");
    rust_changes_a_signature: ROOT,
        "slot: u8) {\n    // SAFETY: By the requirements of this function.\n    unsafe { PollCore::machine(core.cast()) }.missed(Slot(slot))",
        "slot: u32) {\n    // SAFETY: By the requirements of this function.\n    unsafe { PollCore::machine(core.cast()) }.missed(Slot(slot as u8))",
        Build("`if` and `else` have incompatible types");
    c_does_not_declare_what_rust_exports: HEADER,
        "bool poll_ring_is_borrowed(const struct poll_ring *ring);",
        "",
        Build("poll_ring_is_borrowed");
    c_gives_the_machine_too_little_room: HEADER,
        "u64 opaque[304];",
        "u64 opaque[8];",
        Build("size_of::<PollCore>()");
    c_moves_a_field: HEADER,
        "\tunsigned long looks;\n\tunsigned long episodes;\n",
        "\tunsigned long episodes;\n\tunsigned long looks;\n",
        Build("offset_of!(PollRing, looks)");
    c_numbers_its_kinds_anew: HEADER,
        "enum poll_ring_kind {\n",
        "enum poll_ring_kind {\n\tPOLL_RING_NONE,\n",
        Build("kind::EVENT");
    a_hit_is_no_interrupt: HIT,
        "\tirq_enter();\n\ttold",
        "\ttold",
        Test("a hit is an interrupt");
    rcu_does_not_watch_the_wait: IDLE,
        "\tct_cpuidle_exit();\n",
        "",
        Test("RCU watches a hit");
    a_ring_is_not_returned: FFI,
        "self.index.give_back(&self.memory, now)",
        "false",
        Run(&["--test", "shim", "the_wait_ends_at_its_limit"], "device.is_settled()");
    /// Fault 1.
    softirqs_run_while_rings_are_borrowed: WAIT,
        "poll_source_do_hit(pc, arg, false)",
        "poll_source_do_hit(pc, arg, true)",
        Test("silent during softirqs");
    interrupts_run_softirqs_that_are_held: HIT,
        "\t\tlocal_bh_disable();\n",
        "\t\t;\n",
        Test("WARN_ON_ONCE(harness.held && !harness.bh_off)");
    the_tick_does_not_see_a_hit: HIT,
        "\t\t_local_bh_enable();\n",
        "\t\t;\n",
        Test("WARN_ON_ONCE(harness.bh_off)");
    softirqs_that_are_held_never_run: HIT,
        "\tirq_exit_poll(true);\n",
        "\tirq_exit_poll(false);\n",
        Test("softirqs_that_are_held_run_once");
    interrupts_stay_off_after_softirqs: HIT,
        "\tirq_exit_poll(true);\n\tlocal_irq_enable();\n",
        "\tirq_exit_poll(true);\n",
        Test("WARN_ON_ONCE(!harness.irqs_on)");
    interrupts_stay_off_after_a_hit: HIT,
        "\tlocal_irq_enable();\n\n\treturn told;\n",
        "\treturn told;\n",
        Test("WARN_ON_ONCE(!harness.irqs_on)");
    a_refused_hit_is_forgotten: WAIT,
        "POLL_CORE_HIT_REFUSED, start, 0",
        "POLL_CORE_HIT_DONE, start, 0",
        Test("a_refused_hit_is_owed");
    a_hit_runs_its_neighbours: HIT,
        "handle_polled_irq(source->desc, source->handler, source->dev_id)",
        "handle_polled_irq(source->desc, NULL, NULL)",
        Test("sources_that_share_an_interrupt_are_polled_each");
    // Other tests wait for it hundreds of times, each up to the limit.
    what_has_to_run_waits_for_the_poller: WAIT,
        "_TIF_NEED_RESCHED, input, now, spent",
        "0, input, now, spent",
        Run(&["--test", "shim", "a_hit_takes_the_place_of_an_interrupt"], "a_hit_takes_the_place_of_an_interrupt");
    what_has_to_run_waits_for_a_look: WAIT,
        "_TIF_NEED_RESCHED, now, limit",
        "0, now, limit",
        Test("nothing_is_looked_at_if_something_has_to_run");
    threads_are_called_in_hardirq_context: HIT,
        "!source->handler || !force_irqthreads()",
        "true",
        Test("threads_are_hit_by_their_line_alone");
    threads_are_not_polled: HIT,
        "!source->handler || !force_irqthreads()",
        "!force_irqthreads()",
        Test("its action wakes the thread");
    a_cpu_goes_with_its_sources: BIND,
        "\t\tpoll_source_unbind_here(source);\n",
        "",
        Test("before the CPU is gone");
    /// Fault 4.
    a_cpu_may_be_idle_while_its_sources_change: BIND,
        "\tpreempt_disable();\n\tpc = this_cpu_read(poll_cpus);\n\tWARN_ON_ONCE(poll",
        "\tpc = this_cpu_read(poll_cpus);\n\tpreempt_disable();\n\tWARN_ON_ONCE(poll",
        Test("WARN_ON_ONCE(!harness.preempt_count");
    /// Fault 6.
    a_source_that_does_not_fit_is_forgotten: BIND,
        "\t/* There may be room for one that did not fit. */\n\tpoll_source_follow();\n",
        "",
        Test("a_source_that_does_not_fit_is_polled_when_another_goes");
    the_static_key_leaks: BIND,
        "\tstatic_branch_dec(&poll_source_key);\n",
        "",
        Test("the static key stays on");
    interrupts_that_break_in_are_forgotten: WAIT,
        "\t\t\tpoll_core_missed(&pc->core, probe->slot);\n",
        "",
        Test("polled again");
    one_source_alone_is_probed: WAIT,
        "if (++pc->probe >= pc->slots)",
        "if (pc->probe >= pc->slots)",
        Test("each_source_is_probed_in_its_turn");
    a_source_stays_where_it_was: WAIT,
        "\t\t\tpoll_source_follow();\n",
        "\t\t\t;\n",
        Test("a_source_follows_its_interrupt");
    the_cpu_is_never_relaxed: WAIT,
        "\t\t\tcpu_relax();\n",
        "",
        Test("the_cpu_is_relaxed_when_there_is_nothing_to_look_at");
    what_the_driver_stores_is_overwritten: RING,
        "bool swapped = sync_cmpxchg(event, old, new) == old;",
        "bool swapped = (sync_cmpxchg(event, old, new), WRITE_ONCE(*event, new), true);",
        Run(&["--test", "ring"], "what_the_driver_stores_at_the_return_stays");
    /// Fault 2.
    a_driver_is_told_at_each_look: FLAGS,
        "if self.told || !ring.wanted()",
        "if !ring.wanted()",
        Run(&["--test", "ring"], "a_driver_that_has_been_told_is_not_told_again");
    /// Fault 5.
    what_was_told_is_remembered_too_long: FLAGS,
        "self.told &= !lapsed && taken == self.at;",
        "self.told &= taken == self.at;",
        Run(&["--test", "ring"], "a_driver_that_asked_again_is_told");
    every_ring_has_the_most_entries: FFI,
        "        self.size\n    }",
        "        0x2000\n    }",
        Run(&["--test", "ring"], "a_driver_that_is_off_stays_off");
    /// Fault 8.
    an_unknown_input_counts_as_rested: FFI,
        "_ => return None,",
        "_ => Input::Rested,",
        Test("an_input_that_is_none_changes_nothing");
    a_source_is_bound_while_its_cpu_waits: BIND,
        "work_on_cpu(cpu, poll_source_bind_here, source);",
        "poll_source_bind_here(source);",
        Sanitizer("thread", &["--test", "threads"], "poll_source_bind_here");
    a_source_that_is_gone_is_looked_at: BIND,
        "\tlist_del_init(&source->node);\n\tpoll_source_unbind(source);\n",
        "\tlist_del_init(&source->node);\n",
        Sanitizer("address", &["--test", "shim", "a_source_that_is_gone_is_not_looked_at"], "AddressSanitizer: heap-use-after-free");
}
