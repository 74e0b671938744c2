// SPDX-License-Identifier: GPL-2.0

//! Tests that a look costs the same for one source as for 256. The cost is the number
//! of instructions, counted by callgrind. Times are not measured here.

use std::env;
use std::fs;
use std::hint::black_box;
use std::process::Command;

use poll_core::poll::borrow::{Look, Owed};
use poll_core::poll::poll_wait::{wait, Cpu, CLOCK_LOOKS};
use poll_core::poll::sched::{Sched, Slot, MAX_SOURCES};

const SOURCES: [usize; 5] = [1, 4, 16, 64, MAX_SOURCES];
/// Readings of the clock in a short and in a long wait. Only looks make the difference: in both
/// each ring is borrowed and given back once.
const CLOCKS: [u64; 2] = [200, 1_200];
/// Environment variable for the child: the number of sources, their heat, readings of the clock.
const CHILD: &str = "POLL_STEP_COST";

/// A CPU whose rings have no work. The first look at a ring borrows it.
struct Quiet {
    time: u64,
    /// When the CPU has something to run.
    end: u64,
}

impl Cpu for Quiet {
    fn resched(&self) -> bool {
        black_box(self.time == self.end)
    }

    fn clock(&mut self) -> u64 {
        self.time += 1;
        self.time
    }

    fn rest(&mut self) {
        panic!("there are sources to look at");
    }

    fn look(&mut self, slot: Slot, _now: u64) -> Look {
        black_box(slot);
        Look::Borrowed
    }

    fn give_back(&mut self, _slot: Slot, _now: u64) -> Owed {
        Owed::Nothing
    }

    fn hit(&mut self, _slot: Slot, _softirqs: bool, _start: u64) -> Option<u64> {
        panic!("there is no work");
    }

    fn softirqs(&mut self, _slot: Slot, _start: u64) -> u64 {
        panic!("there was no hit");
    }
}

/// A wait in which every look finds nothing. Callgrind finds this function by its name, and
/// collects only what is called from here.
#[inline(never)]
fn counted_wait(sched: &mut Sched, clocks: u64) {
    let mut cpu = Quiet {
        time: 0,
        end: clocks,
    };
    assert!(wait(sched, &mut cpu, 0, u64::MAX));
}

fn be_counted(sources: usize, hot: bool, clocks: u64) {
    let mut sched = Sched::default();

    for _ in 0..sources {
        let slot = sched.add().expect("there is room");
        if hot {
            sched.missed(slot);
        }
    }
    counted_wait(&mut sched, clocks);
}

/// Runs this program as a child under callgrind. Returns the instructions of a wait.
fn instructions(sources: usize, heat: &str, clocks: u64) -> f64 {
    let dir = tempfile::tempdir().expect("making a temporary folder");
    let counts = dir.path().join("callgrind.out");
    let mut valgrind = Command::new("valgrind");

    valgrind
        .args(["--tool=callgrind", "--toggle-collect=*counted_wait*"])
        .arg(format!("--callgrind-out-file={}", counts.display()))
        .arg(env::current_exe().expect("this program's path"))
        .args(["--exact", "looks_cost_the_same_for_any_number_of_sources"])
        .env(CHILD, format!("{sources} {heat} {clocks}"));
    let output = valgrind
        .output()
        .unwrap_or_else(|err| panic!("running {valgrind:?}: {err}; install valgrind"));
    assert!(output.status.success(), "{valgrind:?}: {output:?}");

    let counts = fs::read_to_string(&counts).expect("reading callgrind's counts");
    counts
        .lines()
        .find_map(|line| line.strip_prefix("totals: ")?.trim().parse().ok())
        .expect("callgrind's counts have a total")
}

fn instructions_per_look(sources: usize, heat: &str) -> f64 {
    let [short, long] = CLOCKS.map(|clocks| instructions(sources, heat, clocks));
    let looks = (CLOCKS[1] - CLOCKS[0]) * u64::from(CLOCK_LOOKS);

    (long - short) / looks as f64
}

#[test]
fn looks_cost_the_same_for_any_number_of_sources() {
    if let Ok(task) = env::var(CHILD) {
        let words: Vec<&str> = task.split(' ').collect();
        let [sources, heat, clocks] = words[..] else {
            panic!("sources, heat and clocks");
        };
        let [sources, clocks] = [sources, clocks].map(|it| it.parse().expect("a number"));
        return be_counted(sources as usize, heat == "hot", clocks);
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
