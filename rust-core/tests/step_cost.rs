// SPDX-License-Identifier: GPL-2.0

//! Tests that a look costs the same for one source as for 256. The cost is the number
//! of instructions, counted by callgrind. Times are not measured here.

use std::env;
use std::fs;
use std::hint::black_box;
use std::process::Command;

use poll_core::poll::machine::CLOCK_LOOKS;
use poll_core::poll::{Action, Input, Look, Machine, Owed, Slot, Sources, MAX_SOURCES};

const SOURCES: [usize; 5] = [1, 4, 16, 64, MAX_SOURCES];
const STEPS: u64 = 1_000;
/// Environment variable for the child: the number of sources, and their heat.
const CHILD: &str = "POLL_STEP_COST";

/// Rings without work. The first look at a ring borrows it.
struct Quiet;

impl Sources for Quiet {
    fn resched(&self) -> bool {
        black_box(false)
    }

    fn look(&mut self, slot: Slot, _now: u64) -> Look {
        black_box(slot);
        Look::Borrowed
    }

    fn give_back(&mut self, _slot: Slot, _now: u64) -> Owed {
        Owed::Nothing
    }

    fn not_told(&mut self, _slot: Slot) {}
}

/// Takes steps of a wait in which every look finds nothing. Callgrind finds this
/// function by its name, and collects only what is called from here.
#[inline(never)]
fn counted_steps(machine: &mut Machine) {
    for now in 0..STEPS {
        let action = machine.step(&mut Quiet, black_box(Input::Clock { now }));
        assert_eq!(action, Action::Clock);
    }
}

fn be_counted(sources: usize, hot: bool) {
    let mut machine = Machine::new();

    for _ in 0..sources {
        let slot = machine.add().expect("there is room");
        if hot {
            machine.missed(slot);
        }
    }
    machine.start(&mut Quiet, 0, u64::MAX);
    // Not counted. Afterwards all sources are borrowed.
    for now in 0..MAX_SOURCES as u64 {
        machine.step(&mut Quiet, Input::Clock { now });
    }
    counted_steps(&mut machine);
}

/// Runs this program as a child under callgrind. Returns the instructions per look.
fn instructions_per_look(sources: usize, heat: &str) -> f64 {
    let dir = tempfile::tempdir().expect("making a temporary folder");
    let counts = dir.path().join("callgrind.out");
    let mut valgrind = Command::new("valgrind");

    valgrind
        .args(["--tool=callgrind", "--toggle-collect=*counted_steps*"])
        .arg(format!("--callgrind-out-file={}", counts.display()))
        .arg(env::current_exe().expect("this program's path"))
        .args(["--exact", "looks_cost_the_same_for_any_number_of_sources"])
        .env(CHILD, format!("{sources} {heat}"));
    let output = valgrind
        .output()
        .unwrap_or_else(|err| panic!("running {valgrind:?}: {err}; install valgrind"));
    assert!(output.status.success(), "{valgrind:?}: {output:?}");

    let counts = fs::read_to_string(&counts).expect("reading callgrind's counts");
    let total: f64 = counts
        .lines()
        .find_map(|line| line.strip_prefix("totals: ")?.trim().parse().ok())
        .expect("callgrind's counts have a total");
    total / (STEPS * u64::from(CLOCK_LOOKS)) as f64
}

#[test]
fn looks_cost_the_same_for_any_number_of_sources() {
    if let Ok(task) = env::var(CHILD) {
        let (sources, heat) = task.split_once(' ').expect("sources and heat");
        return be_counted(sources.parse().expect("a number"), heat == "hot");
    }
    for heat in ["hot", "cold"] {
        let costs = SOURCES.map(|sources| instructions_per_look(sources, heat));
        let least = costs.into_iter().fold(f64::MAX, f64::min);

        println!("instructions per look, {heat} sources:");
        for (sources, cost) in SOURCES.iter().zip(costs) {
            println!("{sources:>5} {cost:>8.1}");
        }
        assert!(least > 1.0, "nothing was counted");
        for (sources, cost) in SOURCES.iter().zip(costs) {
            assert!(
                cost <= least * 1.1,
                "{sources} sources: {cost} instructions per look, the least is {least}"
            );
        }
    }
}
