// SPDX-License-Identifier: GPL-2.0

//! Tests how many instructions of the compiled code a look costs. Callgrind counts them and reports
//! which of them run.

extern crate std;

use core::ffi::c_ulong;
use core::hint::black_box;
use core::mem::{self, MaybeUninit};
use std::collections::BTreeMap;
use std::process::{self, Command};
use std::string::String;
use std::{env, format, fs, println};

use super::doubles::{ring, SWAPS};
use super::ffi::{action, input, kind, PollCore, PollRing};
use super::poll::machine::CLOCK_LOOKS;
use super::{poll_core_add, poll_core_init, poll_core_missed, poll_core_start, poll_core_step};

/// Upper limit for the instructions of a look, with its share of the call to `poll_core_step()`.
/// The compiled code now needs 39.9.
const MOST: f64 = 40.0;
/// Number of counted calls. Each call looks until the core asks for the clock.
const CALLS: u64 = 1000;
const LOOKS: usize = CLOCK_LOOKS as usize;
const RESCHED: c_ulong = 8;
/// Environment variable that marks the process as the child to count.
const CHILD: &str = "POLL_LOOK_COST";

type Step = unsafe extern "C" fn(
    *mut PollCore,
    *const *mut PollRing,
    *const c_ulong,
    c_ulong,
    u32,
    u64,
    u64,
) -> u32;

/// Callgrind counts this function and everything that it calls. It finds the function by name.
#[inline(never)]
fn counted_looks(core: *mut PollCore, rings: *const *mut PollRing, flags: *const c_ulong) {
    // The black box keeps this a call, as from C.
    let call: Step = black_box(poll_core_step);

    for now in 0..CALLS {
        // SAFETY: As in be_counted().
        let step = unsafe { call(core, rings, flags, RESCHED, input::CLOCK_READ, now, 0) };

        assert_eq!(step, action::CLOCK);
    }
}

/// Runs in the child: looks at two hot sources, both borrowed and without work.
fn be_counted() {
    let mut core = MaybeUninit::<PollCore>::uninit();
    let core = core.as_mut_ptr();
    let ((mut first, one), (mut second, other)) = (ring(kind::EVENT, 256), ring(kind::EVENT, 256));
    let rings = [&raw mut *first, &raw mut *second];
    let flags = black_box(0);

    one.avail.set(1);
    other.avail.set(1);
    // SAFETY: The core and the rings belong to this function, and nobody else uses them.
    unsafe {
        poll_core_init(core);
        for slot in 0..2 {
            assert_eq!(poll_core_add(core), slot.into());
            poll_core_missed(core, slot);
        }
        let step = poll_core_start(core, rings.as_ptr(), &raw const flags, RESCHED, 0, u64::MAX);
        assert_eq!(step, action::CLOCK);
    }
    counted_looks(core, rings.as_ptr(), &raw const flags);
    assert_eq!(SWAPS.get(), 2);
    assert_eq!(first.looks + second.looks, (CALLS + 1) as usize * LOOKS);
}

/// Runs this program as a child under callgrind, and returns what callgrind wrote.
fn count() -> String {
    let out = env::temp_dir().join(format!("poll-look-cost.{}", process::id()));
    let mut valgrind = Command::new("valgrind");

    valgrind
        .args(["--tool=callgrind", "--dump-instr=yes"])
        .arg("--toggle-collect=*counted_looks*")
        .arg(format!("--callgrind-out-file={}", out.display()))
        .arg(env::current_exe().expect("this program's path"))
        .args(["--exact", "cost::a_look_costs_few_instructions"])
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
        return be_counted();
    }
    let runs = runs(&count());
    let looks = CALLS * LOOKS as u64;
    let cost = runs.values().sum::<u64>() as f64 / looks as f64;

    println!("{cost:.1} instructions a look");
    assert!(cost > 1.0, "nothing was counted");
    assert!(cost <= MOST, "{cost} instructions");

    let instructions = instructions();
    let each_look = |(_, runs): &(&u64, &u64)| **runs > looks / 2;
    let mut found = 0;
    for (address, _) in runs.iter().filter(each_look) {
        let instruction = &instructions[address];
        found += 1;
        assert!(
            !instruction.starts_with("call") && !instruction.contains('*'),
            "in each look: {instruction}"
        );
    }
    assert!(found > 10, "{found} instructions in each look");
}
