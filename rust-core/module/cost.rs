// SPDX-License-Identifier: GPL-2.0

//! Tests what the compiled code of a wait costs. Callgrind counts its instructions and reports
//! which of them run.

extern crate std;

use core::cell::Cell;
use core::ffi::c_ulong;
use core::hint::black_box;
use core::mem::{self, MaybeUninit};
use std::boxed::Box;
use std::collections::BTreeMap;
use std::process::{self, Command};
use std::string::String;
use std::{env, format, fs, println};

use super::bindings::{poll_core, poll_ring, poll_ring_kind_POLL_RING_EVENT as EVENT};
use super::doubles::{answer, ring, Call, SWAPS};
use super::poll::poll_wait::CLOCK_LOOKS;
use super::{poll_core_add, poll_core_missed, poll_core_wait};

/// Upper limit for the instructions of a look, with its share of all else in a wait but the clock.
/// The compiled code now needs 36.2.
const MOST: f64 = 38.0;
/// Number of readings of the clock in the wait that is counted.
const TURNS: u64 = 1000;
const LOOKS: u64 = TURNS * CLOCK_LOOKS as u64;
const RESCHED: c_ulong = 8;
/// Environment variable that marks the process as the child to count.
const CHILD: &str = "POLL_LOOK_COST";

/// Callgrind counts this function and everything that it calls, but for the clock. It finds the
/// functions by name.
#[inline(never)]
fn counted_wait(core: *mut poll_core, rings: *const *mut poll_ring, flags: *const c_ulong) -> bool {
    // SAFETY: As in be_counted().
    unsafe { poll_core_wait(core, rings, flags, RESCHED, 0, u64::MAX) }
}

/// Runs in the child: waits, and looks at so many hot sources, at most two, without work.
fn be_counted(sources: u8) {
    // SAFETY: C's type has no invalid bytes, and begins as zero bytes.
    let mut core: poll_core = unsafe { MaybeUninit::zeroed().assume_init() };
    let ((mut first, one), (mut second, other)) = (ring(EVENT, 256), ring(EVENT, 256));
    let rings = [&raw mut *first, &raw mut *second];
    let flags: &'static Cell<c_ulong> = Box::leak(Box::new(Cell::new(0)));
    let mut turns = 0;

    one.avail.set(1);
    other.avail.set(1);
    answer(move |call| {
        assert_eq!(call, Call::Clock);
        turns += 1;
        if turns == TURNS {
            flags.set(RESCHED);
        }
        turns
    });
    for slot in 0..sources {
        // SAFETY: The core and the rings belong to this function, and nobody else uses them.
        unsafe {
            assert_eq!(poll_core_add(&raw mut core), slot.into());
            poll_core_missed(&raw mut core, slot);
        }
    }
    assert!(counted_wait(
        &raw mut core,
        black_box(rings.as_ptr()),
        flags.as_ptr()
    ));
    let sources = u64::from(sources);
    assert_eq!(SWAPS.get() as u64, 2 * sources);
    assert_eq!(first.looks + second.looks, LOOKS * sources.min(1));
}

/// Runs `test` of this program as a child under callgrind, and returns what callgrind wrote.
fn count(test: &str) -> String {
    let out = env::temp_dir().join(format!("poll-look-cost.{test}.{}", process::id()));
    let mut valgrind = Command::new("valgrind");

    valgrind
        .args(["--tool=callgrind", "--dump-instr=yes"])
        // Each goes from counting to not counting, and back at its return.
        .args(["counted_wait", "poll_core_clock"].map(|it| format!("--toggle-collect=*{it}*")))
        .arg(format!("--callgrind-out-file={}", out.display()))
        .arg(env::current_exe().expect("this program's path"))
        .args(["--exact", &format!("cost::{test}")])
        .env(CHILD, "");
    let output = valgrind
        .output()
        .unwrap_or_else(|err| panic!("running {valgrind:?}: {err}; install valgrind"));
    assert!(output.status.success(), "{valgrind:?}: {output:?}");
    let counts = fs::read_to_string(&out).expect("reading callgrind's counts");
    let _ = fs::remove_file(&out);
    counts
}

/// Returns how often the instruction at each address ran. A line of `counts` is
/// `ADDRESS LINE COUNT`; the address may be relative to the previous one. The line after `calls=`
/// has the total of a call, which is left out.
fn runs(counts: &str) -> BTreeMap<u64, u64> {
    let mut runs = BTreeMap::new();
    let (mut at, mut call) = (0u64, false);

    for line in counts.lines() {
        let mut words = line.split(' ');
        let address = words.next().unwrap_or_default();
        match address.split_at_checked(1) {
            Some(("0", hex)) if hex.starts_with('x') => {
                at = u64::from_str_radix(&hex[1..], 16).expect("an address");
            }
            Some(("+", more)) => at += more.parse::<u64>().expect("a distance"),
            Some(("-", less)) => at -= less.parse::<u64>().expect("a distance"),
            Some(("*", "")) => {}
            _ => {
                call |= line.starts_with("calls=");
                continue;
            }
        }
        if !mem::take(&mut call) {
            let count: u64 = words
                .nth(1)
                .map_or(0, |count| count.parse().expect("a count"));
            *runs.entry(at).or_default() += count;
        }
    }
    runs
}

/// Returns the instructions of this program, by address.
fn instructions() -> BTreeMap<u64, String> {
    let output = Command::new("objdump")
        .args(["--disassemble", "--no-show-raw-insn"])
        .arg(env::current_exe().expect("this program's path"))
        .output()
        .unwrap_or_else(|err| panic!("running objdump: {err}; install binutils"));
    let text = String::from_utf8(output.stdout).expect("objdump writes text");
    let instruction = |line: &str| {
        let (address, rest) = line.split_once(":\t")?;
        Some((u64::from_str_radix(address.trim(), 16).ok()?, rest.into()))
    };

    text.lines().filter_map(instruction).collect()
}

#[test]
fn a_look_costs_few_instructions() {
    if env::var_os(CHILD).is_some() {
        return be_counted(2);
    }
    let runs = runs(&count("a_look_costs_few_instructions"));
    let cost = runs.values().sum::<u64>() as f64 / LOOKS as f64;

    println!("{cost:.1} instructions a look");
    assert!(cost > 1.0, "nothing was counted");
    assert!(cost <= MOST, "{cost} instructions");

    let instructions = instructions();
    let each_look = |(_, runs): &(&u64, &u64)| **runs > LOOKS / 2;
    let mut found = 0;
    for (address, _) in runs.iter().filter(each_look) {
        let instruction = &instructions[address];
        found += 1;
        assert!(
            !instruction.starts_with("call") && !instruction.contains('*'),
            "in each look: {instruction}"
        );
        assert_ne!(instruction.trim_end(), "pause", "a look relaxes the CPU");
    }
    assert!(found > 10, "{found} instructions in each look");
}

#[test]
fn a_cpu_with_nothing_to_look_at_pauses() {
    if env::var_os(CHILD).is_some() {
        return be_counted(0);
    }
    let runs = runs(&count("a_cpu_with_nothing_to_look_at_pauses"));
    let instructions = instructions();
    let is_pause = |(address, _): &(&u64, &u64)| {
        let instruction = instructions.get(address);
        instruction.is_some_and(|it| it.trim_end() == "pause")
    };
    let pauses: u64 = runs.iter().filter(is_pause).map(|(_, runs)| runs).sum();

    assert_eq!(pauses, LOOKS);
}
