// SPDX-License-Identifier: GPL-2.0

//! Breaks in what the core needs of C: the memory of rings, and the border.

use crate::plant::Break;

fn planted<'a>(file: &'a str, name: &'a str, from: &'a str, to: &'a str) -> Break<'a> {
    Break {
        package: "poll-core-module",
        ..Break::of(file, &["--lib"], name, from, to)
    }
}

fn memory<'a>(name: &'a str, from: &'a str, to: &'a str) -> Break<'a> {
    planted("rust-core/src/poll/ffi.rs", name, from, to)
}

fn header<'a>(name: &'a str, from: &'a str, to: &'a str) -> Break<'a> {
    planted("c-shim/kernel/include/linux/poll_core.h", name, from, to)
}

#[test]
fn an_index_out_of_range_is_followed() {
    memory("range", "if index >= self.size {", "if index > self.size {")
        .fails_test("rings::an_index_that_is_out_of_range_is_not_followed");
}

#[test]
fn any_ring_is_as_large_as_can_be() {
    memory("size", "        self.size\n", "        0x2000\n")
        .fails_test("rings::an_event_index_is_judged_by_the_rings_size");
}

#[test]
fn the_wrap_counter_is_half_compared() {
    memory(
        "half-wrap",
        "flags >> AVAIL & 1 == wrap && flags >> USED & 1 == wrap",
        "flags >> USED & 1 == wrap",
    )
    .fails_test("rings::a_packed_ring_comes_round");
}

#[test]
fn the_first_descriptor_is_looked_at() {
    memory(
        "first-descriptor",
        "self.used.add(usize::from(index) * DESCRIPTOR)",
        "self.used.add(usize::from(index) / 4 * DESCRIPTOR)",
    )
    .fails_test("rings::a_packed_ring_is_looked_at_where_its_driver_takes_next");
}

#[test]
fn a_batch_is_not_seen() {
    memory("no-batch", "!self.batch.is_null() && ", "false && ")
        .fails_test("rings::a_batch_that_is_not_taken_whole_is_work");
}

#[test]
fn a_driver_that_is_off_wants_interrupts() {
    memory(
        "off-wants",
        "shadow & NO_INTERRUPT == 0",
        "shadow & NO_INTERRUPT <= 1",
    )
    .fails_test("rings::flags_of_a_driver_that_is_off_stay_off");
}

#[test]
fn a_short_ring_comes_round_unnoticed() {
    memory(
        "period",
        "            2 * u32::from(self.size)",
        "            1 << 16",
    )
    .fails_test("rings::what_a_ring_with_flags_was_told_is_forgotten_in_time");
}

#[test]
fn flags_go_by_an_old_clock() {
    memory(
        "old-clock",
        "self.flags.look(&self.memory, clock())",
        "self.flags.look(&self.memory, 0)",
    )
    .fails_test("rings::what_a_ring_with_flags_was_told_is_forgotten_in_time");
}

#[test]
fn the_wrong_kind_is_owed() {
    memory(
        "wrong-kind",
        "            self.index.not_told()",
        "            self.flags.not_told()",
    )
    .fails_test("rings::what_was_refused_is_owed_by_either_kind");
}

#[test]
fn an_idle_device_is_borrowed() {
    memory(
        "idle-borrowed",
        "self.used() != unsafe { read(self.avail) }",
        "self.used() != unsafe { read(self.avail) } || true",
    )
    .fails_test("rings::an_event_index_is_borrowed_and_given_back");
}

#[test]
fn an_unknown_input_is_taken_for_rest() {
    memory(
        "unknown-rests",
        "_ => return None,",
        "_ => Input::HitRefused,",
    )
    .fails_test("rings::a_wait_goes_from_step_to_step");
}

#[test]
fn each_look_reads_the_clock() {
    memory(
        "clock-each-look",
        "self.index.look(&self.memory, now)",
        "self.index.look(&self.memory, now.max(clock()))",
    )
    .fails_test("a_look_costs_few_instructions");
}

#[test]
fn c_numbers_its_inputs_otherwise() {
    header(
        "numbers",
        "	POLL_CORE_HIT_REFUSED,	/*",
        "	POLL_CORE_HIT_REFUSED = 7,	/*",
    )
    .fails_test("crossing::numbers_are_the_same");
}

#[test]
fn c_has_its_fields_elsewhere() {
    header(
        "fields",
        "	u16 size;
	u8 kind;",
        "	u8 kind;
	u16 size;",
    )
    .fails_test("crossing::fields_are_in_the_same_place");
}

#[test]
fn c_has_its_arguments_in_another_order() {
    header(
        "arguments",
        "u32 input, u64 now, u64 spent);",
        "u64 now, u32 input, u64 spent);",
    )
    .fails_build("mismatched types");
}
